// The indexes of ids beside a history's files: made behind its back, in idle time.
#pragma once

#include <optional>
#include <set>
#include <string>

#include "store/history.h"

namespace sightglass::store {

// The index of a data file: `<store>/ids/<the file's name>.ids`. Names are never used twice, so
// that an index, once there, is right as long as its data file is. None is named in the manifest:
// each can be made again, and what a crash leaves of one is found out when it is read.
std::string id_index_path(const std::string& store_directory, const std::string& file_name);

// Threads: the history's. Ownership: file system, history and writer outlive it.
class IdIndexes {
 public:
  IdIndexes(std::string store_directory, FileSystem& fs, History& history, TableWriter& writer)
      : directory_(std::move(store_directory)), fs_(fs), history_(history), writer_(writer) {}

  // Makes the index of the newest file without one, and removes those whose file is gone. False:
  // there was nothing to do. Errors change nothing; kTimeout when it was interrupted. Cost: one
  // column of the file is read, 0.2 µs a row.
  Result<bool> make_next();

 private:
  Status load();
  Result<bool> remove_stale();
  Status make(const ManifestFile& file);

  const std::string directory_;
  FileSystem& fs_;
  History& history_;
  TableWriter& writer_;
  std::optional<std::set<std::string>> there_;  // names of data files; empty: not looked yet
};

}  // namespace sightglass::store
