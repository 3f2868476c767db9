// Snapshots of folds: two generations on disk, each whole or not there. Layout: byte by byte in
// docs/journal-format.md.
#pragma once

#include <optional>
#include <string>

#include "base/file_system.h"
#include "journal/record.h"

namespace sightglass::journal {

struct Snapshot {
  Position position = 0;  // the state after this record
  std::string state;      // Fold::save
};

// The two files <directory>/<fold>.{a,b}.snapshot of one fold; a new one replaces the older.
// Snapshots are primary data: what the journal held behind them is cut.
// Threads: one at a time.
class SnapshotFiles {
 public:
  SnapshotFiles(FileSystem& fs, std::string directory, std::string fold);

  // Looks at both files and remembers their positions. Errors: kVersion for a newer one.
  Status look();
  // How many files stand there, and how many of them are intact.
  int present() const;
  int intact() const;

  // The state of the newest intact generation, or of the one before it. nullopt: there is none.
  std::optional<Snapshot> read_newest() const { return read(newest()); }
  std::optional<Snapshot> read_older() const;
  void discard_newest();  // its state is of no use; the older one counts from here on

  // Written aside, synced, renamed, the folder synced.
  Status write(Position position, Bytes state);
  // Removes both: the fold starts afresh.
  Status remove_all();

  Position newest_position() const;
  // What the older of two good generations holds; 0 while there are fewer. The journal may be cut
  // up to here, since either of them can then be replayed from.
  Position older_position() const;

 private:
  struct Slot {
    std::string path;
    bool present = false;
    std::optional<std::uint64_t> generation;  // of an intact file
    Position position = 0;
  };
  const Slot* newest() const;
  Slot* older_slot();
  std::optional<Snapshot> read(const Slot* slot) const;

  FileSystem& fs_;
  const std::string directory_;
  const std::string fold_;
  Slot slots_[2];
};

std::string encode_snapshot_head(std::string_view fold, Position position, std::uint64_t generation,
                                 std::uint64_t state_bytes);

}  // namespace sightglass::journal
