#include "logs/forget_file.h"

#include <functional>
#include <memory>

namespace sightglass::logs {
namespace {

constexpr std::size_t kPiece = 1 << 20;
constexpr std::size_t kOverlap = journal::kMaxForgottenBytes - 1;

// Gives the file's bytes to `take`, overwritten; whether any was. A text that a piece cuts off is
// looked at again with the next one.
Result<bool> each_piece(const File& file, const journal::Forget& forget,
                        const std::function<Status(Bytes)>& take) {
  std::string buffer;
  std::uint64_t offset = 0;
  bool any = false;
  for (;;) {
    const auto kept = buffer.size();
    buffer.resize(kept + kPiece);
    SG_ASSIGN(const auto got, file.pread(buffer.data() + kept, kPiece, offset));
    buffer.resize(kept + got);
    offset += got;
    any |= forget.overwrite(buffer);
    const bool end = got == 0;
    const auto ready = end ? buffer.size() : buffer.size() - std::min(buffer.size(), kOverlap);
    SG_TRY(take(Bytes(buffer).substr(0, ready)));
    buffer.erase(0, ready);
    if (end) return any;
  }
}

std::string folder_of(const std::string& path) {
  const auto slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<bool> forget_in_file(FileSystem& fs, const std::string& path,
                            const journal::Forget& forget) {
  const auto aside_path = path + ".forget";
  SG_TRY(fs.remove(aside_path));  // of a try that a crash ended
  SG_ASSIGN(const auto file, fs.open(path, OpenMode::kRead));
  SG_ASSIGN(const bool any, each_piece(*file, forget, [](Bytes) { return Status(); }));
  if (!any) return false;
  SG_ASSIGN(const auto aside, fs.open(aside_path, OpenMode::kCreateNew));
  const auto copied = each_piece(*file, forget, [&](Bytes piece) { return aside->append(piece); });
  Status status = copied ? aside->sync_data() : Status(std::unexpected(copied.error()));
  if (status) status = fs.rename(aside_path, path);
  if (!status) {
    (void)fs.remove(aside_path);
    return std::unexpected(std::move(status).error());
  }
  SG_TRY(fs.sync_directory(folder_of(path)));
  return true;
}

Status forget_in_backups(FileSystem& fs, const std::string& path, const journal::Forget& forget) {
  const auto folder = folder_of(path);
  const auto prefix = path.substr(path.find_last_of('/') + 1) + ".";  // npos + 1 is 0
  SG_ASSIGN(const auto names, fs.list(folder));
  for (const auto& name : names) {
    if (!name.starts_with(prefix)) continue;
    const auto number = name.substr(prefix.size());
    if (number.find_first_not_of("0123456789") != std::string::npos) continue;
    SG_TRY(forget_in_file(fs, folder + "/" + name, forget));
  }
  return {};
}

}  // namespace sightglass::logs
