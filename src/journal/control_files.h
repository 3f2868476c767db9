// The content that control records name, kept as control/<hash> beside the segments while a replay
// could need it.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/file_system.h"
#include "event/catalogue.h"

namespace sightglass::journal {

inline constexpr std::string_view kControlDirectory = "control";

std::string control_path(const std::string& journal_directory, const std::string& hash);

// Writes the text under its hash unless it stands there intact: aside, synced, renamed, the folder
// synced. After success a crash does not lose it.
Status keep_control(FileSystem& fs, const std::string& journal_directory,
                    const event::Catalogue& catalogue);

// Reads it back. Errors: kNotFound, kCorrupt when the text is not what the hash names.
Result<std::shared_ptr<const event::Catalogue>> load_control(FileSystem& fs,
                                                             const std::string& journal_directory,
                                                             const std::string& hash);

// Removes what no segment names any more. Failures are left for the next time.
void remove_unused_controls(FileSystem& fs, const std::string& journal_directory,
                            const std::set<std::string>& used);

}  // namespace sightglass::journal
