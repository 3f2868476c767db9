// Of any form the file lies within the body, and its type is short.
// Parser: gateway/upload.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "gateway/upload.h"

// The first line is the content type.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass::gateway;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto end = text.find('\n');
  const auto type = text.substr(0, end);
  const auto body = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  const auto upload = read_upload(type, body);
  if (upload.size_bytes > body.size() || upload.content_type.size() > 128) std::abort();
  static_cast<void>(is_files_path(type));
  return 0;
}
