// Epochs that end before their time, the days in which two of them are carried, and keys that go.
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "guard/door.h"
#include "guard/guard_test_support.h"

namespace sightglass::guard {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;

constexpr std::string_view kPack = R"(
pack: people
version: 1
fields:
  user_id: { kind: text, class: identifier, identifier: u, aliases: [userId] }
  session_id: { kind: text, class: identifier, identifier: s }
  n: { kind: int, class: count }
events:
  seen: { level: info }
)";

class Rotation : public ::testing::Test {
 protected:
  Rotation()
      : catalogue_(parse_catalogue(kPack)),
        door_(catalogue_, compile_plan(catalogue_), ring_.keys(), telemetry_) {}

  std::string pseudonym(std::string_view raw, std::string_view kind = "u") {
    std::string out;
    EXPECT_TRUE(ring_.keys().pseudonym(kind, raw, ring_.clock().wall_ns(), out));
    return out;
  }
  // What an event of now with these two carries behind the door, by field name.
  std::map<std::string, std::string> pass(std::string_view user, std::string_view session) {
    event::Event raw;
    raw.time_ns = ring_.clock().wall_ns();
    raw.fields = {{catalogue_->field("user_id"), event::Value::text(user)},
                  {catalogue_->field("session_id"), event::Value::text(session)}};
    std::string payload;
    door_.pass(raw, payload);
    event::Event decoded;
    EXPECT_TRUE(event::decode(payload, decoded));
    std::map<std::string, std::string> out;
    for (const auto& f : decoded.fields) {
      out[catalogue_->fields()[f.field].name] = std::string(f.value.as_text());
    }
    return out;
  }
  Nanos midnight() const { return ring_clock_ns() / kDay * kDay; }
  Nanos ring_clock_ns() const { return const_cast<Rotation*>(this)->ring_.clock().wall_ns(); }

  TestRing ring_;
  Telemetry telemetry_;
  std::shared_ptr<const event::Catalogue> catalogue_;
  Door door_;
};

// S3-R08, S0-D10: by command, too, an epoch ends at midnight, so that no day has two.
TEST_F(Rotation, ByCommandTakesEffectAtTheNextMidnight) {
  const auto before = pseudonym("alice");
  const auto next = ring_.keys().rotate(KeyRing::Rotation::kAtMidnight);
  ASSERT_TRUE(next);
  EXPECT_EQ(next->start_ns, midnight() + kDay);
  EXPECT_EQ(pseudonym("alice"), before);
  ring_.clock().advance(next->start_ns - ring_clock_ns());
  EXPECT_EQ(pseudonym("alice").substr(0, 4), "u:2.");
  EXPECT_NE(pseudonym("alice").substr(4), before.substr(4));
}

TEST_F(Rotation, AtOnceTakesEffectAtOnceAndTheNextOneIsCutAtMidnightAgain) {
  ring_.clock().advance(5 * 3'600 * kSecond);
  const auto now = ring_.keys().rotate(KeyRing::Rotation::kNow);
  ASSERT_TRUE(now);
  EXPECT_EQ(pseudonym("alice").substr(0, 4), "u:2.");
  ring_.clock().advance(29 * kDay);
  ASSERT_TRUE(ring_.keys().tend());
  const auto epochs = ring_.keys().epochs();
  ASSERT_EQ(epochs.size(), 3u);
  EXPECT_EQ(epochs[2].start_ns % kDay, 0);
  EXPECT_GT(epochs[2].start_ns, ring_clock_ns());
}

TEST_F(Rotation, AskedForTwiceIsOneRotation) {
  const auto first = ring_.keys().rotate(KeyRing::Rotation::kAtMidnight);
  const auto second = ring_.keys().rotate(KeyRing::Rotation::kAtMidnight);
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->id, second->id);
  EXPECT_EQ(ring_.keys().epochs().size(), 2u);
}

TEST_F(Rotation, SurvivesARestart) {
  ASSERT_TRUE(ring_.keys().rotate(KeyRing::Rotation::kNow));
  const auto person = pseudonym("alice");
  ring_.files().crash();
  ring_.reopen();
  EXPECT_EQ(pseudonym("alice"), person);
}

TEST_F(Rotation, LeavesTheOldEpochInPlaceWhenTheNewKeyCannotBeWritten) {
  const auto before = pseudonym("alice");
  ring_.make_unwritable();
  EXPECT_FALSE(ring_.keys().rotate(KeyRing::Rotation::kNow));
  EXPECT_EQ(pseudonym("alice"), before);
}

