// Values over event time, as the admin API gives them.
#include "meter/points.h"

#include <gtest/gtest.h>

#include "../tests/support/batches.h"
#include "meter/meter_fold.h"

namespace sightglass::meter {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kMinute = 60 * kSecond;
constexpr Nanos kDay = 1440 * kMinute;
constexpr Nanos kMidnight = 19'700 * kDay;

struct Bench {
  Bench()
      : batches(testing::parse_catalogue(
            "pack: t\nversion: 1\nprefix: app\nfields:\n"
            "  model: { kind: text, class: name }\n"
            "  user_id: { kind: text, class: identifier, identifier: u }\n"
            "  amount: { kind: int, class: count }\n"
            "events:\n  done: { level: info }\n  other: { level: info }\nmeters:\n"
            "  - metric: amount.spent\n    type: counter\n    help: A.\n    window: minute\n"
            "    match: '{ $.amount = * }'\n    value: $.amount\n    scale: -2\n"
            "    labels: { model: $.model }\n"
            "  - metric: level\n    type: gauge\n    help: G.\n    window: minute\n    default: 7\n"
            "    match: '{ $.amount = * }'\n    value: $.amount\n"
            "  - metric: sizes\n    type: histogram\n    help: H.\n    window: minute\n"
            "    match: '{ $.amount = * }'\n    value: $.amount\n    buckets: [10, 100]\n"
            "  - metric: users\n    type: distinct\n    help: U.\n    window: day\n"
            "    match: '{ $.user_id = * }'\n    value: $.user_id\n"
            "  - metric: plain\n    type: counter\n    help: P.\n    match: '{ $.amount = * }'\n")),
        fold(telemetry) {}

  void apply(const std::vector<TestEvent>& events) {
    fold.apply(batches.make(events, kMidnight + 9 * kDay));
  }
  Points points(const char* name, const PointQuery& query = {}) {
    auto out = fold.points(name, query);
    EXPECT_TRUE(out.has_value()) << (out ? "" : out.error().message);
    return out ? *out : Points();
  }

