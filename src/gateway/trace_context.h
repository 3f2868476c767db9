// W3C Trace Context: the caller's trace goes on with a span of ours, or a new one begins.
#pragma once

#include <string>
#include <string_view>

#include "base/random.h"

namespace sightglass::gateway {

struct TraceContext {
  std::string trace_id;    // 32 hex digits, not all zero
  std::string span_id;     // 16 hex digits: ours
  std::string flags;       // 2 hex digits
  bool continued = false;  // the caller's was valid

  // Takes the caller's `traceparent` when it is valid (lower case, not all zero, version known or
  // newer); otherwise makes one.
  void begin(std::string_view traceparent, Random& random);
  std::string header() const;  // "00-<trace>-<span>-<flags>"
};

}  // namespace sightglass::gateway
