// Room-internal: which families a scraper adds up to what `reconcile` compares.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sightglass::meter {

// What a family says to `reconcile`. One family each, so that nothing is counted twice.
enum Role : std::uint8_t { kRequests, kInput, kOutput, kCost, kUnpriced, kNoRole };
constexpr std::size_t kRoles = kNoRole;

inline Role role_of(std::string_view name) {
  if (name == "sightglass_requests_total") return kRequests;
  if (name == "sightglass_input_tokens_total" || name == "sightglass_cache_read_tokens_total" ||
      name == "sightglass_cache_write_5m_tokens_total" ||
      name == "sightglass_cache_write_1h_tokens_total") {
    return kInput;
  }
  if (name == "sightglass_output_tokens_total") return kOutput;
  if (name == "coo_llm_cost_total") return kCost;
  if (name == "sightglass_unpriced_requests_total") return kUnpriced;
  return kNoRole;
}

}  // namespace sightglass::meter
