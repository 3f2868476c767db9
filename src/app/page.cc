#include "app/page.h"

#include "app/embedded.h"
#include "http/static_files.h"

namespace sightglass::app {
namespace {

std::string content_type(std::string_view path) {
  static constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
      {".png", "image/png"},
      {".ico", "image/x-icon"},
      {".json", "application/json"},
      {".woff2", "font/woff2"}};
  for (const auto& [ending, type] : kTypes) {
    if (path.ends_with(ending)) return std::string(type);
  }
  return "application/octet-stream";
}

}  // namespace

std::vector<http::Route> page_routes() {
  std::vector<http::Asset> assets;
  for (const auto& file : page_files()) {
    http::Asset asset;
    asset.path = file.path == "index.html" ? "/" : "/" + std::string(file.path);
    asset.content_type = content_type(file.path);
    asset.content = file.content;
    asset.gzip = file.gzipped;
    // The build names files below assets/ by their content.
    if (file.path.starts_with("assets/")) asset.kept = http::Asset::Kept::kForever;
    assets.push_back(std::move(asset));
  }
  return http::static_files(assets);
}

}  // namespace sightglass::app
