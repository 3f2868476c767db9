#include "http/static_files.h"

#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"

namespace sightglass::http {
namespace {

template <typename Use>
void for_each_element(std::string_view list, Use use) {
  while (!list.empty()) {
    const auto end = std::min(list.find(','), list.size());
    use(trim(list.substr(0, end)));
    list.remove_prefix(std::min(end + 1, list.size()));
  }
}

// If-None-Match compares weakly (RFC 9110 section 13.1.2).
bool matches(std::string_view if_none_match, std::string_view tag) {
  bool found = false;
  for_each_element(if_none_match, [&](std::string_view each) {
    if (each.starts_with("W/")) each.remove_prefix(2);
    found = found || each == "*" || each == tag;
  });
  return found;
}

Response serve(const Asset& asset, const std::string& tag, const SimpleRequest& request) {
  const bool compressed =
      !asset.gzip.empty() && accepts_gzip(request.head.headers.get("accept-encoding"));
  const auto own_tag = "\"" + tag + (compressed ? "-gz\"" : "\"");
  Response response;
  response.headers = {
      {"ETag", own_tag},
      {"Cache-Control",
       asset.kept == Asset::Kept::kForever ? "public, max-age=31536000, immutable" : "no-cache"},
      {"Vary", "Accept-Encoding"},
      {"Content-Security-Policy", std::string(page_policy())},
      {"Referrer-Policy", "no-referrer"},
      {"Cross-Origin-Opener-Policy", "same-origin"},
      {"Cross-Origin-Resource-Policy", "same-origin"}};
  response.content_type.clear();
  if (matches(request.head.headers.get("if-none-match"), own_tag)) {
    response.status = 304;
    return response;
  }
  response.content_type = asset.content_type;
  if (compressed) response.headers.emplace_back("Content-Encoding", "gzip");
  response.body = compressed ? asset.gzip : asset.content;
  return response;
}

}  // namespace

std::string_view page_policy() {
  return "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
         "connect-src 'self'; font-src 'self'; object-src 'none'; base-uri 'none'; "
         "form-action 'self'; frame-ancestors 'none'";
}

bool accepts_gzip(std::string_view accept_encoding) {
  bool accepted = false;
  for_each_element(accept_encoding, [&](std::string_view each) {
    const auto semicolon = std::min(each.find(';'), each.size());
    const auto coding = trim(each.substr(0, semicolon));
    if (!equals_ignoring_case(coding, "gzip") && coding != "*") return;
    auto weight = trim(each.substr(std::min(semicolon + 1, each.size())));
    const bool refused = weight.starts_with("q=") && parse_double(weight.substr(2)) == 0.0;
    // A named coding says more than the star.
    if (coding != "*" || !accepted) accepted = !refused;
  });
  return accepted;
}

std::vector<Route> static_files(const std::vector<Asset>& assets) {
  std::vector<Route> routes;
  for (const auto& asset : assets) {
    const auto tag = sha256_hex(asset.content).substr(0, 32);
    Route route;
    route.method = "GET";
    route.pattern = asset.path;
    route.realm = Realm::kPage;
    route.summary = "A file of the web page.";
    route.make = simple(
        [asset, tag](const SimpleRequest& request) { return serve(asset, tag, request); }, 0);
    routes.push_back(std::move(route));
  }
  return routes;
}

}  // namespace sightglass::http
