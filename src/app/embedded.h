// Files that are part of the program: the page, and the packs that it ships.
#pragma once

#include <span>
#include <string_view>

namespace sightglass::app {

struct EmbeddedFile {
  std::string_view path;  // below its folder: "assets/index-3f2a.js"
  std::string_view content;
  std::string_view gzipped;  // empty where not packed
};

std::span<const EmbeddedFile> page_files();
std::span<const EmbeddedFile> pack_files();

}  // namespace sightglass::app