  Telemetry telemetry;
  Batches batches;
  MeterFold fold;
};

TestEvent spent(int minute, std::int64_t amount, const char* model = "m") {
  TestEvent e("done", kMidnight + minute * kMinute + kSecond);
  e.with("amount", amount).with("model", model);
  return e;
}

TEST(Points, ACounterHasItsSumPerMinuteAndSeries) {
  Bench b;
  b.apply({spent(0, 5), spent(0, 6), spent(2, 1), spent(2, 9, "n")});
  const auto points = b.points("app.amount.spent");
  ASSERT_EQ(points.lines.size(), 2u);
  EXPECT_EQ(points.lines[0].labels, std::vector<std::string>{"m"});
  ASSERT_EQ(points.lines[0].points.size(), 2u);
  EXPECT_EQ(points.lines[0].points[0].start_ns, kMidnight);
  EXPECT_TRUE(points.lines[0].points[0].sum.whole == 11);
  EXPECT_EQ(points.lines[0].points[0].sum.count, 2u);
  EXPECT_EQ(points.lines[1].points[0].start_ns, kMidnight + 2 * kMinute);
}

TEST(Points, AStepAddsWindowsUpAndARangeCutsThem) {
  Bench b;
  for (int minute = 0; minute < 10; ++minute) b.apply({spent(minute, 1)});
  PointQuery query;
  query.step_ns = 5 * kMinute;
  const auto points = b.points("app_amount_spent", query);
  ASSERT_EQ(points.lines.at(0).points.size(), 2u);
  EXPECT_EQ(points.lines[0].points[1].sum.count, 5u);
  query.step_ns = 0;
  query.start_ns = kMidnight + 3 * kMinute;
  query.end_ns = kMidnight + 6 * kMinute;
  EXPECT_EQ(b.points("app_amount_spent", query).lines.at(0).points.size(), 3u);
}

TEST(Points, AHistogramHasItsBucketsPerWindow) {
  Bench b;
  b.apply({spent(0, 5), spent(0, 10), spent(0, 11), spent(1, 1000)});
  PointQuery query;
  query.step_ns = 2 * kMinute;
  const auto points = b.points("app_sizes", query);
  EXPECT_EQ(points.lines.at(0).points.at(0).buckets, (std::vector<std::uint64_t>{2, 1, 1}));
}

// A minute in which events arrived but none matched shows the default; one without any shows
// nothing.
TEST(Points, ADefaultFillsMinutesWithOtherEventsOnly) {
  Bench b;
  b.apply({spent(0, 3), TestEvent("other", kMidnight + kMinute), spent(3, 4)});
  const auto points = b.points("app_level").lines.at(0).points;
  ASSERT_EQ(points.size(), 3u);
  EXPECT_FALSE(points[0].filled);
  EXPECT_TRUE(points[1].filled);
  EXPECT_EQ(points[1].start_ns, kMidnight + kMinute);
  EXPECT_TRUE(points[1].sum.whole == 7);
  EXPECT_EQ(points[2].start_ns, kMidnight + 3 * kMinute);
}

TEST(Points, OpenWindowsAreMarked) {
  Bench b;
  b.apply({spent(0, 1), spent(10, 1)});
  const auto points = b.points("app_amount_spent").lines.at(0).points;
  EXPECT_FALSE(points[0].open);
  EXPECT_TRUE(points[1].open);
}

TEST(Points, DistinctCountsStandPerDayAndAreNotAddedUp) {
  Bench b;
  for (int day = 0; day < 3; ++day) {
    for (int user = 0; user <= day; ++user) {
      TestEvent e("done", kMidnight + day * kDay);
      e.with("user_id", "u" + std::to_string(user));
      b.apply({e});
    }
  }
  const auto points = b.points("app.users").lines.at(0).points;
  ASSERT_EQ(points.size(), 3u);
  EXPECT_EQ(points[2].different, 3u);
  EXPECT_TRUE(points[2].exact);
  PointQuery query;
  query.step_ns = 2 * kDay;
  EXPECT_EQ(b.fold.points("app.users", query).error().code, Code::kInvalid);
}

TEST(Points, WhatCannotBeAnsweredSaysWhy) {
  Bench b;
  b.apply({spent(0, 1)});
  EXPECT_EQ(b.fold.points("nothing", {}).error().code, Code::kNotFound);
  EXPECT_NE(b.fold.points("app_plain", {}).error().message.find("give it a window"),
            std::string::npos);
  PointQuery query;
  query.step_ns = 90 * kSecond;
  EXPECT_NE(b.fold.points("app_level", query).error().message.find("multiple"), std::string::npos);
}

// S3-B02
TEST(Points, NamesStandWithTheirDotsWhereTheScraperTakesThem) {
  Bench b;
  b.apply({spent(0, 150), spent(0, 1)});
  Telemetry none;
  std::string text;
  b.fold.expose({Format::kOpenMetrics100, Names::kDotted}, none, text);
  for (const char* line :
       {"# TYPE \"app.amount.spent\" counter\n", "{\"app.amount.spent_total\",model=\"m\"} 1.51\n",
        "{\"app.sizes_bucket\",le=\"10.0\"} 1\n", "{\"app.sizes_count\"} 2\n",
        "{\"app.level\"} 1\n", "{\"app.plain_total\"} 2\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  EXPECT_EQ(text.find("\napp"), std::string::npos);
  text.clear();
  b.fold.expose(Format::kPrometheus004, none, text);
  EXPECT_NE(text.find("\napp_amount_spent{model=\"m\"} 1.51\n"), std::string::npos);
}

TEST(Points, MetersSayTheirSeriesAndWhatTheyCouldNotTake) {
  Bench b;
  b.apply({spent(60, 1), spent(0, 1), spent(60, -1)});
  for (const auto& meter : b.fold.meters()) {
    if (meter.definition.dotted != "app.amount.spent") continue;
    EXPECT_EQ(meter.series, 1u);
    EXPECT_EQ(meter.late, 1u);
    EXPECT_EQ(meter.refused, 1u);
    EXPECT_EQ(meter.overflowed, 0u);
    return;
  }
  FAIL() << "the meter is not listed";
}

}  // namespace
}  // namespace sightglass::meter
