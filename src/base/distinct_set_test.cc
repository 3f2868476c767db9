// Exact while few, within the stated error beyond, and the same bytes whatever the order.
#include "base/distinct_set.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/random.h"

namespace sightglass {
namespace {

std::uint64_t print_of(std::uint64_t i) { return fingerprint("user-" + std::to_string(i)); }

std::string bytes_of(const DistinctSet& set) {
  std::string out;
  ByteWriter writer(out);
  set.save(writer);
  return out;
}

TEST(DistinctSet, IsExactUpToTenThousand) {
  DistinctSet set;
  for (int round = 0; round < 2; ++round) {
    for (std::uint64_t i = 1; i <= 10'000; ++i) {
      set.add(print_of(i));
      ASSERT_EQ(set.count(), round == 0 ? i : 10'000);
    }
  }
  EXPECT_TRUE(set.exact());
  set.add(print_of(1));
  EXPECT_EQ(set.count(), 10'000u);
}

// Standard error 0.81 %: over 20 sets of each size the mean error must lie within it, and hardly
// any may lie beyond three times of it.
TEST(DistinctSet, EstimatesWithinItsStatedErrorAndWithoutBias) {
  for (const std::uint64_t n : {10'001ull, 20'000ull, 50'000ull, 100'000ull, 300'000ull}) {
    double sum = 0;
    double squares = 0;
    constexpr int kSets = 20;
    for (int s = 0; s < kSets; ++s) {
      DistinctSet set;
      for (std::uint64_t i = 0; i < n; ++i) set.add(fingerprint(std::to_string(i * kSets + s)));
      EXPECT_FALSE(set.exact());
      const double error = static_cast<double>(set.count()) / static_cast<double>(n) - 1;
      sum += error;
      squares += error * error;
      EXPECT_LT(std::abs(error), 0.035);
    }
    EXPECT_LT(std::abs(sum / kSets), 0.0081) << n;
    EXPECT_LT(std::sqrt(squares / kSets), 0.0125) << n;
  }
}

TEST(DistinctSet, AMillionFingerprintsAreAllDifferent) {
  std::vector<std::uint64_t> prints;
  for (std::uint64_t i = 0; i < 1'000'000; ++i) prints.push_back(print_of(i));
  std::sort(prints.begin(), prints.end());
  EXPECT_EQ(std::adjacent_find(prints.begin(), prints.end()), prints.end());
  EXPECT_NE(fingerprint(""), fingerprint(std::string_view("\0", 1)));
  EXPECT_NE(fingerprint("0123456789abcdef"), fingerprint("0123456789abcdef0"));
}

TEST(DistinctSet, TheOrderOfArrivalDoesNotShow) {
  for (const std::size_t n : {100u, 10'000u, 12'000u}) {
    std::vector<std::uint64_t> prints;
    for (std::size_t i = 0; i < n; ++i) prints.push_back(print_of(i));
    DistinctSet forward, backward;
    for (const auto print : prints) forward.add(print);
    std::reverse(prints.begin(), prints.end());
    for (const auto print : prints) backward.add(print);
    EXPECT_EQ(bytes_of(forward), bytes_of(backward));
  }
}

TEST(DistinctSet, ComesBackFromItsBytesAndGoesOn) {
  for (const std::size_t n : {0u, 1u, 5'000u, 20'000u}) {
    DistinctSet set;
    for (std::size_t i = 0; i < n; ++i) set.add(print_of(i));
    const auto bytes = bytes_of(set);
    ByteReader reader(bytes);
    DistinctSet loaded;
    ASSERT_TRUE(loaded.load(reader));
    EXPECT_TRUE(reader.empty());
    EXPECT_EQ(loaded.count(), set.count());
    for (std::size_t i = 0; i < 9'000; ++i) {
      set.add(print_of(n + i));
      loaded.add(print_of(n + i));
    }
    EXPECT_EQ(bytes_of(loaded), bytes_of(set));
  }
}

TEST(DistinctSet, RefusesBytesThatNoSetWrote) {
  DistinctSet set;
  for (std::size_t i = 0; i < 50; ++i) set.add(print_of(i));
  const auto good = bytes_of(set);
  for (std::size_t cut = 0; cut < good.size(); ++cut) {
    ByteReader reader(Bytes(good).substr(0, cut));
    EXPECT_FALSE(DistinctSet().load(reader)) << cut;
  }
  std::string twice;  // one fingerprint two times
  ByteWriter writer(twice);
  writer.u8(0);
  writer.varint(2);
  writer.u64(7);
  writer.u64(7);
  ByteReader doubled(twice);
  EXPECT_FALSE(DistinctSet().load(doubled));
  std::string high(1 + DistinctSet::kRegisters, '\x7f');  // ranks that 50 bits cannot have
  high[0] = 1;
  ByteReader registers(high);
  EXPECT_FALSE(DistinctSet().load(registers));
}

// Whatever a snapshot holds, the estimate is a number.
TEST(DistinctSet, AnswersForRegistersThatAllStandAtTheirTop) {
  std::string top(1 + DistinctSet::kRegisters, 51);
  top[0] = 1;
  ByteReader reader(top);
  DistinctSet set;
  ASSERT_TRUE(set.load(reader));
  EXPECT_GT(set.count(), std::uint64_t{1} << 50);
}

TEST(DistinctSet, AUnionIsWhatOneSetWouldHaveBecome) {
  for (const std::uint64_t size : {50u, 6'000u, 40'000u}) {
    DistinctSet left, right, both;
    for (std::uint64_t i = 0; i < size; ++i) {
      (i % 3 == 0 ? left : right).add(print_of(i));
      if (i % 5 == 0) (i % 3 == 0 ? right : left).add(print_of(i));
      both.add(print_of(i));
    }
    auto united = left;
    united.merge(right);
    EXPECT_EQ(bytes_of(united), bytes_of(both)) << size;
    right.merge(left);
    EXPECT_EQ(bytes_of(right), bytes_of(both)) << size;
  }
}

TEST(DistinctSet, AUnionWithAnEstimateIsOne) {
  DistinctSet few, many;
  few.add(print_of(1'000'000));
  for (std::uint64_t i = 0; i < 20'000; ++i) many.add(print_of(i));
  few.merge(many);
  EXPECT_FALSE(few.exact());
  EXPECT_NEAR(static_cast<double>(few.count()), 20'001, 20'001 * 0.03);
}

}  // namespace
}  // namespace sightglass
