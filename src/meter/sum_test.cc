// Sums of decimals are those of the decimals, not of their nearest doubles.
#include "meter/sum.h"

#include <gtest/gtest.h>

#include <vector>

#include "base/random.h"
#include "meter/exposition.h"

namespace sightglass::meter {
namespace {

std::string text(const Sum& sum, int scale = 0) {
  std::string out;
  append_sum(out, sum, scale);
  return out;
}
Sum sum_of(const std::vector<double>& values) {
  Sum out;
  for (const double v : values) out.add(event::Value::number(v));
  return out;
}

// S3-B08
TEST(Sum, FractionalCentsAddUpExactly) {
  Sum sum;
  for (int i = 0; i < 1'000'000; ++i) sum.add(event::Value::number(2.1));
  EXPECT_EQ(text(sum), "2100000");
  EXPECT_EQ(text(sum_of({0.1, 0.2})), "0.3");
  EXPECT_EQ(text(sum_of({0.1, 0.2}), -2), "0.003");
  EXPECT_EQ(text(sum_of({123456.789012345})), "123456.789012345");
  EXPECT_EQ(text(sum_of({999999999.999999, 0.000001})), "1000000000");
}

TEST(Sum, NegativeDecimalsBorrowFromTheWhole) {
  EXPECT_EQ(text(sum_of({-0.5})), "-0.5");
  EXPECT_EQ(text(sum_of({-0.5, 0.25})), "-0.25");
  EXPECT_EQ(text(sum_of({2.1, -3.2})), "-1.1");
}

TEST(Sum, WholeNumbersPast64BitsStayExactAsLongAsADoubleIsWhole) {
  Sum sum;
  sum.add(event::Value::integer(INT64_MAX));
  sum.add(event::Value::number(4e18));
  EXPECT_EQ(text(sum), "13223372036854775807");
}

TEST(Sum, WhatIsNoShortDecimalIsAddedUpAsADouble) {
  EXPECT_EQ(text(sum_of({1.0 / 3})), "0.3333333333333333");
  EXPECT_EQ(text(sum_of({1e-12})), "1e-12");
  EXPECT_EQ(text(sum_of({1e300})), "1e+300");
}

// Against the decimal that was written, in 128 bits.
TEST(Sum, AgreesWithDecimalArithmeticOnRandomDecimals) {
  SeededRandom random(3);
  for (int round = 0; round < 200; ++round) {
    Sum sum;
    Int128 nanos = 0;
    for (int i = 0; i < 100; ++i) {
      const int places = static_cast<int>(random.below(10));
      std::int64_t unit = 1'000'000'000;
      for (int p = 0; p < places; ++p) unit /= 10;
      const auto n = static_cast<std::int64_t>(random.below(999'999'999'999'999)) / unit * unit;
      sum.add(event::Value::number(static_cast<double>(n) / 1e9));  // the nearest double
      nanos += n;
    }
    std::string wanted;
    append_scaled(wanted, nanos, -9);
    EXPECT_EQ(text(sum), wanted);
  }
}

TEST(Sum, MergingIsAddingAll) {
  Sum a = sum_of({0.7, 5, 1.0 / 3});
  Sum b = sum_of({0.6, -2.25});
  a.merge(b);
  EXPECT_EQ(a.count, 5u);
  EXPECT_DOUBLE_EQ(a.as_double(), 0.7 + 5 + 1.0 / 3 + 0.6 - 2.25);
}

}  // namespace
}  // namespace sightglass::meter
