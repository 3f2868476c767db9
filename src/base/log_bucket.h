// The buckets of every histogram that is kept for percentiles within 1 %: their bounds grow by a
// constant factor, so that histograms made anywhere add up.
// Source: Masson, Rim, Lee, "DDSketch" (VLDB 2019), without collapsing.
#pragma once

#include <cstdint>

namespace sightglass {

inline constexpr double kBucketGrowth = 1.02;
inline constexpr double kLeastBucketed = 1e-9, kGreatestBucketed = 1e19;

// The i with 1.02^(i-1) < size <= 1.02^i. `size`: at least kLeastBucketed; past the greatest it
// counts as that.
std::int32_t log_bucket(double size);
// At most 0.02 / 2.02 = 0.99 % from every value in it.
double middle_of_bucket(std::int32_t bucket);

}  // namespace sightglass
