// The built-in price list as text; CMake makes the .cc from prices_builtin.json.
#pragma once

#include <string_view>

namespace sightglass::price {

extern const std::string_view kPricesBuiltinJson;

}  // namespace sightglass::price
