#include "journal/ring.h"

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>

#include "base/random.h"

namespace sightglass::journal {
namespace {

std::string take(Ring& ring) {
  Bytes framed;
  if (!ring.peek(ring.head(), framed)) return "<none>";
  std::vector<Record> records;
  EXPECT_TRUE(parse_records(framed, {1, 1, 0}, records));
  std::string payload(records.empty() ? Bytes() : records[0].payload);
  ring.pop(framed);
  ring.release();
  return payload;
}

TEST(Ring, GivesBackWhatWasOfferedInOrderLikeADeque) {
  SeededRandom random(3);
  Ring ring(1024);
  std::deque<std::string> model;
  int accepted = 0, refused = 0;
  for (int i = 0; i < 20000; ++i) {
    if (random.below(2) == 0) {
      const std::string payload(random.below(300), static_cast<char>('a' + i % 26));
      if (ring.offer(RecordKind::kEvent, payload)) {
        model.push_back(payload);
        ++accepted;
      } else {
        ++refused;
        EXPECT_FALSE(model.empty());  // a payload of this size always fits an empty ring
      }
    } else if (!model.empty()) {
      EXPECT_EQ(take(ring), model.front());
      model.pop_front();
    } else {
      EXPECT_TRUE(ring.empty());
      EXPECT_EQ(take(ring), "<none>");
    }
  }
  EXPECT_GT(accepted, 1000);
  EXPECT_GT(refused, 10);
}

TEST(Ring, CarriesEveryRecordBetweenTwoThreads) {
  Ring ring(4096);
  constexpr std::uint64_t kCount = 50'000;
  std::thread producer([&] {
    std::string payload;
    for (std::uint64_t i = 0; i < kCount;) {
      payload.assign(8 + i % 90, 'x');
      std::memcpy(payload.data(), &i, sizeof i);
      if (ring.offer(RecordKind::kEvent, payload)) {
        ++i;
      } else {
        std::this_thread::yield();
      }
    }
  });
  std::uint64_t expected = 0;
  Bytes framed;
  std::vector<Record> records;
  while (expected < kCount) {
    const auto until = ring.head();
    while (ring.peek(until, framed)) {
      ASSERT_TRUE(parse_records(framed, {1, 1, 0}, records));
      ASSERT_EQ(records[0].payload.size(), 8 + expected % 90);
      std::uint64_t got = 0;
      std::memcpy(&got, records[0].payload.data(), sizeof got);
      ASSERT_EQ(got, expected++);
      ring.pop(framed);
    }
    ring.release();
    if (ring.empty()) std::this_thread::yield();
  }
  producer.join();
}

}  // namespace
}  // namespace sightglass::journal
