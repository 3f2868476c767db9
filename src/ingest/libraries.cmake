# ingest: nothing beyond what the rooms below lean on.
