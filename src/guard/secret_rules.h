// Room-internal: the table of the secret scan, and its prefilter.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "guard/secret_scan.h"

namespace sightglass::guard {

// The rows whose literal begins with each byte, in the table's order: kOrder[first[b] …
// first[b+1]).
struct LiteralIndex {
  std::array<std::uint8_t, 257> first{};
  std::array<std::uint8_t, 256> order{};
};

extern const LiteralIndex kLiteralIndex;
// The rules of shape: the end of the table.
std::span<const SecretRule> shape_rules();

}  // namespace sightglass::guard
