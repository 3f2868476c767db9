// What one model costs: rates by service tier and size of context, in femto-dollars per token.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "price/price_book.h"

namespace sightglass::price {

__extension__ using Int128 = __int128;

// What a token can be charged as.
enum class Part : std::uint8_t {
  kInput,
  kCacheRead,
  kCacheWrite5m,
  kCacheWrite1h,
  kOutput,
  kReasoning,
  kInputAudio,
  kOutputAudio,
};
inline constexpr std::size_t kParts = 8;

enum class ServiceTier : std::uint8_t { kStandard, kBatch, kFlex, kPriority, kUltrafast };
inline constexpr std::size_t kServiceTiers = 5;

// What providers call their tiers on answers ("default", "batch", "flex", …); nullopt: not known.
std::optional<ServiceTier> service_tier(std::string_view name);

// A price field's name taken apart: "input_cost_per_token_above_200k_tokens_priority".
struct PriceField {
  Part part = Part::kInput;
  ServiceTier tier = ServiceTier::kStandard;
  std::int64_t above_tokens = 0;  // 0: from the first token on
};
std::optional<PriceField> price_field(std::string_view name);

// "3.75e-06" to 3'750'000'000 femto-dollars: from the digits, half to even below that. nullopt for
// what is no JSON number, negative, or above 1,000 dollars a token.
std::optional<std::int64_t> parse_femtousd(std::string_view number);

// Nano-dollars, half to even; nullopt past 64 bits.
std::optional<std::int64_t> round_to_nanousd(Int128 femtousd);

// The price fields of one object as they are listed; then resolve() settles who falls back to whom
// once, so that pricing only multiplies.
class Rates {
 public:
  void list(const PriceField& field, std::int64_t femtousd) {
    listed_.push_back({field, femtousd});
  }
  bool empty() const { return listed_.empty(); }
  void resolve();
  Cost price(ServiceTier tier, const Usage& usage) const;  // only after resolve()

 private:
  static constexpr std::int64_t kUnlisted = -1;
  struct Listed {
    PriceField field;
    std::int64_t femtousd;
  };
  struct Step {  // for inputs of more than `above_tokens`
    std::int64_t above_tokens = 0;
    std::array<std::int64_t, kParts> femtousd{};
  };
  std::int64_t find(Part part, ServiceTier tier, std::int64_t above_tokens) const;
  bool lists(ServiceTier tier) const;

  std::vector<Listed> listed_;
  std::array<std::vector<Step>, kServiceTiers> steps_;  // ascending; empty: tier not listed
};

}  // namespace sightglass::price
