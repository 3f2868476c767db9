// Where the sum `accepted = stored + dropped` begins.
#pragma once

#include "base/result.h"
#include "journal/fold.h"
#include "journal/journal.h"

namespace sightglass::app {

// Where the folds have not all counted from the same record (a data folder of an older version,
// counters that were reset, a store switched on or off), they begin anew together, with a record
// of this. To be called when every fold is loaded and before anything else is recorded. `store` may
// be null. Errors: kUnavailable while nothing can be recorded.
Status begin_account(journal::Journal& journal, const journal::Fold& meter,
                     const journal::Fold& ingest, const journal::Fold* store);

}  // namespace sightglass::app
