#include "gateway/usage.h"

#include <algorithm>

namespace sightglass::gateway {

void UsageReport::merge(const UsageReport& later) {
  for (std::uint8_t n = 0; n < kNumbers; ++n) {
    if (later.has(static_cast<Number>(n))) set(static_cast<Number>(n), later.values_[n]);
  }
}

Tokens UsageReport::settle(UsageShape shape) const {
  Tokens tokens;
  switch (shape) {
    case UsageShape::kInclusive:
      tokens = settle_inclusive();
      break;
    case UsageShape::kExclusive:
      tokens = settle_exclusive();
      break;
    case UsageShape::kGemini:
      tokens = settle_gemini();
      break;
  }
  tokens.reasoning = std::min(tokens.reasoning, tokens.output);
  tokens.input_audio = std::min(get(kInputAudio), tokens.input);
  tokens.output_audio = std::min(get(kOutputAudio), tokens.output);
  return tokens;
}

Tokens UsageReport::settle_inclusive() const {
  Tokens tokens;
  std::int64_t left = get(kInput);
  const auto take = [&](std::int64_t part) {
    part = std::min(part, left);
    left -= part;
    return part;
  };
  tokens.cache_read = take(has(kCached) ? get(kCached) : get(kCacheRead));
  tokens.cache_write_1h = take(get(kCacheWrite1h));
  tokens.cache_write_5m =
      take(has(kCacheWrite) ? std::max<std::int64_t>(get(kCacheWrite) - tokens.cache_write_1h, 0)
                            : get(kCacheWrite5m));
  tokens.input = left;
  tokens.output = get(kOutput);
  tokens.reasoning = get(kReasoning);
  // Some providers of this dialect (xAI, Gemini) leave reasoning out of completion_tokens; their
  // own total gives them away.
  if (tokens.reasoning > 0 && get(kTotal) == get(kInput) + tokens.output + tokens.reasoning) {
    tokens.output += tokens.reasoning;
  }
  return tokens;
}

Tokens UsageReport::settle_exclusive() const {
  Tokens tokens;
  tokens.input = get(kInput);
  tokens.cache_read = get(kCacheRead);
  tokens.cache_write_1h = get(kCacheWrite1h);
  // The total is cumulative and comes last; its split may have come only at the start.
  tokens.cache_write_5m = has(kCacheWrite)
                              ? std::max<std::int64_t>(get(kCacheWrite) - tokens.cache_write_1h, 0)
                              : get(kCacheWrite5m);
  tokens.output = get(kOutput);
  tokens.reasoning = get(kReasoning);
  return tokens;
}

Tokens UsageReport::settle_gemini() const {
  Tokens tokens;
  tokens.cache_read = std::min(get(kCached), get(kInput));
  tokens.input = get(kInput) - tokens.cache_read + get(kToolInput);
  tokens.reasoning = get(kReasoning);
  tokens.output = get(kOutput) + tokens.reasoning;
  return tokens;
}

}  // namespace sightglass::gateway
