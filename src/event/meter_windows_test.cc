// What a pack may say of a meter's windows, grace, memory and default.
#include <gtest/gtest.h>

#include "event/event_test_support.h"

namespace sightglass::event {
namespace {

std::string pack(const std::string& lines) {
  return "pack: p\nversion: 1\nfields:\n"
         "  n: { kind: int, class: count }\n"
         "  user_id: { kind: text, class: identifier, identifier: u }\n"
         "  prompt: { kind: text, class: content }\n"
         "meters:\n  - metric: m_total\n    help: h\n    match: '{ $.n = * }'\n" +
         lines;
}
Meter meter(const std::string& lines) { return must_parse(pack(lines))->meters().at(0); }
std::string error_of(const std::string& lines) {
  const auto parsed = Catalogue::parse(pack(lines));
  return parsed ? "no error" : parsed.error().message;
}
constexpr const char* kCounter = "    type: counter\n";

TEST(MeterWindows, AMeterWithoutAWindowHasOneValueForAllTime) {
  const auto m = meter(kCounter);
  EXPECT_EQ(m.window, Window::kNone);
  EXPECT_EQ(m.keep_windows, 0u);
  EXPECT_FALSE(m.default_value.has_value());
}

TEST(MeterWindows, GraceIsFiveMinutesOrTheWindowItselfAndMemoryFollowsTheWindow) {
  const auto minute = meter(std::string(kCounter) + "    window: minute\n");
  EXPECT_EQ(minute.window, Window::kMinute);
  EXPECT_EQ(minute.grace_ns, 300 * kSecond);
  EXPECT_EQ(minute.keep_windows, 180u);
  const auto day = meter(std::string(kCounter) + "    window: day\n");
  EXPECT_EQ(day.grace_ns, 86'400 * kSecond);
  EXPECT_EQ(day.keep_windows, 62u);
  const auto own =
      meter(std::string(kCounter) + "    window: hour\n    grace: 90s\n    keep: 2d\n");
  EXPECT_EQ(own.grace_ns, 90 * kSecond);
  EXPECT_EQ(own.keep_windows, 48u);
}

TEST(MeterWindows, ADistinctCountTakesAnyFieldThatPassesAndAThousandSeries) {
  const auto m = meter("    type: distinct\n    value: $.user_id\n    window: day\n");
  EXPECT_EQ(m.type, MeterType::kDistinct);
  EXPECT_EQ(m.max_series, 1000u);
  EXPECT_NE(error_of("    type: distinct\n    value: $.prompt\n").find("never passes the door"),
            std::string::npos);
  EXPECT_NE(error_of("    type: distinct\n").find("needs a value"), std::string::npos);
  EXPECT_NE(error_of("    type: distinct\n    value: $.n\n    scale: -3\n").find("scale"),
            std::string::npos);
}

// So a counter keeps its total when somebody wants its minutes; a distinct count cannot.
TEST(MeterWindows, AWindowIsPartOfADistinctCountsIdentityAndOfNoOther) {
  EXPECT_EQ(meter(kCounter).rule_hash,
            meter(std::string(kCounter) + "    window: minute\n    default: 0\n").rule_hash);
  const std::string distinct = "    type: distinct\n    value: $.user_id\n";
  EXPECT_NE(meter(distinct).rule_hash, meter(distinct + "    window: day\n").rule_hash);
  EXPECT_EQ(meter(distinct + "    window: day\n    keep: 3d\n").rule_hash,
            meter(distinct + "    window: day\n").rule_hash);
}

TEST(MeterWindows, ErrorsSayWhatAndWhere) {
  const std::string counter = kCounter;
  const std::pair<std::string, const char*> cases[] = {
      {counter + "    window: week\n", "window must be minute, hour or day"},
      {counter + "    grace: 5m\n", "grace needs a window"},
      {counter + "    keep: 5m\n", "keep needs a window"},
      {counter + "    window: minute\n    keep: 30s\n", "keep is a time"},
      {counter + "    window: minute\n    keep: 8d\n", "keep is a time"},
      {counter + "    window: minute\n    keep: often\n", "keep is a time"},
      {counter + "    window: minute\n    grace: 5\n", "grace is a time"},
      {counter + "    window: minute\n    keep: 10m\n    grace: 10m\n", "shorter than what keep"},
      {counter + "    default: 0\n", "add window: minute"},
      {counter + "    window: minute\n    default: none\n", "default is a number"},
      {counter + "    window: minute\n    default: inf\n", "default is a number"},
      {"    type: distinct\n    value: $.n\n    default: 0\n", "counters and gauges"},
  };
  for (const auto& [lines, sentence] : cases) {
    const auto error = error_of(lines);
    EXPECT_NE(error.find(sentence), std::string::npos) << lines << error;
    EXPECT_TRUE(error.starts_with("pack p, line 1")) << error;
  }
}

}  // namespace
}  // namespace sightglass::event
