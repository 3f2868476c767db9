// Bodies from clients: whatever they hold, scanning ends in a verdict, offsets lie inside the body,
// and counts are not negative. The first byte chooses the dialect.
// Parser: gateway/request_scan.cc
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "gateway/request_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass::gateway;
  if (size == 0) return 0;
  std::string body(reinterpret_cast<const char*>(data) + 1, size - 1);
  body.reserve(body.size() + kJsonPadding);
  JsonScratch scratch;
  RequestScan scan;
  const bool good = scan_request(body, static_cast<Dialect>(data[0] % 8), scratch, scan);
  const auto require = [](bool fact) {
    if (!fact) std::abort();
  };
  const auto inside = [&](const Span& span) { return span.begin + span.size <= body.size(); };
  require(inside(scan.model_token) && inside(scan.usage_null) && inside(scan.stream_options_null));
  require(scan.message_count >= 0 && scan.tool_count >= 0 && scan.model.size() <= 256);
  if (!good) {
    require(scan.model.empty() && !scan.stream && scan.message_count == 0);
  } else {
    require(body[scan.object_begin] == '{');
    if (scan.stream_options_begin != 0) require(body[scan.stream_options_begin] == '{');
  }
  return 0;
}
