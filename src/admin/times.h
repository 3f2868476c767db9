// Time ranges of the admin API: `start` and `end` in Unix seconds.
#pragma once

#include <initializer_list>
#include <span>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "http/route.h"
#include "store/store.h"

namespace sightglass::admin {

// [start, end) from a query string. A missing or empty `end` means now, this second included; a
// missing `start` means `window_ns` before the end. Fractions are taken. Errors: kInvalid with a
// sentence that shows a right value; also when start is not before end.
Result<store::Range> parse_range(std::string_view query, Nanos now_ns, Nanos window_ns);

// Refuses a query string that names a parameter which is not in `known`, with the nearest one.
Status refuse_unknown_parameters(std::string_view query,
                                 std::initializer_list<std::string_view> known);
// The same with the parameters that a route declares.
Status refuse_unknown_parameters(std::string_view query, std::span<const http::Parameter> known);

}  // namespace sightglass::admin
