#include "codec/verdict.h"

#include <array>

namespace sightglass::codec {

std::string_view verdict_name(Verdict verdict) {
  static constexpr std::array<std::string_view, kVerdicts> kNames = {
      "accepted",       "bad_json",      "truncated_json", "bad_utf8",      "nul_byte",
      "too_deep",       "line_too_long", "number_range",   "not_an_object", "not_an_event",
      "time_in_future", "time_too_old",  "expired"};
  return kNames[static_cast<std::size_t>(verdict)];
}

}  // namespace sightglass::codec
