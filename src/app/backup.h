// Copies of a data folder that a server may be running on, and data folders made from them.
#pragma once

#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/result.h"

namespace sightglass::app {

struct BackupSummary {
  std::uint64_t files = 0, bytes = 0;
};

// Copies `data` to the new folder `target`, which appears under its name when all of it is on the
// disk. The server may run: the history's files are those of one manifest, checked against it; the
// journal is copied last and reaches back to where each fold's snapshot and the history end, so
// that starting on the copy folds the rest, as after a crash at that moment. Requests recorded
// while it runs may or may not be in it. The pseudonyms' key ring is kept elsewhere and is not
// copied. Errors: kExists for a target that is there; kBusy when the server changes its files
// faster than they are copied; those of reading and writing.
Result<BackupSummary> back_up(const std::string& data, const std::string& target, FileSystem& fs,
                              const Clock& clock);

// Makes the data folder `data`, which must be missing or empty, from a backup; each file must be as
// the backup lists it. Errors: kCorrupt, kVersion, kExists.
Result<BackupSummary> restore_backup(const std::string& backup, const std::string& data,
                                     FileSystem& fs);

}  // namespace sightglass::app
