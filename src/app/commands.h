// What the command line does, one function a command. Each returns the process' exit code:
// 0 done, 1 the answer is no (a check failed, witnesses differ), 2 it could not be asked.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sightglass::app {

struct ServeArguments {
  std::string config_file;      // "": sightglass.yaml in the working directory if it is there
  std::string data;             // overrides the file
  std::string listen;           // overrides the file
  bool reset_counters = false;  // where no snapshot can be read and the journal is cut
};
int serve_command(const ServeArguments& arguments);

struct DemoArguments {
  std::string trace;        // "": similar traffic by itself
  std::string speed = "1";  // a factor, or "max"
  std::string data;         // "": a fresh folder below the temporary one, removed at the end
  std::string listen = "127.0.0.1:2906";
  std::string faults;         // "standard": the fault plan
  std::int64_t requests = 0;  // 0: no end (without a trace)
  bool exit = false;          // end after the trace
  bool json = false;          // print the witnesses' tallies at the end
};
int demo_command(const DemoArguments& arguments);

struct SimulateArguments {
  std::string listen = "127.0.0.1:0";
  std::string tally;
  std::string port_file;
  std::string faults;
};
int simulate_command(const SimulateArguments& arguments);

struct CheckArguments {
  std::string config_file;
  bool reference = false;  // print the configuration reference
};
int check_command(const CheckArguments& arguments);

struct DoctorArguments {
  std::string config_file;
};
int doctor_command(const DoctorArguments& arguments);

struct ReconcileArguments {
  std::string data = "data";
  bool json = false;
  std::int64_t timeout_s = 10;
};
int reconcile_command(const ReconcileArguments& arguments);

struct ReportArguments {
  std::string data = "data";
  std::string pack;  // "": every pack that has a report
  std::string since = "24h";
  bool json = false;
};
int report_command(const ReportArguments& arguments);

struct QueryArguments {
  std::string data = "data";
  std::string since, start, end;  // "": the last 24 hours
  std::string of;                 // requests or events
  std::string filter, group_by, step, order, limit;
  std::vector<std::string> stats;  // none: count
  bool compare = false;            // with the period before
  bool offline = false;            // the files, whether or not a server runs
  std::string config_file;         // whose packs know the fields, for the files
  bool rows = false;               // each step a line
  bool json = false;
  bool csv = false;
};
int query_command(const QueryArguments& arguments);

struct ExportArguments {
  std::string data = "data";
  std::string config_file;  // for its packs, when there is a filter
  std::string start, end;   // Unix seconds; "": no bound
  std::string since;        // instead of start
  std::string filter;       // "": every row
  std::string format = "ndjson";
  std::string output = "-";
};
int export_command(const ExportArguments& arguments);

struct BackupArguments {
  std::string data = "data";
  std::string folder;
};
int backup_command(const BackupArguments& arguments);
int restore_command(const BackupArguments& arguments);

struct AdminKeyArguments {
  std::string data = "data";
  bool renew = false;
};
int admin_key_command(const AdminKeyArguments& arguments);

struct AuditArguments {
  std::string data = "data";
  std::string file;  // "": audit/audit.jsonl in `data`
  std::string head;  // a hash that must be among the links
  bool json = false;
};
int audit_verify_command(const AuditArguments& arguments);

struct IdentifierArguments {
  std::string data = "data";
  std::string file;               // "": standard input
  std::string kind;               // "": every kind
  std::int64_t timeout_s = 3600;  // forget only
  bool json = false;
};
int lookup_command(const IdentifierArguments& arguments);
int forget_command(const IdentifierArguments& arguments);

struct KeyringArguments {
  std::string data = "data";
  bool rotate = false;  // else show
  bool now = false;     // else at midnight
  bool json = false;
};
int keyring_command(const KeyringArguments& arguments);

struct IngestArguments {
  std::vector<std::string> files;  // "-": standard input
  bool follow = false;
  std::string data = "data";
  std::string url;       // "": the server's Unix socket below `data`
  std::string key_file;  // "": SIGHTGLASS_INGEST_KEY, or none
  std::string format = "auto";
  std::string source;            // "": by content
  std::int64_t batch_bytes = 0;  // 0: 4 MiB
  std::int64_t wait_s = 60;      // for a server that is away
  bool json = false;
  bool quiet = false;
};
int ingest_command(const IngestArguments& arguments);

struct MatchArguments {
  std::optional<std::string> pattern;  // with patterns_file: the first file instead
  std::vector<std::string> files;      // "-" is standard input, and so is none at all
  std::string patterns_file;           // count each titled pattern of it
  std::string config_file;             // whose packs know the event types
  bool count = false;
  bool explain = false;
  bool extract = false;
  bool json = false;
  bool line_numbers = false;
};
int match_command(const MatchArguments& arguments);

struct PackArguments {
  std::string config_file;
  std::string file;          // of draft: a log, "-" for standard input
  std::string name = "own";  // of draft: the new pack's
  bool json = false;
};
int pack_list_command(const PackArguments& arguments);
int pack_draft_command(const PackArguments& arguments);

}  // namespace sightglass::app
