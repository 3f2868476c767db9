#include "journal/durable_file.h"

#include "base/failpoint.h"

namespace sightglass::journal {

namespace {

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Status make_durable_folder(FileSystem& fs, const std::string& path) {
  if (fs.exists(path)) {
    // The process that made it may have died before this. Whoever made it otherwise need not have
    // let us open its parent.
    (void)fs.sync_directory(folder_of(path));
    return {};
  }
  SG_TRY(fs.create_directories(path));
  return fs.sync_directory(folder_of(path));
}

Status write_durably(FileSystem& fs, const std::string& path, const std::vector<Bytes>& parts,
                     std::string_view point) {
  const std::string aside = path + ".new";
  SG_TRY(fs.remove(aside));
  const auto written = [&]() -> Status {
    SG_ASSIGN(auto file, fs.open(aside, OpenMode::kCreateNew));
    SG_TRY(file->append(parts));
    return file->sync_data();
  }();
  if (!written) {
    (void)fs.remove(aside);  // It would only take room on what may be a full disk.
    return written;
  }
  SG_FAILPOINT(std::string(point) + ".before_rename");
  SG_TRY(fs.rename(aside, path));
  SG_FAILPOINT(std::string(point) + ".after_rename");
  return fs.sync_directory(folder_of(path));
}

}  // namespace sightglass::journal
