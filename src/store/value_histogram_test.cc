// Percentiles within 1 % of the sorted list's, whatever the values, and sums that are exact.
#include "store/value_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/random.h"

namespace sightglass::store {
namespace {

constexpr std::uint32_t kQuantiles[] = {1, 1'000, 50'000, 90'000, 95'000, 99'000, 99'900};

std::string bytes_of(const ValueHistogram& histogram) {
  std::string out;
  ByteWriter writer(out);
  histogram.save(writer);
  return out;
}

void expect_within_one_percent(const ValueHistogram& histogram, std::vector<double> values) {
  std::sort(values.begin(), values.end());
  ASSERT_EQ(histogram.count(), values.size());
  for (const auto q : kQuantiles) {
    const auto rank = std::max<std::size_t>(1, (values.size() * q + 99'999) / 100'000);
    const auto want = values[rank - 1];
    EXPECT_NEAR(histogram.quantile(q), want, 0.01 * std::fabs(want) * (1 + 1e-9))
        << q << " of " << values.size();
  }
}

// S2-K11
TEST(ValueHistogram, IsWithinOnePercentOverAllMagnitudes) {
  SeededRandom random(5);
  for (const int size : {1, 2, 10, 99, 100, 5'000}) {
    ValueHistogram histogram;
    std::vector<double> values;
    for (int i = 0; i < size; ++i) {
      const auto exponent = static_cast<double>(random.below(50'000)) / 2'000 - 8;
      values.push_back((random.below(5) == 0 ? -1 : 1) * std::pow(10, exponent));
      if (random.below(9) == 0) values.back() = 0;
      histogram.add(values.back());
    }
    expect_within_one_percent(histogram, values);
  }
}

TEST(ValueHistogram, IsWithinOnePercentOverLatencies) {
  SeededRandom random(6);
  ValueHistogram histogram;
  std::vector<double> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<double>(300'000 + random.below(5'000'000)));
    histogram.add(values.back());
  }
  expect_within_one_percent(histogram, values);
  EXPECT_LT(histogram.memory_bytes(), 5'000u);
}

TEST(ValueHistogram, PartsAddUpToTheWholeByteForByte) {
  SeededRandom random(7);
  ValueHistogram whole, parts[3];
  for (int i = 0; i < 3'000; ++i) {
    const auto value = static_cast<double>(random.below(1'000'000)) - 1'000;
    whole.add(value);
    parts[random.below(3)].add(value);
  }
  ValueHistogram ahead, behind;
  for (const auto& part : parts) ahead.merge(part);
  for (int i = 2; i >= 0; --i) behind.merge(parts[i]);
  EXPECT_EQ(bytes_of(ahead), bytes_of(whole));
  EXPECT_EQ(bytes_of(behind), bytes_of(whole));
}

TEST(ValueHistogram, TheEndsOfWholeNumbersHaveBuckets) {
  ValueHistogram histogram;
  histogram.add(static_cast<double>(std::numeric_limits<std::int64_t>::max()));
  EXPECT_NEAR(histogram.quantile(100'000), 9.22e18, 1e17);
  histogram.add(static_cast<double>(std::numeric_limits<std::int64_t>::min()), 2);
  EXPECT_NEAR(histogram.quantile(1), -9.22e18, 1e17);
}

// As roll-ups give them: a bucket's number in place of its values.
TEST(ValueHistogram, ABucketByItsNumberIsTheBucketOfItsValues) {
  ValueHistogram by_value, by_number;
  by_value.add(1, 3);
  by_value.add(-1.02, 2);
  by_number.add_bucket(0, 3);
  by_number.add_negative_bucket(1, 2);
  EXPECT_EQ(by_value, by_number);
  by_number.add_bucket(1'000'000, 1);
  by_value.add(1e300);
  EXPECT_EQ(by_number.count(), by_value.count());
}

TEST(ValueHistogram, BucketsForPeopleEndAtOneTwoAndFive) {
  EXPECT_EQ(bucket_of(0), 0);
  EXPECT_EQ(bucket_of(1), 1);
  EXPECT_EQ(bucket_of(1.01), 2);
  EXPECT_EQ(bucket_of(1'000), 1'000);
  EXPECT_EQ(bucket_of(1'001), 2'000);
  EXPECT_EQ(bucket_of(200'001), 500'000);
  EXPECT_EQ(bucket_of(-3), -2);
  EXPECT_EQ(bucket_of(-2), -2);
  EXPECT_EQ(bucket_of(9e18), 5e18);
}

TEST(ValueHistogram, ReadsBackWhatItWrote) {
  ValueHistogram histogram, read;
  for (const double value : {0.0, 1e-300, 5.0, 5.01, -7e6, 1e300, 42.0}) histogram.add(value);
  const auto bytes = bytes_of(histogram);
  ByteReader in(bytes);
  ASSERT_TRUE(read.load(in));
  EXPECT_TRUE(in.empty());
  EXPECT_EQ(bytes_of(read), bytes);
  EXPECT_EQ(read.count(), 7u);
}

TEST(ValueHistogram, LeavesOutWhatIsNoNumber) {
  ValueHistogram histogram;
  histogram.add(std::numeric_limits<double>::quiet_NaN());
  histogram.add(std::numeric_limits<double>::infinity());
  EXPECT_EQ(histogram.count(), 0u);
  EXPECT_EQ(histogram.quantile(50'000), 0);
}

TEST(ValueHistogram, RefusesWhatIsCutShortOrOutOfRange) {
  ValueHistogram histogram;
  for (int i = 1; i < 100; ++i) histogram.add(i);
  const auto bytes = bytes_of(histogram);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(Bytes(bytes).substr(0, size));
    ValueHistogram read;
    EXPECT_FALSE(read.load(in)) << size;
  }
  std::string far;
  ByteWriter writer(far);
  writer.varint(0);
  writer.varint(1);
  writer.varint(1'000'000'000);
  writer.varint(1);
  writer.varint(0);
  ByteReader in(far);
  ValueHistogram read;
  EXPECT_FALSE(read.load(in));
}

}  // namespace
}  // namespace sightglass::store
