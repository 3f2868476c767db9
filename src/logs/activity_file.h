// A file of printed lines, to which each line goes exactly once though the lines name no position.
//
// `<path>.state` (magic "sgac1", position u64, length u64, CRC-32C u32, little-endian) holds how
// far the journal was folded and how long the file was then; it is written after the file was
// synced. A start cuts the file back to that length and folds on from that position. Whatever
// stands behind the length was written by a process that died before it could say so, and is
// written again. A file that is empty though the state says otherwise was rotated between two
// steps: its lines stand in `<path>.1`.
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

// Threads: the fold's. Errors: none reach the caller; the file is closed, tried again at least a
// second of accept time later, and what was not synced is written again.
// Bounds: 8 MiB of lines wait meanwhile; older ones are dropped and counted.
class ActivityFile {
 public:
  // `begin_at`: the position to begin behind where there is no state. `what`: the file's name in
  // its instruments, `sightglass_<what>_file_ok` and so on, and in messages.
  ActivityFile(FileOptions options, std::string_view what, journal::Position begin_at,
               FileSystem& fs, Telemetry& telemetry, Log& log);
  ~ActivityFile();  // syncs and writes the state
  ActivityFile(const ActivityFile&) = delete;
  ActivityFile& operator=(const ActivityFile&) = delete;

  journal::Position resume_position() const { return resume_; }

  // Appends whole lines, in one write. `lines` may be empty; then only `applied` moves.
  void append(std::string_view lines, journal::Position applied, Nanos accept_ns);
  // Syncs and writes the state when it is time; retries after an error.
  void maintain(Nanos accept_ns);

  // Overwrites the texts in the file and all its backups. May be repeated.
  Status forget(const journal::Forget& forget);

  // What a start after a crash would resume at.
  journal::Position durable() const { return saved_applied_; }

 private:
  bool read_state();
  Status write_state(journal::Position applied, std::uint64_t length);
  Status open();
  Status write(std::string_view lines);
  Status sync();
  Status rotate();
  void failed(const Error& error, Nanos accept_ns);
  void reopen(Nanos accept_ns);
  void bound_unsynced();
  std::string state_path() const { return options_.path + ".state"; }
  std::string backup(std::uint32_t n) const { return options_.path + "." + std::to_string(n); }
  std::string folder() const;

  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});

  FileOptions options_;
  const std::string what_;
  FileSystem& fs_;
  Telemetry& telemetry_;
  Log& log_;
  Gauge& ok_;

  std::unique_ptr<File> file_;  // null while broken
  bool length_known_ = false;   // false: a file without a state, taken as it is
  std::uint64_t size_ = 0;      // of the file
  std::uint64_t synced_size_ = 0;
  std::string unsynced_;  // the lines behind that
  journal::Position resume_ = 0, applied_ = 0, saved_applied_ = 0;
  Nanos synced_at_ns_ = 0, state_at_ns_ = 0, retry_at_ns_ = 0;
};

}  // namespace sightglass::logs
