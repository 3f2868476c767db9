// Log lines from the journal, exactly once into files; and the operational log's sinks.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "event/plain_names.h"
#include "journal/fold.h"

namespace sightglass::logs {

struct FileOptions {
  bool enabled = true;
  std::string path;  // "./logs/llm.log"; "<path>.state" beside it holds position and totals
  std::uint64_t max_size_bytes = 100ull << 20;
  std::uint32_t max_backups = 5;  // llm.log.1 is the newest
  // The JSON log: rotated, too, before a line that comes this long after the file's first one, in
  // accept time. 0: by size alone.
  Nanos max_age_ns = 0;
};

enum class Handler : std::uint8_t { kConsole, kSyslog, kJournald };
std::string_view handler_name(Handler handler);  // "console", "syslog", "journald"

// One line of text for people. The prefix, the time and the level come from the sink.
struct ConsoleLine {
  Level level = Level::kInfo;
  std::string logger;
  std::string message;
  std::string request_id;  // whole, or empty
};

struct Options {
  FileOptions file;
  Level level = Level::kInfo;  // of events and of the operational log; terminal events are always
                               // written to the file, since it is a witness of every request
  bool console = true;         // text lines with the 8-character prefix
  bool syslog = false;         // asked for; used when /dev/log exists
  std::string syslog_path = "/dev/log";
  int console_fd = 2;
  std::string journal_stream;  // the environment's JOURNAL_STREAM: "device:inode" of console_fd

  std::string profile = "coachup";     // of the JSON lines: coachup, coo-llm, morpheus (profile.h)
  std::string service = "sightglass";  // where an event names none
  std::string env = "production";
  // Console lines are printed for records accepted after this; a restart then repeats none.
  Nanos console_since_ns = 0;
  // What to print when a metrics_summary event passes (live/summary.h makes such lines); empty:
  // nothing is printed.
  std::function<std::vector<ConsoleLine>(std::int64_t last_requests)> summary_lines;
};

// Where console lines go now, for /metrics/logs.
struct SinkState {
  bool requested = false;  // syslog or journald was asked for
  bool effective = false;
  Handler handler = Handler::kConsole;
};

bool is_profile(std::string_view name);  // of JSON lines

// Replaces keys of every current shape in a rendered line by their short hash: `sk-…`, `sk-ant-…`,
// `sk-proj-…`, `sg_…`, `Bearer …`, `x-api-key: …`, `"api_key": "…"` and further providers' forms →
// the same 8 hex digits of SHA-256 of the whole key. Behind a name or a scheme a key of any length
// is one; a bare key is known by its prefix and at least 16 characters.
std::string hash_keys(std::string_view line);

// Noisy loggers (httpx, httpcore, openai, by prefix, and our own per-request upstream lines, logger
// "upstream"): info becomes debug, the rest stays.
Level effective_level(Level level, std::string_view logger);

// The operational log: console, syslog or journald by what was asked for and what is there.
//
// Form: `HH:MM:SS - LEVEL - [b7c1a5f9] message` in local time; under journald
// `<priority>LEVEL - [b7c1a5f9] message` without a time of its own; to syslog RFC 3164 datagrams
// as syslog(3) sends them. Keys are hashed and control characters replaced in all of them.
// Threads: any. It blocks while the console does.
// Bounds: 8 KiB a line, cut past it. Errors: lines that no sink took are counted.
class SinkLog : public Log {
 public:
  // As write() for each line, with one write(2) to the console for all of them.
  virtual void write_lines(std::span<const ConsoleLine> lines) = 0;
  virtual SinkState state() const = 0;
  virtual void flush() = 0;
};
std::unique_ptr<SinkLog> make_sink_log(const Options& options, Telemetry& telemetry,
                                       const Clock& clock);

// The fold that writes each event as one JSON line with its `seq` (journal position), in the
// profile of the Propagation seed with `event_type`; and its console line. On start it cuts a torn
// last line, reads the last `seq` and goes on from there: durable_position().
// Bounds: one file of max_size_bytes and max_backups older ones; 8 MiB of lines wait while the
// file cannot be written, older ones are then dropped and counted.
// Errors: never fatal; counted, and `sightglass_log_file_ok` is 0 while the file takes nothing.
std::unique_ptr<journal::Fold> make_log_fold(const Options& options, FileSystem& fs,
                                             SinkLog& console, Telemetry& telemetry, Log& log);

// The Activity seed's `[METRIC]` lines, in a file of their own.
struct ActivityOptions {
  FileOptions file;
  bool strict = false;  // values that hold blanks or `=` stand in quotes
  journal::Position begin_at =
      0;  // where a file without a state begins: what was before is not its
};

// The fold that writes them (logs/activity_line.h says which), exactly once: position and length of
// the file stand in `<path>.state`, and a start cuts the file back to that (logs/activity_file.h).
// `names`: what the pseudonyms stand for, or null: the pseudonyms are printed.
// Errors: never fatal; counted, and `sightglass_activity_file_ok` is 0 while the file takes
// nothing.
std::unique_ptr<journal::Fold> make_activity_fold(const ActivityOptions& options,
                                                  const event::PlainNames* names, FileSystem& fs,
                                                  Telemetry& telemetry, Log& log);

// The fold that writes the audit trail (logs/audit_chain.h), exactly once as the activity lines.
std::unique_ptr<journal::Fold> make_audit_fold(const FileOptions& options, FileSystem& fs,
                                               Telemetry& telemetry, Log& log);

// For a start with the lines switched off: the next one with them on begins afresh, and makes up
// for nothing.
Status forget_activity_position(const FileOptions& file, FileSystem& fs);

}  // namespace sightglass::logs
