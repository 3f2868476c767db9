// The web page's files, embedded in the program.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/route.h"

namespace sightglass::http {

struct Asset {
  enum class Kept : std::uint8_t {
    kRevalidated,  // asked for again each time, answered 304 when unchanged
    kForever,      // its path changes with its content
  };
  std::string path;          // "/", "/assets/app-3f2a.js"
  std::string content_type;  // "text/html; charset=utf-8"
  std::string_view content;  // lives as long as the program
  std::string_view gzip;     // the same compressed, or empty
  Kept kept = Kept::kRevalidated;
};

// GET routes in the page's realm, with a strong ETag of the content's hash, the compressed form for
// clients that take it, and a policy under which nothing runs that is not one of these files.
std::vector<Route> static_files(const std::vector<Asset>& assets);

// The policy that the page's HTML is answered with.
std::string_view page_policy();

// Whether an Accept-Encoding field takes gzip (RFC 9110 section 12.5.3).
bool accepts_gzip(std::string_view accept_encoding);

}  // namespace sightglass::http
