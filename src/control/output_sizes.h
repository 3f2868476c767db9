// How long outputs are, by model, over the last day: what a request without max_tokens will
// probably come to.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"

namespace sightglass::control {

// Counts in buckets that are at most an eighth wide. A pure function of what was added.
// Bounds: kMaxModels; past them the one that was heard of longest ago makes room. 24 hours.
class OutputSizes {
 public:
  static constexpr std::size_t kMaxModels = 500;

  void add(std::string_view model, std::int64_t output_tokens, Nanos time_ns);
  // No less than the 99th percentile of the day before `now_ns`, by model; only of models that
  // answered at least `least` times.
  std::map<std::string, std::int64_t, std::less<>> p99(Nanos now_ns, std::uint64_t least) const;

  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  struct Hour {
    std::int64_t id = 0;
    std::map<std::uint16_t, std::uint64_t> counts;  // by bucket
  };
  using Hours = std::vector<Hour>;  // oldest first
  std::map<std::string, Hours, std::less<>> models_;
};

}  // namespace sightglass::control
