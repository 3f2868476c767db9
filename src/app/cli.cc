#include "app/cli.h"

#include <CLI/CLI.hpp>

#include "app/commands.h"
#include "app/version.h"

namespace sightglass::app {
namespace {

void add_serve(CLI::App& app, ServeArguments& a) {
  auto* serve = app.add_subcommand("serve", "Run the server");
  serve->add_option("--config", a.config_file,
                    "Configuration file (default: sightglass.yaml if it is there)");
  serve->add_option("--data", a.data, "Data folder, in place of the file's");
  serve->add_option("--listen", a.listen, "Address and port, in place of the file's");
  serve->add_flag("--reset-counters", a.reset_counters,
                  "Begin counters at 0 where their snapshots are lost; refuses to start otherwise");
  serve->footer("Example: sightglass serve --listen 127.0.0.1:2906 --data ./data");
}

void add_demo(CLI::App& app, DemoArguments& a) {
  auto* demo = app.add_subcommand("demo", "Run the server with simulated providers and traffic");
  demo->add_option("--trace", a.trace, "CSV of TIMESTAMP,ContextTokens,GeneratedTokens to replay");
  demo->add_option("--speed", a.speed, "Speed of the replay: a factor such as 20, or max");
  demo->add_option("--data", a.data, "Data folder (default: a fresh one, removed at the end)");
  demo->add_option("--listen", a.listen, "Address and port of the server");
  demo->add_option("--requests", a.requests, "End after so many requests (without a trace)");
  demo->add_option("--faults", a.faults, "Inject faults: standard");
  demo->add_flag("--exit", a.exit, "End when the traffic has ended");
  demo->add_flag("--json", a.json, "Print each witness' tally as one JSON object at the end");
  demo->footer("Example: sightglass demo --trace trace.csv --speed max --exit --json");
}

void add_simulate(CLI::App& app, SimulateArguments& a) {
  auto* simulate = app.add_subcommand("simulate", "Run simulated OpenAI and Anthropic providers");
  simulate->add_option("--listen", a.listen, "Address and port; port 0 takes a free one");
  simulate->add_option("--tally", a.tally, "File that gets a line of JSON per request");
  simulate->add_option("--port-file", a.port_file, "File that gets the bound port");
  simulate->add_option("--faults", a.faults, "Inject faults: standard");
  simulate->footer("Example: sightglass simulate --listen 127.0.0.1:9101 --tally tally.jsonl");
}

void add_check(CLI::App& app, CheckArguments& a) {
  auto* check =
      app.add_subcommand("check", "Validate configuration, packs and prices without starting");
  check->add_option("--config", a.config_file,
                    "Configuration file (default: sightglass.yaml if it is there)");
  check->add_flag("--reference", a.reference, "Print the configuration reference instead");
  check->footer("Example: sightglass check --config sightglass.yaml");
}

void add_doctor(CLI::App& app, DoctorArguments& a) {
  auto* doctor = app.add_subcommand(
      "doctor", "Ask the ClickHouse servers of storage.runtime whether they can take rows");
  doctor->add_option("--config", a.config_file,
                     "Configuration file (default: sightglass.yaml if it is there)");
  doctor->footer(
      "Writes nothing. Exit code: 0 all is well, 1 something is not and the next step is said, "
      "2 the configuration cannot be read.\nExample: sightglass doctor --config sightglass.yaml");
}

void add_reconcile(CLI::App& app, ReconcileArguments& a) {
  auto* reconcile = app.add_subcommand(
      "reconcile", "Prove on the running server that metrics, live totals, store and log agree");
  reconcile->add_option("--data", a.data, "The server's data folder");
  reconcile->add_option("--timeout", a.timeout_s, "Seconds to wait for every witness")
      ->check(CLI::Range(1, 3600));
  reconcile->add_flag("--json", a.json, "Print the answer as JSON");
  reconcile->footer(
      "Exit code: 0 they agree, 1 they differ, 2 no answer.\nExample: sightglass reconcile --data "
      "./data");
}

void add_report(CLI::App& app, ReportArguments& a) {
  auto* report = app.add_subcommand("report", "Print key metrics and dashboards of the packs");
  report->add_option("--pack", a.pack, "One pack (default: every pack that has a report)");
  report->add_option("--since", a.since, "How far back, 1h to 90d (default: 24h)");
  report->add_option("--data", a.data, "The server's data folder");
  report->add_flag("--json", a.json, "Print the answer as JSON, one object a pack");
  report->footer("Example: sightglass report --pack morpheus --since 7d --data ./data");
}

void add_query(CLI::App& app, QueryArguments& a) {
  auto* query = app.add_subcommand("query", "Ask the history: counts, sums, percentiles over time");
  query->add_option("--since", a.since, "How far back, such as 90m, 24h, 7d (default: 24h)");
  query->add_option("--start", a.start, "Unix seconds, in place of --since");
  query->add_option("--end", a.end, "Unix seconds (default: now)");
  query->add_option("--of", a.of,
                    "requests (default), or events: every row, those of applications "
                    "too");
  query->add_option("--filter", a.filter, "A filter pattern, such as { $.outcome = \"error\" }");
  query->add_option("--group-by", a.group_by, "Up to four fields, between commas");
  query->add_option("--stat", a.stats,
                    "count (default), sum(FIELD), avg(FIELD), min, max, p50 to p99.9, distinct, "
                    "rate, share, ratio(A / B), errors, error_rate, success_rate; several between "
                    "commas");
  query->add_option("--step", a.step, "A number for each step of time, such as 5m, 1h, 1d");
  query->add_option("--order", a.order,
                    "Columns between commas; --order=-COLUMN: the greatest first");
  query->add_option("--limit", a.limit, "So many groups at most (default: 100)");
  query->add_flag("--compare", a.compare, "Beside each number that of the period before");
  query->add_option("--data", a.data, "The server's data folder");
  query->add_flag("--offline", a.offline, "Read the folder's sealed files, ask no server");
  query->add_option("--config", a.config_file, "Configuration file, for its packs, with the files");
  query->add_flag("--rows", a.rows, "With --step: a line for each step instead of a sparkline");
  auto* json = query->add_flag("--json", a.json, "Print the answer as JSON");
  query->add_flag("--csv", a.csv, "Print the rows as CSV")->excludes(json);
  query->footer(
      "Exit code: 0 there are rows, 1 there is none, 2 it could not be answered.\n"
      "Examples:\n"
      "  sightglass query --since 7d --group-by provider,model --stat "
      "'count,error_rate,p95(latency_us),sum(cost_nanousd)'\n"
      "  sightglass query --since 24h --step 15m --stat 'avg(latency_us)' --compare");
}

void add_export(CLI::App& app, ExportArguments& a) {
  auto* rows = app.add_subcommand("export", "Write rows of the history as NDJSON, CSV or Parquet");
  rows->add_option("--data", a.data, "The server's data folder; it may be running");
  rows->add_option("--since", a.since, "How far back, such as 24h or 7d (default: everything)");
  rows->add_option("--start", a.start, "From this time on, Unix seconds");
  rows->add_option("--end", a.end, "Up to before this time, Unix seconds");
  rows->add_option("--filter", a.filter, "Only rows that this pattern matches");
  rows->add_option("--format", a.format, "ndjson (default), csv or parquet");
  rows->add_option("--output", a.output, "A new file (default: standard output)");
  rows->add_option("--config", a.config_file,
                   "Configuration file, for its packs (default: sightglass.yaml if it is there)");
  rows->footer(
      "Rows that a running server has not sealed yet (the newest minute) are not among them.\n"
      "Exit code: 0 done, 2 it could not be done.\n"
      "Example: sightglass export --since 7d --filter '{ $.outcome = \"error\" }' --format csv");
}

void add_backup(CLI::App& app, BackupArguments& a) {
  auto* backup = app.add_subcommand("backup", "Copy the data folder, also of a running server");
  backup->add_option("FOLDER", a.folder, "A new folder for the copy")->required();
  backup->add_option("--data", a.data, "The server's data folder");
  backup->footer(
      "The pseudonyms' key ring (keys.path) is not in it: keep it elsewhere.\n"
      "Exit code: 0 done, 2 it could not be done.\n"
      "Example: sightglass backup /backups/monday --data ./data");
  auto* restore = app.add_subcommand("restore", "Make a data folder from a backup");
  restore->add_option("FOLDER", a.folder, "The backup")->required();
  restore->add_option("--data", a.data, "The data folder to make; missing or empty");
  restore->footer("Example: sightglass restore /backups/monday --data ./data");
}

void add_admin_key(CLI::App& app, AdminKeyArguments& a) {
  auto* key = app.add_subcommand("admin-key", "Replace the admin key");
  key->add_option("--data", a.data, "The server's data folder");
  key->add_flag("--new", a.renew, "Make a new key; the old one stops working at once");
  key->footer("Example: sightglass admin-key --new --data ./data");
}

void add_audit(CLI::App& app, AuditArguments& a) {
  auto* audit = app.add_subcommand("audit", "Check the audit trail");
  audit->require_subcommand(1);
  auto* verify = audit->add_subcommand(
      "verify", "Whether each audit line is still bound to the one before it, in all files");
  verify->add_option("--data", a.data, "The server's data folder");
  verify->add_option("--file", a.file, "The trail's file, where audit.path names another one");
  verify->add_option("--head", a.head, "A head that was noted earlier and must still be a link");
  verify->add_flag("--json", a.json, "Print the answer as JSON");
  verify->footer(
      "Exit code: 0 intact, 1 broken (the first broken link is named) or --head is missing, 2 "
      "there "
      "is nothing to read.\nExample: sightglass audit verify --data ./data");
  audit->footer("Example: sightglass audit verify --data ./data");
}

void add_identifier_options(CLI::App& app, IdentifierArguments& a) {
  app.add_option("--data", a.data, "The server's data folder");
  app.add_option("--file", a.file, "File with one identifier a line, in place of standard input");
  app.add_option("--kind", a.kind, "Its kind, as packs name it: u person, s session, … (all)");
  app.add_flag("--json", a.json, "Print the answer as JSON");
}

void add_lookup(CLI::App& app, IdentifierArguments& a) {
  auto* lookup = app.add_subcommand("lookup", "Show the pseudonyms that an identifier has");
  add_identifier_options(*lookup, a);
  lookup->footer(
      "The identifier is read from standard input, so that no list of processes shows it.\n"
      "Exit code: 0 found, 1 it is no identifier, 2 no answer.\n"
      "Example: sightglass lookup --kind u --data ./data < person.txt");
}

void add_forget(CLI::App& app, IdentifierArguments& a) {
  auto* forget = app.add_subcommand("forget", "Erase what is kept about a person");
  add_identifier_options(*forget, a);
  forget->add_option("--timeout", a.timeout_s, "Seconds to wait for the end; it goes on after that")
      ->check(CLI::Range(0, 1'000'000));
  forget->footer(
      "The identifier is read from standard input, so that no list of processes shows it.\n"
      "Exit code: 0 nothing of it is left, 1 not done within the time, 2 it could not be asked.\n"
      "Example: sightglass forget --data ./data < person.txt");
}

void add_keyring(CLI::App& app, KeyringArguments& a) {
  auto* keyring = app.add_subcommand("keyring", "Show or rotate the epochs of pseudonyms");
  keyring->require_subcommand(1);
  auto* show = keyring->add_subcommand("show", "List the epochs that have a key");
  auto* rotate = keyring->add_subcommand("rotate", "Begin a new epoch at the next midnight (UTC)");
  rotate->add_flag("--now", a.now, "Begin it at once: for a ring that leaked");
  for (auto* command : {show, rotate}) {
    command->add_option("--data", a.data, "The server's data folder");
    command->add_flag("--json", a.json, "Print the answer as JSON");
  }
  rotate->callback([&a] { a.rotate = true; });
  keyring->footer("Example: sightglass keyring rotate --data ./data");
}

void add_ingest(CLI::App& app, IngestArguments& a) {
  auto* ingest = app.add_subcommand(
      "ingest", "Send log files to the running server: each line once, whatever happens");
  ingest->add_option("FILE", a.files, "Files, plain or packed (gzip, zstd); - is standard input")
      ->required();
  ingest->add_flag("-f,--follow", a.follow, "Go on as the files grow and are rotated");
  ingest->add_option("--data", a.data, "The server's data folder; its socket needs no key");
  ingest->add_option("--url", a.url, "A server elsewhere: https://host[:port]");
  ingest->add_option("--key-file", a.key_file,
                     "File with the ingest key for --url (or set SIGHTGLASS_INGEST_KEY)");
  ingest
      ->add_option("--format", a.format, "events (JSON lines), lines ([METRIC], mixed text), auto")
      ->check(CLI::IsMember({"auto", "events", "lines"}));
  ingest->add_option("--source", a.source,
                     "Name of the source, in place of the one by content: the same name goes on "
                     "where it stopped");
  ingest->add_option("--batch", a.batch_bytes, "Bytes a request")
      ->transform(CLI::AsSizeValue(false))
      ->check(CLI::Range(std::int64_t{1}, std::int64_t{4} << 20));
  ingest
      ->add_option("--wait", a.wait_s,
                   "Seconds to wait for a server that is away (--follow: "
                   "for ever)")
      ->check(CLI::Range(1, 86'400));
  ingest->add_flag("--json", a.json, "Print the summary as JSON");
  ingest->add_flag("-q,--quiet", a.quiet, "Print errors only");
  ingest->footer(
      "Run it again after any interruption: the server knows how far it got.\n"
      "Exit code: 0 every line was accepted, 1 some were rejected, 2 it could not be sent.\n"
      "Examples:\n"
      "  sightglass ingest application.log\n"
      "  sightglass ingest old/*.log.gz --json\n"
      "  sightglass ingest --follow /var/log/app/app.log\n"
      "  kubectl logs pod | sightglass ingest - --url https://sightglass.example --key-file key");
}

void add_match(CLI::App& app, MatchArguments& a) {
  auto* match = app.add_subcommand("match", "Print the lines that a filter pattern matches");
  match->add_option("PATTERN", a.pattern,
                    "A filter pattern: { $.field = value }, [a, b = X*, ...] or search terms");
  match->add_option("FILE", a.files, "Files of lines; - or none is standard input");
  match->add_option("--patterns", a.patterns_file,
                    "Count each pattern of this file, titled by # lines, instead of PATTERN");
  match->add_flag("--count", a.count, "Print how many lines match");
  match->add_flag("--explain", a.explain, "Print for each line which conditions hold");
  match->add_flag("--extract", a.extract, "Print the values that the pattern names");
  match->add_flag("--json", a.json, "Print JSON");
  match->add_flag("-n,--line-number", a.line_numbers, "Print the line's number in front");
  match->add_option("--config", a.config_file,
                    "Configuration file, for its packs (default: sightglass.yaml if it is there)");
  match->footer(
      "Exit code: 0 a line matches, 1 none does, 2 a faulty pattern or file. A pattern that begins "
      "with - stands behind --.\n"
      "Example: sightglass match '{ $.event_type = \"session_*_error\" }' app.log");
}

void add_pack(CLI::App& app, PackArguments& a) {
  auto* pack = app.add_subcommand("pack", "List the packs, or draft one from a log");
  pack->require_subcommand(1);
  const auto add_config = [&a](CLI::App* command) {
    command->add_option("--config", a.config_file,
                        "Configuration file (default: sightglass.yaml if it is there)");
  };
  auto* list = pack->add_subcommand("list", "Each pack with what it brings");
  add_config(list);
  list->add_flag("--json", a.json, "Print the list as JSON");
  list->footer("Example: sightglass pack list --json");
  auto* draft = pack->add_subcommand("draft", "Write a first pack for a log of JSON lines");
  draft->add_option("file", a.file, "The log; - for standard input")->required();
  draft->add_option("--name", a.name, "The new pack's name");
  add_config(draft);
  draft->footer(
      "Prints names, kinds and counts, and no value. Exit code: 0 drafted, 1 no JSON in the log, 2 "
      "it cannot be read.\nExample: sightglass pack draft app.log > packs.d/app.yaml");
  pack->footer("Example: sightglass pack draft app.log > packs.d/app.yaml");
}

}  // namespace

int run_command_line(int argc, char** argv) {
  CLI::App app{
      "Sightglass: metrics, logs, a live view and history of LLM traffic, and never a prompt"};
  app.set_version_flag("--version", std::string("sightglass ") + kVersion);
  app.require_subcommand(1);
  app.footer("Example: sightglass demo\nsightglass COMMAND --help tells more of one command.");
  ServeArguments serve;
  DemoArguments demo;
  SimulateArguments simulate;
  CheckArguments check;
  DoctorArguments doctor;
  ReconcileArguments reconcile;
  ReportArguments report;
  QueryArguments query;
  ExportArguments rows;
  BackupArguments backup;
  AdminKeyArguments admin_key;
  IngestArguments ingest;
  MatchArguments match;
  add_serve(app, serve);
  add_demo(app, demo);
  add_check(app, check);
  add_doctor(app, doctor);
  add_reconcile(app, reconcile);
  add_report(app, report);
  add_query(app, query);
  add_export(app, rows);
  add_backup(app, backup);
  add_admin_key(app, admin_key);
  IdentifierArguments lookup;
  KeyringArguments keyring;
  add_lookup(app, lookup);
  IdentifierArguments forget;
  add_forget(app, forget);
  add_keyring(app, keyring);
  add_match(app, match);
  AuditArguments audit;
  add_audit(app, audit);
  add_simulate(app, simulate);
  add_ingest(app, ingest);
  PackArguments pack;
  add_pack(app, pack);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    return code == 0 ? 0 : 2;
  }
  if (app.got_subcommand("serve")) return serve_command(serve);
  if (app.got_subcommand("demo")) return demo_command(demo);
  if (app.got_subcommand("simulate")) return simulate_command(simulate);
  if (app.got_subcommand("check")) return check_command(check);
  if (app.got_subcommand("doctor")) return doctor_command(doctor);
  if (app.got_subcommand("ingest")) return ingest_command(ingest);
  if (app.got_subcommand("reconcile")) return reconcile_command(reconcile);
  if (app.got_subcommand("lookup")) return lookup_command(lookup);
  if (app.got_subcommand("forget")) return forget_command(forget);
  if (app.got_subcommand("keyring")) return keyring_command(keyring);
  if (app.got_subcommand("audit")) return audit_verify_command(audit);
  if (app.got_subcommand("match")) return match_command(match);
  if (app.got_subcommand("report")) return report_command(report);
  if (app.got_subcommand("query")) return query_command(query);
  if (app.got_subcommand("export")) return export_command(rows);
  if (app.got_subcommand("backup")) return backup_command(backup);
  if (app.got_subcommand("restore")) return restore_command(backup);
  if (app.got_subcommand("pack")) {
    const auto* const chosen = app.get_subcommand("pack");
    return chosen->got_subcommand("list") ? pack_list_command(pack) : pack_draft_command(pack);
  }
  return admin_key_command(admin_key);
}

}  // namespace sightglass::app
