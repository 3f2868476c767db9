// The index of ids, held against the plain list of what was put in: it may name a stretch too many,
// never one too few, and damaged bytes are no index.
#include "store/id_index.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

#include "base/random.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

constexpr std::uint32_t kCrc = 0x1234abcd;

class IdIndexTest : public testing::Test {
 protected:
  void write(const std::string& bytes) {
    (void)fs_.remove(path_);
    ASSERT_TRUE((*fs_.open(path_, OpenMode::kCreateNew))->append(bytes).has_value());
  }
  auto ask(std::string_view begin, std::uint32_t crc = kCrc) {
    return stretches_with(fs_, path_, crc, begin);
  }
  static bool holds(const std::vector<Stretch>& stretches, journal::Position position) {
    return std::any_of(stretches.begin(), stretches.end(), [&](const Stretch& stretch) {
      return stretch.first <= position && position <= stretch.last;
    });
  }

  TestFolder folder_;
  PosixFileSystem fs_;
  const std::string path_ = folder_.path() + "/x.ids";
  SystemRandom random_;
};

TEST_F(IdIndexTest, NamesTheStretchOfEachIdAndFewOthers) {
  constexpr std::uint64_t kRows = 300'000, kFirst = 1'000'000'007;
  IdIndexBuilder builder(kCrc, kRows, kFirst, kFirst + 3 * kRows);
  std::vector<std::string> ids;
  for (std::uint64_t i = 0; i < kRows; ++i) {
    ids.push_back(make_uuid4(random_));
    builder.add(kFirst + 3 * i, ids.back());
  }
  const auto bytes = builder.finish();
  EXPECT_LT(bytes.size(), kRows * 8 / 5);
  write(bytes);
  for (std::uint64_t i = 0; i < kRows; i += 61) {
    const auto found = ask(std::string_view(ids[i]).substr(0, 8 + i % 29));
    ASSERT_TRUE(found.has_value());
    ASSERT_TRUE(holds(*found, kFirst + 3 * i));
  }
  std::size_t named = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto found = ask(make_uuid4(random_));
    ASSERT_TRUE(found.has_value());
    named += found->size();
  }
  EXPECT_LT(named, 5'000u * 10 / 50);  // ten stretches, 2 %
}

TEST_F(IdIndexTest, SmallFilesAndOddIds) {
  IdIndexBuilder builder(kCrc, 3, 5, 7);
  builder.add(5, "abcdefgh");
  builder.add(6, "");
  builder.add(7, std::string("\0\xff\0", 3) + "zzzzzzzz");
  builder.add(99, "outside-of-it");
  write(builder.finish());
  const std::vector<Stretch> whole = {{5, 7}};
  EXPECT_EQ(ask("abcdefgh"), whole);
  EXPECT_EQ(ask("abcdefgh-and-more"), whole);
  EXPECT_EQ(ask("outside-"), whole);
  EXPECT_EQ(ask("abcdefg"), std::nullopt);  // too short to be known
  EXPECT_EQ(ask("abcdefgi"), std::vector<Stretch>());
}

TEST_F(IdIndexTest, MoreStretchesThanPositions) {
  IdIndexBuilder builder(kCrc, 1'000'000, 5, 7);  // counted wrongly: right all the same
  builder.add(7, "abcdefgh");
  write(builder.finish());
  const auto found = ask("abcdefgh");
  ASSERT_TRUE(found.has_value());
  EXPECT_TRUE(holds(*found, 7));
}

TEST_F(IdIndexTest, WhatIsDamagedIsNoIndex) {
  IdIndexBuilder builder(kCrc, 40'000, 1, 40'000);
  for (std::uint64_t i = 1; i <= 40'000; ++i) builder.add(i, "id" + std::to_string(100'000 + i));
  const auto bytes = builder.finish();
  const std::string_view id = "id100777";
  write(bytes);
  ASSERT_TRUE(ask(id).has_value());
  EXPECT_EQ(ask(id, kCrc + 1), std::nullopt);  // of other data
  for (std::size_t at = 0; at < 40; ++at) {
    auto wrong = bytes;
    wrong[at] = static_cast<char>(wrong[at] ^ 1);
    write(wrong);
    ASSERT_EQ(ask(id), std::nullopt) << at;
  }
  // Zeros where the lines were, as a file may have after a power failure; lines that changed
  // places.
  write(bytes.substr(0, 40) + std::string(bytes.size() - 40, '\0'));
  EXPECT_EQ(ask(id), std::nullopt);
  const auto line = 2 * 32 + 4;
  std::set<bool> moved;
  write(bytes.substr(0, 40) + bytes.substr(40 + line) + bytes.substr(40, line));
  for (int i = 0; i < 50; ++i) moved.insert(ask("id1" + std::to_string(10'000 + i)).has_value());
  EXPECT_EQ(moved, std::set<bool>{false});
  for (const std::size_t size : {0u, 1u, 39u, 40u, 41u}) {
    write(bytes.substr(0, size));
    EXPECT_EQ(ask(id), std::nullopt) << size;
  }
  ASSERT_TRUE(fs_.remove(path_).has_value());
  EXPECT_EQ(ask(id), std::nullopt);
}

}  // namespace
}  // namespace sightglass::store
