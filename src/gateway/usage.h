// What providers say about tokens, and what it means in our five disjoint parts.
#pragma once

#include <array>
#include <cstdint>

namespace sightglass::gateway {

// Five disjoint parts, and shares inside them.
struct Tokens {
  std::int64_t input = 0;  // uncached
  std::int64_t cache_read = 0;
  std::int64_t cache_write_5m = 0;
  std::int64_t cache_write_1h = 0;
  std::int64_t output = 0;
  std::int64_t reasoning = 0;     // inside output
  std::int64_t input_audio = 0;   // inside input
  std::int64_t output_audio = 0;  // inside output

  std::int64_t total() const {
    return input + cache_read + cache_write_5m + cache_write_1h + output;
  }
  friend bool operator==(const Tokens&, const Tokens&) = default;
};

// How a provider counts.
enum class UsageShape : std::uint8_t {
  kInclusive,  // OpenAI: the input contains what was cached; output contains reasoning
  kExclusive,  // Anthropic: the input excludes cache reads and writes
  kGemini,     // the input contains what was cached; thoughts stand beside the output
};

// One usage object, number by number as it was reported, with presence: zero and absent differ.
class UsageReport {
 public:
  enum Number : std::uint8_t {
    kInput,         // prompt_tokens, input_tokens, promptTokenCount
    kOutput,        // completion_tokens, output_tokens, candidatesTokenCount
    kTotal,         // total_tokens
    kCached,        // *_tokens_details.cached_tokens, prompt_cache_hit_tokens, …
    kReasoning,     // *_tokens_details.reasoning_tokens, thoughtsTokenCount
    kCacheRead,     // cache_read_input_tokens
    kCacheWrite,    // cache_creation_input_tokens
    kCacheWrite5m,  // cache_creation.ephemeral_5m_input_tokens
    kCacheWrite1h,  // cache_creation.ephemeral_1h_input_tokens
    kToolInput,     // toolUsePromptTokenCount
    kInputAudio,
    kOutputAudio,
    kNumbers
  };

  void set(Number number, std::int64_t value) {
    values_[number] = value;
    present_ |= 1u << number;
  }
  bool has(Number number) const { return (present_ & (1u << number)) != 0; }
  std::int64_t get(Number number) const { return has(number) ? values_[number] : 0; }
  bool empty() const { return present_ == 0; }
  void clear() { present_ = 0; }

  // Field by field: what `later` has replaces what stands here; nothing is added up.
  void merge(const UsageReport& later);

  Tokens settle(UsageShape shape) const;

 private:
  Tokens settle_inclusive() const;
  Tokens settle_exclusive() const;
  Tokens settle_gemini() const;

  std::array<std::int64_t, kNumbers> values_{};
  std::uint32_t present_ = 0;
};

}  // namespace sightglass::gateway
