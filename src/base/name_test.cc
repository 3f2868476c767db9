#include "base/name.h"

#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <string>

namespace sightglass {
namespace {

TEST(Name, IsTheSameHoweverItWasMade) {
  const std::string all = "the_quick_brown_fox_jumps_over_it";
  for (std::size_t n = 0; n <= all.size(); ++n) {
    char padded[64];
    std::memset(padded, '#', sizeof padded);
    std::memcpy(padded, all.data(), n);
    const auto a = Name::of(std::string_view(all).substr(0, n));
    const auto b = Name::of_padded({padded, n});
    EXPECT_EQ(a.head, b.head) << n;
    EXPECT_EQ(a.tail, b.tail) << n;
    EXPECT_EQ(a.hash, b.hash) << n;
    EXPECT_TRUE(b.has_middle(all.data() + 8)) << n;
  }
}

TEST(Name, TellsNamesApartByTheirPartsAndTheMiddle) {
  const auto a = Name::of("session_retry_started_now"), b = Name::of("session_close_started_now");
  EXPECT_EQ(a.head, b.head);
  EXPECT_EQ(a.tail, b.tail);
  EXPECT_FALSE(a.has_middle(b.text.data() + 8));
  EXPECT_NE(Name::of("abc").head, Name::of("abd").head);
}

TEST(Name, SpreadsNamesThatDifferInTheirFirstOrLastLetters) {
  for (const bool last : {true, false}) {
    std::set<std::uint64_t> slots;
    for (int i = 0; i < 1000; ++i) {
      const auto n = std::to_string(1000 + i);
      slots.insert(Name::of(last ? "event_name_" + n : n + "_name_event").hash % 2048);
    }
    // At random, 1000 names take 790 of 2048 slots.
    EXPECT_GT(slots.size(), 700u);
  }
}

}  // namespace
}  // namespace sightglass
