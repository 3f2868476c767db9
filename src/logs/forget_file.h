// Room-internal: texts that are to vanish, overwritten in a file of lines.
#pragma once

#include <string>

#include "base/file_system.h"
#include "base/result.h"
#include "journal/forget.h"

namespace sightglass::logs {

// Replaces the file by one in which each of the texts is overwritten by as many bytes; lines, their
// seq and every offset stay. Aside, fdatasync, rename, folder synced: a crash leaves the old file
// or the new one, and the call may be repeated. False: there was nothing to overwrite, and the file
// is the same. Whoever has it open must open it again.
// Bounds: 1 MiB of memory. Cost: one pass over a file without any of them, three with.
Result<bool> forget_in_file(FileSystem& fs, const std::string& path, const journal::Forget& forget);

// The same for the file's backups, `<path>.<number>`.
Status forget_in_backups(FileSystem& fs, const std::string& path, const journal::Forget& forget);

}  // namespace sightglass::logs
