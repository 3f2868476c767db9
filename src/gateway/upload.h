// What a request to a provider's files path says of the file: its size and its type, never its
// name.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sightglass::gateway {

struct Upload {
  std::uint64_t size_bytes = 0;
  std::string content_type;  // "application/pdf", parameters included; "" when not said
};

// Whether a POST to this path puts a file there: its last segment is "files" ("/v1/files",
// "/upload/v1beta/files").
bool is_files_path(std::string_view path);

// Of a form (RFC 7578) the first part that has a file name; of any other body, or a form without
// such a part, the whole. A part whose end is missing reaches to the end of `body`.
// Bounds: 64 parts are looked at. Cost: one search for the boundary per part.
Upload read_upload(std::string_view content_type, std::string_view body);

}  // namespace sightglass::gateway
