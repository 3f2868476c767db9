// Replaces a file so that a crash leaves the old or the new one, with failpoints around the rename.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"

namespace sightglass::journal {

// `parts` are written one after the other to `path`.new, synced, renamed to `path`, and the folder
// is synced. The failpoints are "<point>.before_rename" and "<point>.after_rename".
Status write_durably(FileSystem& fs, const std::string& path, const std::vector<Bytes>& parts,
                     std::string_view point);

// Creates a folder whose parent exists, so that it lasts.
Status make_durable_folder(FileSystem& fs, const std::string& path);

}  // namespace sightglass::journal
