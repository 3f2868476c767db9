// Roll-ups by themselves: cells against plain sums, files against every changed byte.
#include "store/rollup.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/crc32c.h"
#include "base/random.h"

namespace sightglass::store {
namespace {

RollupTable some_cells(std::uint64_t seed, int count, Nanos from, Nanos length) {
  SeededRandom random(seed);
  const char* const names[] = {"", "openai", "a b", "\xc3\xa9", "\xff"};
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
    cell.output_values = random.below(cell.requests + 1);
    cell.counted = random.below(9) != 0;
    for (int n = 0; n < 5; ++n) {
      cell.latency.add(static_cast<double>(random.below(1'000'000)) - 1'000);
    }
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

// One cell as version 1 wrote it: without the numbers of values, and with one bucket for all
// latencies that are not above 0.
TEST(Rollup, AFileOfVersionOneReadsAndSaysWhatItDoesNotKnow) {
  std::string bytes;
  ByteWriter out(bytes);
  out.raw("SGRU");
  out.u32(1);
  out.u8(0);
  out.i64(kHourStart);
  out.varint(1);
  out.varint(5);
  for (const auto* name : {"openai", "", "gpt-4o", "", "ok", ""}) out.string(name);
  out.u8(2);
  for (const std::uint64_t count : {9u, 1u, 7u}) out.varint(count);
  for (const std::int64_t sum : {1, 2, 3, 4, 5, 6, 7, 8}) out.zigzag(sum);
  out.zigzag(kHourStart + 99);
  out.varint(2);
  out.varint(1);  // bucket -1
  out.varint(3);
  out.varint(1 + 350);  // bucket 350
  out.varint(4);
  out.u32(crc32c(bytes));
  const auto got = decode_rollup(bytes);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  ASSERT_EQ(got->table.cells().size(), 1u);
  const auto& [key, cell] = *got->table.cells().begin();
  EXPECT_EQ(key.model, "gpt-4o");
  EXPECT_EQ(key.streaming, 1);
  EXPECT_EQ(cell.requests, 9u);
  EXPECT_EQ(cell.output_tokens, 5);
  EXPECT_EQ(cell.latency_us, 8);
  EXPECT_FALSE(cell.counted);
  ValueHistogram want;
  want.add(0, 3);
  want.add_bucket(350, 4);
  EXPECT_EQ(cell.latency, want);
  // Written anew it is a file of the newest version, and what is not known stays so.
  const auto again = decode_rollup(encode_rollup(got->step, got->partition_ns, got->table));
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->table.cells(), got->table.cells());
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
