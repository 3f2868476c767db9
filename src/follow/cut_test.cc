#include "follow/cut.h"

#include <gtest/gtest.h>

#include <string>

namespace sightglass::follow {
namespace {

TEST(Cut, TakesWholeLinesUpToTheLimit) {
  const auto cut = cut_lines("one\ntwo\nthree\n", false, Ends::kMayGo, 9);
  EXPECT_EQ(cut.body, "one\ntwo\n");
  EXPECT_EQ(cut.bytes, 8u);
}

TEST(Cut, TakesOneLineThatIsLongerThanTheLimit) {
  EXPECT_EQ(cut_lines("one\ntwo\n", false, Ends::kMayGo, 2).body, "one\n");
}

TEST(Cut, LetsAnUnfinishedLineWaitUntilNothingFollows) {
  EXPECT_EQ(cut_lines("one", false, Ends::kMayGo, 100).bytes, 0u);
  EXPECT_EQ(cut_lines("one", false, Ends::kIsOver, 100).body, "one");
}

TEST(Cut, PassesOverTheRestOfALineWhoseBeginningWasSent) {
  const auto inside = cut_lines("rest", true, Ends::kMayGo, 100);
  EXPECT_EQ(inside.bytes, 4u);
  EXPECT_EQ(inside.body, "\n");
  EXPECT_TRUE(inside.in_line);
  const auto end = cut_lines("rest\none\ntw", true, Ends::kMayGo, 100);
  EXPECT_EQ(end.body, "one\n");
  EXPECT_EQ(end.bytes, 9u);
  EXPECT_FALSE(end.in_line);
  EXPECT_EQ(cut_lines("rest\ntw", true, Ends::kMayGo, 100).bytes, 5u);
}

TEST(Cut, SendsTheBeginningOfALineThatIsTooLong) {
  const std::string bytes(kMaxLineBytes, 'x');
  const auto cut = cut_lines(bytes, false, Ends::kMayGo, 100);
  EXPECT_EQ(cut.bytes, bytes.size());
  EXPECT_TRUE(cut.in_line);
}

TEST(Cut, TakesNothingOfNothing) { EXPECT_EQ(cut_lines("", true, Ends::kIsOver, 9).bytes, 0u); }

}  // namespace
}  // namespace sightglass::follow
