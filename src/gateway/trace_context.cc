#include "gateway/trace_context.h"

#include <algorithm>

namespace sightglass::gateway {
namespace {

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}
bool is_id(std::string_view text) {
  return is_lower_hex(text) && text.find_first_not_of('0') != std::string_view::npos;
}

void append_random_hex(Random& random, std::size_t bytes, std::string& out) {
  constexpr char kHex[] = "0123456789abcdef";
  char raw[16];
  random.fill(raw, bytes);
  for (std::size_t i = 0; i < bytes; ++i) {
    out.push_back(kHex[static_cast<unsigned char>(raw[i]) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(raw[i]) & 15]);
  }
}

}  // namespace

void TraceContext::begin(std::string_view p, Random& random) {
  trace_id.clear();
  span_id.clear();
  // version "-" trace-id "-" parent-id "-" flags; a newer version may say more behind them.
  const bool framed = p.size() >= 55 && p[2] == '-' && p[35] == '-' && p[52] == '-' &&
                      (p.size() == 55 || (p.substr(0, 2) != "00" && p[55] == '-'));
  continued = framed && is_lower_hex(p.substr(0, 2)) && p.substr(0, 2) != "ff" &&
              is_id(p.substr(3, 32)) && is_id(p.substr(36, 16)) && is_lower_hex(p.substr(53, 2));
  if (continued) {
    trace_id.assign(p.substr(3, 32));
    flags.assign(p.substr(53, 2));
  } else {
    append_random_hex(random, 16, trace_id);
    flags.assign("01");
  }
  append_random_hex(random, 8, span_id);
}

std::string TraceContext::header() const { return "00-" + trace_id + "-" + span_id + "-" + flags; }

}  // namespace sightglass::gateway
