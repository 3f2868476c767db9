// Tokens to money. The book speaks the field's de-facto schema: one JSON object per model, US
// dollars per token, with cache, tier and context fields.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sightglass::price {

// Five disjoint parts and what else the price may depend on.
struct Usage {
  std::int64_t input = 0;  // uncached
  std::int64_t cache_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t output = 0;
  std::int64_t reasoning = 0;          // inside output
  std::int64_t input_audio = 0;        // inside input
  std::int64_t output_audio = 0;       // inside output
  std::string_view service_tier = {};  // "", "batch", "flex", "priority", …
};

enum class Unpriced : std::uint8_t { kPriced, kNoPrice, kNoTier };

struct Cost {
  std::int64_t nanousd = 0;  // only where `unpriced` is kPriced
  Unpriced unpriced = Unpriced::kNoPrice;
};

// Prices are integers: femto-dollars (1e-15) per token, read from the number's own digits, so that
// every published price is exact and a float's dust (3.0000000000000004e-07) rounds away. A cost
// is summed in 128 bits and rounded once, half to even, to nano-dollars.
//
// A part that was used and has no listed price makes the whole cost unknown, never cheaper. The
// context tier follows the size of the whole input, cached parts included: strictly more than
// N × 1000 tokens. Where a service tier or context tier lists no price for a part, the next of
// (context, service) → (context) → (service) → base does; a service tier that the model does not
// list at all is kNoTier.
//
// Ownership: immutable once made; share by shared_ptr. Threads: any.
// Cost of price(): one hash look-up (two for a book that prefixes names), a few multiplications.
class PriceBook {
 public:
  // The list that is compiled in (prices_builtin.json), with its date.
  static std::shared_ptr<const PriceBook> built_in();
  // A file in the schema; models in `overrides_json` (a second file, may be empty) win. Fields:
  // *_cost_per_token, cache_read_input_token_cost, cache_creation_input_token_cost[_above_1hr],
  // *_cost_per_reasoning_token, *_cost_per_audio_token, each with _above_<N>k_tokens and with
  // _batches, _flex, _priority, _ultrafast; `aliases`; and our own `valid_from`, `valid_until`
  // (ISO dates, the last day included) with `history`, a list of earlier objects. Unknown fields
  // are other people's business. An empty `version` means the file's own `as_of`, else its hash.
  // Errors name the model and field. Bounds: 64 MiB, 100,000 models.
  static Result<std::shared_ptr<const PriceBook>> parse(std::string_view json, std::string version,
                                                        std::string_view overrides_json = {});

  // `provider` helps where a book prefixes names ("azure/gpt-4o"); the response's model name is
  // tried first by the caller, then the upstream's. A dated name falls back to its undated one only
  // when the book lists it so.
  Cost price(std::string_view provider, std::string_view model, const Usage& usage,
             Nanos at_ns) const;
  bool knows(std::string_view model) const;
  std::optional<std::int64_t> max_output_tokens(std::string_view model) const;
  const std::string& version() const;       // "2026-07-24" or the first 16 hex digits of the hash
  std::vector<std::string> models() const;  // sorted

  ~PriceBook();

 private:
  PriceBook();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::price
