// The files that a log was before it was rotated.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace sightglass::follow {

// Whether `name` is what rotation makes of `base`: app.log.1, app.log-20251121, app.log.old,
// app.1.log, app-2025-11-21T10.log. Not packed ones: app.log.1.gz.
bool is_rotation_of(std::string_view base, std::string_view name);

struct Rotated {
  std::string path;
  std::uint64_t inode = 0;
  std::int64_t written_ns = 0;  // its last write
  std::uint64_t size = 0;
};
// Those beside `path`, oldest first. Bounds: the newest 64.
std::vector<Rotated> rotated_files(const std::string& path);

}  // namespace sightglass::follow
