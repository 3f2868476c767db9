#include "event/event.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "base/random.h"

namespace sightglass::event {
namespace {

Event sample() {
  Event event;
  event.type = 17;
  event.level = Level::kError;
  event.time_ns = 1'700'000'000'123'456'789;
  event.meters = {{3, false, 0}, {300, true, -2.5}};
  event.fields = {
      {0, Value::boolean(true)}, {1, Value::integer(std::numeric_limits<std::int64_t>::min())},
      {2, Value::number(0.1)},   {300, Value::text("gpt-4o")},
      {4, Value::text("")},      {65535, Value::integer(-1)}};
  return event;
}

void expect_same(const Event& a, const Event& b) {
  EXPECT_EQ(a.type, b.type);
  EXPECT_EQ(a.level, b.level);
  EXPECT_EQ(a.time_ns, b.time_ns);
  ASSERT_EQ(a.meters.size(), b.meters.size());
  for (std::size_t i = 0; i < a.meters.size(); ++i) {
    EXPECT_EQ(a.meters[i].meter, b.meters[i].meter);
    EXPECT_EQ(a.meters[i].has_value, b.meters[i].has_value);
    EXPECT_EQ(a.meters[i].value, b.meters[i].value);
  }
  ASSERT_EQ(a.fields.size(), b.fields.size());
  for (std::size_t i = 0; i < a.fields.size(); ++i) {
    EXPECT_EQ(a.fields[i].field, b.fields[i].field);
    EXPECT_EQ(a.fields[i].value, b.fields[i].value);
  }
}

TEST(Event, ComesBackAsItWasWritten) {
  const auto event = sample();
  std::string bytes;
  encode(event, bytes);
  Event out;
  ASSERT_TRUE(decode(bytes, out));
  expect_same(out, event);
}

TEST(Event, ItsHeadIsReadWithoutTheFields) {
  auto event = sample();
  std::string bytes;
  encode(event, bytes);
  Event out;
  ASSERT_TRUE(decode_head(bytes, out));
  event.fields.clear();
  expect_same(out, event);
  EXPECT_FALSE(decode_head(Bytes(bytes).substr(0, 12), out));
}

// The layout that event.h states, byte by byte.
TEST(Event, LiesAsItsFormatSays) {
  Event event;
  event.type = 200;
  event.level = Level::kWarn;
  event.time_ns = 1;
  event.meters = {{5, true, 1.0}};
  event.fields = {{7, Value::integer(-1)}, {8, Value::text("ab")}, {9, Value::boolean(true)}};
  std::string bytes;
  encode(event, bytes);
  const std::string expected = std::string("\xc8\x01", 2) +              // type
                               std::string("\x02", 1) +                  // level
                               std::string("\x01\0\0\0\0\0\0\0", 8) +    // time
                               std::string("\x01\x05\x01", 3) +          // one meter, with a value
                               std::string("\0\0\0\0\0\0\xf0\x3f", 8) +  // 1.0
                               std::string("\x03", 1) +                  // three fields
                               std::string("\x07\x02\x01", 3) +          // zigzag -1
                               std::string("\x08\x04\x02", 3) + "ab" +   //
                               std::string("\x09\x01\x01", 3);
  EXPECT_EQ(bytes, expected);
}

TEST(Event, AppendsBehindWhatIsThere) {
  std::string bytes = "before";
  encode(sample(), bytes);
  Event out;
  ASSERT_TRUE(decode(Bytes(bytes).substr(6), out));
  expect_same(out, sample());
}

TEST(Event, NullFieldsAreNotWritten) {
  Event event;
  event.fields = {{1, Value()}, {2, Value::integer(1)}, {3, Value()}};
  std::string bytes;
  encode(event, bytes);
  Event out;
  ASSERT_TRUE(decode(bytes, out));
  ASSERT_EQ(out.fields.size(), 1u);
  EXPECT_EQ(out.get(2), Value::integer(1));
  EXPECT_TRUE(out.get(1).is_null());
}

TEST(Event, EveryTruncationAndEveryTrailingByteIsRefused) {
  std::string bytes;
  encode(sample(), bytes);
  Event out;
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const std::string cut(bytes, 0, size);  // its own allocation, so that overreading shows
    EXPECT_FALSE(decode(cut, out)) << size;
  }
  EXPECT_FALSE(decode(bytes + '\0', out));
}

TEST(Event, WrongKindsLevelsFlagsIdsAndCountsAreRefused) {
  const auto head = std::string("\x01\x01", 2) + std::string(8, '\0');
  Event out;
  EXPECT_TRUE(decode(head + std::string("\0\0", 2), out));
  EXPECT_FALSE(
      decode(std::string("\x01\x05", 2) + std::string(8, '\0') + std::string("\0\0", 2), out))
      << "level";
  EXPECT_FALSE(decode(head + std::string("\0\x01\x07\x00", 4), out)) << "kind null";
  EXPECT_FALSE(decode(head + std::string("\0\x01\x07\x05\x01", 5), out)) << "kind 5";
  EXPECT_FALSE(decode(head + std::string("\0\x01\x07\x01\x02", 5), out)) << "flag 2";
  EXPECT_FALSE(decode(head + std::string("\0\x01\x80\x80\x04\x01\x01", 7), out)) << "id 65536";
  EXPECT_FALSE(decode(head + std::string("\xff\xff\xff\xff\x0f", 5), out)) << "meters";
  EXPECT_FALSE(decode(head + std::string("\0\xff\xff\xff\xff\x0f", 6), out)) << "fields";
}

TEST(Event, RandomBytesNeverCrashAndWhatIsAcceptedIsStable) {
  SeededRandom random(11);
  std::string good;
  encode(sample(), good);
  Event out;
  Event again;
  std::size_t accepted = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto bytes = good;
    for (std::uint64_t n = 1 + random.below(3); n > 0; --n) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    if (!decode(bytes, out)) continue;
    ++accepted;
    std::string written;
    encode(out, written);
    ASSERT_TRUE(decode(written, again));
    ASSERT_EQ(again.fields.size(), out.fields.size());
  }
  EXPECT_GT(accepted, 100u);
}

TEST(Event, DecodingAgainKeepsTheMemoryOfTheFirstTime) {
  std::string bytes;
  encode(sample(), bytes);
  Event out;
  ASSERT_TRUE(decode(bytes, out));
  const auto* const fields = out.fields.data();
  const auto* const meters = out.meters.data();
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(decode(bytes, out));
  EXPECT_EQ(out.fields.data(), fields);
  EXPECT_EQ(out.meters.data(), meters);
}

}  // namespace
}  // namespace sightglass::event