// S0-T03, S0-K23: distinct counts and pairs go on over the change.
TEST_F(Rotation, ForSevenDaysAnEventAlsoCarriesThePseudonymOfTheEpochBefore) {
  const auto before = pass("alice", "s1");
  EXPECT_FALSE(before.contains("user_id_prev")) << "there is no epoch before the first";
  ASSERT_TRUE(ring_.keys().rotate(KeyRing::Rotation::kNow));
  const auto after = pass("alice", "s1");
  EXPECT_NE(after.at("user_id"), before.at("user_id"));
  EXPECT_EQ(after.at("user_id_prev"), before.at("user_id"));
  EXPECT_EQ(after.at("session_id"), before.at("session_id"));
  EXPECT_FALSE(after.contains("session_id_prev")) << "its key does not change";
  ring_.clock().advance(7 * kDay - kSecond);
  EXPECT_TRUE(pass("alice", "s1").contains("user_id_prev"));
  ring_.clock().advance(kSecond);
  EXPECT_FALSE(pass("alice", "s1").contains("user_id_prev"));
}

TEST_F(Rotation, CarriesNothingOfAnEpochThatEndedLongAgo) {
  ASSERT_TRUE(pass("alice", "s1").contains("user_id"));
  ring_.clock().advance(1000 * kDay - kDay * 10);
  EXPECT_FALSE(pass("alice", "s1").contains("user_id_prev"));
}

// S1-B12
TEST_F(Rotation, UnknownPeopleHaveNoPseudonymBefore) {
  ASSERT_TRUE(ring_.keys().rotate(KeyRing::Rotation::kNow));
  EXPECT_FALSE(pass("[unknown]", "s1").contains("user_id_prev"));
}

// Nobody can give a companion from outside, by name or by number.
TEST_F(Rotation, CompanionsCannotBeFilledFromOutside) {
  EXPECT_EQ(catalogue_->field("user_id_prev"), event::kNoField);
  const auto companion = catalogue_->fields()[catalogue_->field("user_id")].companion;
  ASSERT_NE(companion, event::kNoField);
  EXPECT_EQ(catalogue_->fields()[companion].name, "user_id_prev");
  event::Event raw;
  raw.time_ns = ring_clock_ns();
  raw.fields = {{companion, event::Value::text("u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa")}};
  std::string payload;
  door_.pass(raw, payload);
  EXPECT_TRUE(raw.fields.empty());
  EXPECT_EQ(sample(telemetry_, "sightglass_guard_dropped_by_reason_total", "unknown_field"), 1);
}

// S3-R08: what left its time cannot be joined, looked up or recomputed any more.
TEST_F(Rotation, KeysAreDeletedWhenTheirTimeToBeKeptIsOver) {
  FakeFileSystem files;
  SeededRandom random(1);
  ManualClock clock;
  KeyRing::Options options{.path = "/ring"};
  options.keep_ns = 10 * kDay;
  const auto ring = std::move(*KeyRing::open(options, files, random, clock));
  const auto content = [&] { return files.content("/ring").value(); };
  const auto first = content().substr(content().find("epoch 1 "));
  const auto first_key = first.substr(first.find(' ', 8) + 1, 64);
  clock.advance(30 * kDay);
  ASSERT_TRUE(ring->tend());
  EXPECT_EQ(ring->pseudonyms("u", "alice").size(), 2u);
  clock.advance(10 * kDay);
  ASSERT_TRUE(ring->tend());
  EXPECT_NE(content().find(first_key), std::string::npos) << "late events may still need it";
  clock.advance(2 * kDay);
  ASSERT_TRUE(ring->tend());
  EXPECT_EQ(content().find(first_key), std::string::npos);
  const auto live = ring->pseudonyms("u", "alice");
  ASSERT_EQ(live.size(), 1u);
  EXPECT_EQ(live[0].epoch, 2u);
  EXPECT_TRUE(KeyRing::open(options, files, random, clock));
}

TEST_F(Rotation, LookUpGivesThePseudonymsOfAllEpochsWithAKey) {
  std::map<std::string, std::string> given;
  given["1"] = pseudonym("Alice@Example.com");
  ASSERT_TRUE(ring_.keys().rotate(KeyRing::Rotation::kNow));
  given["2"] = pseudonym("alice@example.com");
  const auto found = ring_.keys().pseudonyms("us", " alice@example.com ");
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].text, given["1"]);
  EXPECT_EQ(found[1].text, given["2"]);
  EXPECT_EQ(found[2].text, pseudonym("alice@example.com", "s"));
  EXPECT_TRUE(ring_.keys().pseudonyms("u", "").empty());
  EXPECT_TRUE(ring_.keys().pseudonyms("u", "[unknown]").empty());
}

}  // namespace
}  // namespace sightglass::guard
