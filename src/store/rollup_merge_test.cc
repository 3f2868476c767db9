// Files that cells are added to, against tables that were taken apart and written anew.
#include "store/rollup_merge.h"

#include <gtest/gtest.h>

#include "base/crc32c.h"
#include "base/random.h"

namespace sightglass::store {
namespace {

constexpr Nanos kDay = 86'400 * kSecond, kBegin = 20'000 * kDay;

RollupCells all_of(const RollupTable& table) {
  return {table.cells().begin(), table.cells().end()};
}

RollupKey random_key(SeededRandom& random) {
  RollupKey key;
  key.start_ns = kBegin + static_cast<Nanos>(random.below(24)) * 3'600 * kSecond;
  const char* names[] = {"", "a", "ab", "b", "Zürich", "a-rather-long-name-of-a-client"};
  for (auto* const name :
       {&key.provider, &key.client, &key.model, &key.key, &key.outcome, &key.error_type}) {
    *name = names[random.below(6)];
  }
  key.streaming = static_cast<std::int8_t>(static_cast<int>(random.below(3)) - 1);
  return key;
}

RollupCell random_cell(SeededRandom& random) {
  RollupCell cell;
  cell.requests = 1 + random.below(3);
  cell.input_tokens = static_cast<std::int64_t>(random.below(1ull << random.below(40)));
  cell.cost_nanousd = -static_cast<std::int64_t>(random.below(1'000));
  cell.last_ns = kBegin + static_cast<Nanos>(random.below(kDay));
  for (auto i = random.below(4); i > 0; --i) {
    cell.latency.add(static_cast<std::int64_t>(random.below(1ull << random.below(30))));
    ++cell.timed;
  }
  return cell;
}

RollupTable random_table(SeededRandom& random, std::size_t adds) {
  RollupTable out;
  for (std::size_t i = 0; i < adds; ++i) out.add(random_key(random), random_cell(random));
  return out;
}

TEST(RollupMerge, AFileWithCellsAddedIsWhatTheWholeTableWouldBe) {
  SeededRandom random(1);
  for (int round = 0; round < 60; ++round) {
    auto whole = random_table(random, random.below(300));
    const auto file = encode_rollup(RollupStep::kHour, kBegin, whole);
    auto added = random_table(random, random.below(80));
    for (const auto& [key, cell] : whole.cells()) {
      if (random.below(3) == 0) added.add(key, cell);  // some that the file has
    }
    whole.add(added);
    const auto merged = merge_rollup(file, all_of(added));
    ASSERT_TRUE(merged) << merged.error().message;
    EXPECT_EQ(*merged, encode_rollup(RollupStep::kHour, kBegin, whole));
  }
}

TEST(RollupMerge, AFileMadeOfCellsIsThatOfTheirTable) {
  SeededRandom random(2);
  const auto table = random_table(random, 100);
  EXPECT_EQ(encode_rollup(RollupStep::kHour, kBegin, all_of(table)),
            encode_rollup(RollupStep::kHour, kBegin, table));
}

TEST(RollupMerge, PastTheBoundANewKeyAddsToAnother) {
  RollupTable whole;
  RollupKey key;
  key.start_ns = kBegin;
  key.provider = "p";
  RollupCell cell;
  cell.requests = 1;
  for (std::size_t i = 0; i + 2 < RollupTable::kMaxCells; ++i) {
    key.client = "client-" + std::to_string(i);
    whole.add(key, cell);
  }
  const auto file = encode_rollup(RollupStep::kHour, kBegin, whole);
  RollupTable added;
  for (int i = 0; i < 10; ++i) {
    key.client = "new-" + std::to_string(i);
    added.add(key, cell);
    key.client = "client-" + std::to_string(7 * i);
    added.add(key, cell);
  }
  whole.add(added);
  const auto merged = merge_rollup(file, all_of(added));
  ASSERT_TRUE(merged);
  EXPECT_EQ(*merged, encode_rollup(RollupStep::kHour, kBegin, whole));
  const auto read = decode_rollup(*merged);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->table.cells().count(RollupTable::other_of(key)), 1u);
}

// Also with a checksum that fits: nothing is read past the end, and what comes out is a file.
TEST(RollupMerge, ADamagedFileIsRefused) {
  SeededRandom random(3);
  const auto file = encode_rollup(RollupStep::kHour, kBegin, random_table(random, 20));
  const auto added = random_table(random, 3);
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(merge_rollup(Bytes(file).substr(0, size), all_of(added)));
  }
  for (std::size_t at = 0; at + 4 < file.size(); ++at) {
    auto changed = file.substr(0, file.size() - 4);
    changed[at] = static_cast<char>(changed[at] ^ static_cast<char>(1 + random.below(255)));
    EXPECT_FALSE(merge_rollup(changed + file.substr(file.size() - 4), all_of(added)));
    const auto crc = crc32c(changed);
    ByteWriter(changed).u32(crc);
    (void)merge_rollup(changed, all_of(added));
  }
}

}  // namespace
}  // namespace sightglass::store
