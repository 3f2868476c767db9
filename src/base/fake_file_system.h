// A file system in memory that behaves as badly as a real one may: it loses what was not synced,
// tears writes, forgets renames, fills up and fails on command. For tests of whatever goes through
// FileSystem: journal, snapshots, manifest, sealing.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/random.h"

namespace sightglass {

// What it promises is what POSIX promises and no more:
//  - bytes last once sync_data() of their file succeeded; before, a crash keeps any part of them,
//    down to single bytes, and may leave zeros where they stood;
//  - a creation, rename or removal lasts once sync_directory() of its folder succeeded (of a
//    rename: the target's folder); before, a crash keeps a prefix of them in their order;
//  - after a failed sync_data() the unsynced bytes can be read but will never last, also when a
//    later sync reports success, as on Linux.
// Folders other than top-level ones last like files.
//
// Threads: every method from any thread. Ownership: outlives the files opened from it.
class FakeFileSystem final : public FileSystem {
 public:
  explicit FakeFileSystem(std::uint64_t seed = 1);
  ~FakeFileSystem() override;

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status create_directories(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;
  Result<std::uint64_t> total_bytes(const std::string& path) override;

  // The power fails and comes back: what was not synced is lost or torn by the seeded dice, open
  // files go stale (kIo), faults are forgotten, a halted system runs again.
  void crash();

  // ---- faults -------------------------------------------------------------------------------
  // Volume size; 1 TiB to begin with. Files take their size or what was preallocated for them.
  void set_capacity_bytes(std::uint64_t bytes);
  void fill_up_after(std::uint64_t bytes);  // the next `bytes` fit, then ENOSPC (a short write)
  void fail_syncs(std::uint32_t count);     // the next sync_data() calls fail with kIo
  void lie_about_syncs();                   // they report success and keep nothing
  void fail_renames(std::uint32_t count);
  void fail_reads(std::string path_part);  // pread of matching paths: kIo; empty: none
  // Asked before each operation with its line of the record ("append a/b 12"); an Error fails it.
  // Runs under the lock: it must not call back.
  void set_fault(std::function<std::optional<Error>(std::string_view operation)> fault);

  // The process dies in the `operations`-th change from now (1: the next one): an append may have
  // happened in part, everything after it fails with kIo and changes nothing.
  void halt_after(std::uint64_t operations);
  bool halted() const;

  // ---- what happened ------------------------------------------------------------------------
  // Changes in order: "create p", "append p 12", "sync p", "truncate p 4", "preallocate p 9",
  // "rename a b", "remove p", "sync_directory d", "mkdir d". Failed ones are not recorded.
  std::vector<std::string> operations() const;
  void clear_operations();
  std::uint64_t changes() const;  // attempted so far; what halt_after counts

  // ---- behind the back of whoever is tested -------------------------------------------------
  std::optional<std::string> content(const std::string& path) const;
  void set_content(const std::string& path, std::string bytes);  // durable at once
  std::uint64_t used_bytes() const;

 private:
  struct Inode;
  struct Change;
  class OpenFile;
  using Names = std::map<std::string, std::shared_ptr<Inode>>;

  Status begin_change(const std::string& operation);  // counts, asks the faults
  void record(std::string operation);
  void persist(const Change& change);
  std::uint64_t used() const;
  std::uint64_t room() const;
  Status append(Inode& inode, const std::string& path, Bytes data);

  mutable std::mutex mutex_;
  SeededRandom random_;
  Names names_;    // as the process sees them
  Names durable_;  // as they are after a crash that keeps no pending change
  std::set<std::string> directories_;
  std::set<std::string> durable_directories_;
  std::vector<Change> pending_;  // changes of names that a crash may forget, in order
  std::uint64_t epoch_ = 0;      // grows with each crash; older open files are stale

  std::uint64_t capacity_bytes_ = 1ull << 40;
  std::uint32_t failing_syncs_ = 0;
  bool lying_syncs_ = false;
  std::uint32_t failing_renames_ = 0;
  std::string failing_reads_;
  std::function<std::optional<Error>(std::string_view)> fault_;
  std::uint64_t changes_ = 0;
  std::uint64_t halt_at_ = std::numeric_limits<std::uint64_t>::max();
  bool halted_ = false;
  std::vector<std::string> operations_;
};

}  // namespace sightglass
