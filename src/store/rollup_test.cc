// Roll-ups by themselves: sketches against sorted values, cells against plain sums, files against
// every changed byte.
#include "store/rollup.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "base/random.h"

namespace sightglass::store {
namespace {

double exact_quantile(std::vector<std::int64_t> values, double q) {
  std::sort(values.begin(), values.end());
  const auto rank = std::max(1.0, std::ceil(q * static_cast<double>(values.size())));
  return static_cast<double>(values[static_cast<std::size_t>(rank) - 1]);
}

TEST(LatencySketch, EveryQuantileIsWithinOnePercentOfTheValueOfThatRank) {
  SeededRandom random(3);
  for (const std::uint64_t most : {10ull, 5'000ull, 80'000'000ull, 1ull << 62}) {
    LatencySketch histogram;
    std::vector<std::int64_t> values;
    for (int i = 0; i < 3000; ++i) {
      values.push_back(static_cast<std::int64_t>(random.below(random.below(most) + 1)));
      histogram.add(values.back());
    }
    for (const double q : {0.0, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
      const auto want = exact_quantile(values, q);
      EXPECT_NEAR(histogram.quantile(q), want, want * 0.01) << most << " " << q;
    }
    EXPECT_EQ(histogram.count(), values.size());
  }
}

TEST(LatencySketch, TheHistogramsOfPartsAddUpToThatOfTheWhole) {
  SeededRandom random(4);
  LatencySketch whole, sum, empty;
  for (int part = 0; part < 10; ++part) {
    LatencySketch one;
    for (int i = 0; i < 100; ++i) {
      const auto value = static_cast<std::int64_t>(random.below(1ull << random.below(60)));
      one.add(value - 5);
      whole.add(value - 5);
    }
    sum.add(one);
    sum.add(empty);
  }
  EXPECT_EQ(sum, whole);
}

TEST(LatencySketch, TheEndsOfTheRangeHaveBuckets) {
  LatencySketch histogram;
  EXPECT_EQ(histogram.quantile(0.5), 0);
  histogram.add(INT64_MIN);
  EXPECT_EQ(histogram.quantile(1), 0);
  histogram.add(INT64_MAX);
  EXPECT_NEAR(histogram.quantile(1), 9.22e18, 1e17);
  EXPECT_EQ(LatencySketch::bucket_of(1), 0);
}

RollupTable some_cells(std::uint64_t seed, int count, Nanos from, Nanos length) {
  SeededRandom random(seed);
  const char* const names[] = {"", "openai", "a b", "\xc3\xa9", "x\0y"};
  const auto name = [&] { return std::string(names[random.below(5)]); };
  RollupTable out;
  for (int i = 0; i < count; ++i) {
    RollupKey key;
    key.start_ns =
        from + begin_of(static_cast<Nanos>(random.below(static_cast<std::uint64_t>(length))),
                        step_ns(RollupStep::kMinute));
    for (auto* const one :
         {&key.provider, &key.client, &key.model, &key.key, &key.outcome, &key.error_type}) {
      *one = name();
    }
    key.streaming = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
    RollupCell cell;
    cell.requests = 1 + random.below(100);
    cell.cost_nanousd = static_cast<std::int64_t>(random.below(1000)) - 500;
    cell.input_tokens = INT64_MAX - static_cast<std::int64_t>(random.below(5));
    cell.last_ns = key.start_ns + 5;
    cell.latency.add(static_cast<std::int64_t>(random.below(1'000'000)));
    out.add(key, cell);
  }
  return out;
}

constexpr Nanos kHourStart = 482'000 * 3600 * kSecond;

TEST(Rollup, AFileReadsBackAsItWasWritten) {
  const auto table = some_cells(1, 500, kHourStart, 3600 * kSecond);
  const auto bytes = encode_rollup(RollupStep::kMinute, kHourStart, table);
  const auto got = decode_rollup(bytes);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_EQ(got->step, RollupStep::kMinute);
  EXPECT_EQ(got->partition_ns, kHourStart);
  EXPECT_EQ(got->table.cells(), table.cells());
}

TEST(Rollup, AnyChangedByteAndAnyCutIsNoticed) {
  const auto bytes =
      encode_rollup(RollupStep::kMinute, kHourStart, some_cells(2, 5, kHourStart, 3600 * kSecond));
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    auto changed = bytes;
    changed[i] = static_cast<char>(changed[i] ^ 0x10);
    EXPECT_FALSE(decode_rollup(changed).has_value()) << "byte " << i;
    EXPECT_FALSE(decode_rollup(bytes.substr(0, i)).has_value()) << "cut at " << i;
  }
}

TEST(Rollup, LongerStepsHoldTheSameSums) {
  const auto minutes = some_cells(5, 2000, kHourStart, 40 * 3600 * kSecond);
  for (const auto step : {RollupStep::kHour, RollupStep::kDay}) {
    std::map<RollupKey, std::pair<std::uint64_t, std::int64_t>> want, got;
    for (const auto& [minute, cell] : minutes.cells()) {
      auto key = minute;
      key.start_ns = key.start_ns / step_ns(step) * step_ns(step);
      want[key].first += cell.requests;
      want[key].second += cell.cost_nanousd;
    }
    const auto longer = minutes.coarser(step);
    for (const auto& [key, cell] : longer.cells()) {
      got[key] = {cell.requests, cell.cost_nanousd};
      EXPECT_LE(cell.input_tokens, INT64_MAX) << "stays at the end";
      EXPECT_GT(cell.input_tokens, 0);
    }
    EXPECT_EQ(got, want);
    EXPECT_EQ(longer.coarser(RollupStep::kDay).cells(), minutes.coarser(RollupStep::kDay).cells());
  }
}

TEST(Rollup, PastTheBoundOfCellsSumsStayExact) {
  RollupTable table;
  for (std::size_t i = 0; i < RollupTable::kMaxCells + 1000; ++i) {
    RollupKey key;
    key.start_ns = kHourStart;
    key.provider = "openai";
    key.key = "key-" + std::to_string(i);
    table.add(key, {.requests = 2});
  }
  EXPECT_LE(table.cells().size(), RollupTable::kMaxCells + 1);
  std::uint64_t requests = 0, others = 0;
  for (const auto& [key, cell] : table.cells()) {
    requests += cell.requests;
    if (key.key == RollupTable::kOther) others += cell.requests;
  }
  EXPECT_EQ(requests, 2 * (RollupTable::kMaxCells + 1000));
  EXPECT_EQ(others, 2'000u);
  const auto bytes = encode_rollup(RollupStep::kMinute, kHourStart, table);
  EXPECT_EQ(decode_rollup(bytes)->table.cells(), table.cells());
}

TEST(Rollup, StepsBeginAtWholeMinutesHoursAndDaysAlsoBefore1970) {
  EXPECT_EQ(begin_of(61 * kSecond, 60 * kSecond), 60 * kSecond);
  EXPECT_EQ(begin_of(-1, 60 * kSecond), -60 * kSecond);
  EXPECT_EQ(begin_of(-60 * kSecond, 60 * kSecond), -60 * kSecond);
}

}  // namespace
}  // namespace sightglass::store
