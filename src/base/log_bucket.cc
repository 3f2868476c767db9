#include "base/log_bucket.h"

#include <algorithm>
#include <cmath>

namespace sightglass {

// Reckoned as the roll-ups' statement does (store/rollup_sql.cc), so that both give one bucket.
std::int32_t log_bucket(double size) {
  static const double kLogGrowth = std::log(kBucketGrowth);
  return static_cast<std::int32_t>(
      std::ceil(std::log(std::min(size, kGreatestBucketed)) / kLogGrowth));
}

double middle_of_bucket(std::int32_t bucket) {
  return 2 * std::pow(kBucketGrowth, bucket) / (kBucketGrowth + 1);
}

}  // namespace sightglass
