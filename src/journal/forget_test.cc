#include "journal/forget.h"

#include <gtest/gtest.h>

#include "journal/testing.h"

namespace sightglass::journal {
namespace {

const std::string kAlice = "u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa";
const std::string kBob = "u:12.bbbbbbbbbbbbbbbbbbbbbbbbb7";
const std::string kCarol = "s:4294967295.cccccccccccccccccccccccccc";

TEST(Forget, NamesItsTextsAndNoOthers) {
  const Forget forget({kAlice, kCarol, kAlice});
  EXPECT_EQ(forget.size(), 2u);
  EXPECT_TRUE(forget.names(kAlice));
  EXPECT_TRUE(forget.names(kCarol));
  EXPECT_FALSE(forget.names(kBob));
  EXPECT_FALSE(forget.names(kAlice + "a"));
  EXPECT_FALSE(forget.names(""));
  EXPECT_FALSE(forget.names("alice@example.com"));
}

// What is to be forgotten is not in the record that says so.
TEST(Forget, RecordHoldsNoneOfItsTexts) {
  const auto payload = Forget({kAlice, kBob}).encode();
  EXPECT_EQ(payload.find(kAlice.substr(4)), std::string::npos);
  const auto back = Forget::decode(payload);
  ASSERT_TRUE(back);
  EXPECT_TRUE(back->names(kAlice));
  EXPECT_TRUE(back->names(kBob));
  EXPECT_FALSE(back->names(kCarol));
}

TEST(Forget, DamagedRecordsAreRefused) {
  const auto good = Forget({kAlice, kBob}).encode();
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(Forget::decode(Bytes(good).substr(0, size))) << size;
  }
  EXPECT_FALSE(Forget::decode(good + "x"));
  EXPECT_FALSE(Forget::decode("\x02" + good.substr(1)));
  std::string unordered = good;
  for (int i = 0; i < 16; ++i) std::swap(unordered[2 + i], unordered[18 + i]);
  EXPECT_FALSE(Forget::decode(unordered));
}

TEST(Forget, OverwritesInPlaceAndLeavesEverythingElse) {
  const Forget forget({kAlice, kCarol});
  std::string line = R"({"user_id":")" + kAlice + R"(","other":")" + kBob + R"(","session_id":")" +
                     kCarol + "\"}\n[METRIC] [" + kAlice + "] llm_call model=x\n";
  const auto size = line.size();
  EXPECT_TRUE(forget.overwrite(line));
  EXPECT_EQ(line.size(), size);
  EXPECT_EQ(line.find(kAlice), std::string::npos);
  EXPECT_EQ(line.find(kCarol), std::string::npos);
  EXPECT_NE(line.find(kBob), std::string::npos);
  EXPECT_NE(line.find(R"("user_id":"forgotten.....................")"), std::string::npos) << line;
  EXPECT_NE(line.find("] llm_call model=x\n"), std::string::npos);
  EXPECT_FALSE(forget.overwrite(line));
}

TEST(Forget, FindsTextsAtBothEnds) {
  const Forget forget({kAlice});
  for (const auto& text : {kAlice, "xx" + kAlice, kAlice + "xx", "u:u:1.x" + kAlice + kAlice}) {
    auto bytes = text;
    EXPECT_TRUE(forget.overwrite(bytes)) << text;
    EXPECT_EQ(bytes.find(kAlice), std::string::npos) << text;
  }
}

// Nothing older than the record shares a segment with anything newer: it can be cut away whole.
TEST(Forget, RecordIsTheLastOfItsSegment) {
  Bench bench;
  auto journal = bench.open();
  const auto before = journal->segments().size();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "x"));
  const auto position = journal->append(RecordKind::kForget, Forget({kAlice}).encode());
  ASSERT_TRUE(position);
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "y"));
  const auto segments = journal->segments();
  ASSERT_EQ(segments.size(), before + 1);
  EXPECT_EQ(segments.back().first, *position + 1);
  ASSERT_TRUE(journal->close());
}

}  // namespace
}  // namespace sightglass::journal
