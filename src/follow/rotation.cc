#include "follow/rotation.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <tuple>

namespace sightglass::follow {
namespace {

constexpr std::size_t kMostFiles = 64;

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// ".1", "-20251121", ".2025-11-21T10:00": separators and digits, at least one of each.
bool is_mark(std::string_view text) {
  if (text.size() < 2 || (text[0] != '.' && text[0] != '-' && text[0] != '_')) return false;
  return std::any_of(text.begin(), text.end(), is_digit) &&
         text.find_first_not_of("0123456789.-_:T") == std::string_view::npos;
}

}  // namespace

bool is_rotation_of(std::string_view base, std::string_view name) {
  if (name.size() <= base.size()) return false;
  if (name.starts_with(base)) {
    const auto rest = name.substr(base.size());
    return rest == ".old" || is_mark(rest);
  }
  const auto dot = base.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return false;
  const auto stem = base.substr(0, dot), extension = base.substr(dot);
  return name.starts_with(stem) && name.ends_with(extension) &&
         is_mark(name.substr(stem.size(), name.size() - stem.size() - extension.size()));
}

std::vector<Rotated> rotated_files(const std::string& path) {
  namespace fs = std::filesystem;
  const fs::path whole(path);
  const auto base = whole.filename().string();
  auto folder = whole.parent_path();
  if (folder.empty()) folder = ".";
  std::vector<Rotated> found;
  std::error_code error;
  for (fs::directory_iterator it(folder, error), end; !error && it != end; it.increment(error)) {
    if (!is_rotation_of(base, it->path().filename().string())) continue;
    struct stat status{};
    if (::stat(it->path().c_str(), &status) != 0 || !S_ISREG(status.st_mode)) continue;
    found.push_back({it->path().string(), status.st_ino,
                     status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec,
                     static_cast<std::uint64_t>(status.st_size)});
  }
  // Of two written at the same moment, the one with the longer or greater number is the older.
  std::sort(found.begin(), found.end(), [](const Rotated& a, const Rotated& b) {
    return std::make_tuple(a.written_ns, b.path.size(), b.path) <
           std::make_tuple(b.written_ns, a.path.size(), a.path);
  });
  if (found.size() > kMostFiles) found.erase(found.begin(), found.end() - kMostFiles);
  return found;
}

}  // namespace sightglass::follow
