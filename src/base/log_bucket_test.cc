#include "base/log_bucket.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sightglass {
namespace {

TEST(LogBucket, EachHoldsTheSizesBetweenItsBounds) {
  for (double size = kLeastBucketed; size < kGreatestBucketed; size *= 1.0173) {
    const auto bucket = log_bucket(size);
    EXPECT_LT(std::pow(kBucketGrowth, bucket - 1), size * (1 + 1e-9)) << size;
    EXPECT_GE(std::pow(kBucketGrowth, bucket), size * (1 - 1e-9)) << size;
    EXPECT_NEAR(middle_of_bucket(bucket) / size, 1, 0.02 / 2.02 + 1e-9) << size;
  }
}

TEST(LogBucket, OneIsInBucketZeroAndTheGreatestIsTheLast) {
  EXPECT_EQ(log_bucket(1), 0);
  EXPECT_EQ(log_bucket(1.01), 1);
  EXPECT_EQ(log_bucket(0.99), 0);
  EXPECT_EQ(log_bucket(1e300), log_bucket(kGreatestBucketed));
}

}  // namespace
}  // namespace sightglass
