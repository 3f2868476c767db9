// One log file with its backups, to which lines go exactly once.
//
// `<path>` grows; past its size it becomes `<path>.1`, that `<path>.2`, and so on. `<path>.state`
// holds, as of a point where everything was synced: the last seq, the position folded, the file's
// length, the totals. It is only a shortcut and a memory of what rotation deleted: position and
// totals since then are read from the lines themselves.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/file_system.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "journal/fold.h"
#include "logs/logs.h"

namespace sightglass::logs {

// Threads: the fold's. Errors: none reach the caller; the file is closed, tried again on the next
// call at least a second of accept time later, and what was not synced is written again.
class LogFile {
 public:
  LogFile(FileOptions options, FileSystem& fs, Telemetry& telemetry, Log& log);
  ~LogFile();  // syncs and writes the state file
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;

  // After construction: where to go on, and what the lines up to there add up to.
  journal::Position resume_position() const { return resume_; }
  const journal::Totals& totals() const { return totals_; }

  // Appends whole lines, the last of which has `last_seq`; one write. `lines` may be empty; then
  // only `applied`, the position folded so far, moves. `added`: what the lines add to the totals.
  void append(std::string_view lines, journal::Position last_seq, journal::Position applied,
              const journal::Totals& added, Nanos accept_ns);
  // Syncs and writes the state file when it is time; retries after an error.
  void maintain(Nanos accept_ns);

  // Overwrites the texts in the file and all its backups. May be repeated.
  Status forget(const journal::Forget& forget);

  // What a start after a crash would find at least.
  journal::Position durable() const;

 private:
  struct Saved {
    journal::Position seq = 0, applied = 0;
    std::uint64_t offset = 0;
    journal::Totals totals;
    Nanos first_ns = 0;  // when the file's first line was accepted; 0: not known
  };
  Status recover();
  Saved read_state() const;
  Result<std::uint64_t> check_tail(File& file, std::uint64_t from, const Saved& saved);
  void count_backups(const Saved& saved);
  bool offset_holds(File& file, std::uint64_t size, const Saved& saved) const;

  Status write(std::string_view lines);
  bool is_full(std::size_t more, Nanos accept_ns) const;
  Status rotate();
  Status sync();
  Status write_state();
  void failed(const Error& error, Nanos accept_ns);
  void reopen(Nanos accept_ns);
  Status open_at_durable();
  Status recover_late();
  Status write_again();
  void bound_unsynced();
  std::string backup(std::uint32_t n) const { return options_.path + "." + std::to_string(n); }
  std::string folder() const;

  FileOptions options_;
  FileSystem& fs_;
  Telemetry& telemetry_;
  Log& log_;
  Gauge& ok_;

  std::unique_ptr<File> file_;  // null while broken
  bool recovered_ = false;
  std::uint64_t size_ = 0;         // of the file
  Nanos first_ns_ = 0;             // accept time of its first line; 0: not known
  std::uint64_t synced_size_ = 0;  // its durable part
  std::string unsynced_;           // the lines behind that, to be written again after an error
  journal::Position last_seq_ = 0, synced_seq_ = 0;
  journal::Position applied_ = 0, saved_applied_ = 0, resume_ = 0;
  journal::Totals totals_;
  std::uint64_t bytes_since_state_ = 0;
  Nanos synced_at_ns_ = 0, state_at_ns_ = 0, retry_at_ns_ = 0;
};

}  // namespace sightglass::logs
