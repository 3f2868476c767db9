// Values by window of event time: distinct counts, minutes, grace, late events, defaults; and that
// none of it depends on where a restart falls.
#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>

#include "../tests/support/batches.h"
#include "journal/fold_harness.h"
#include "meter/meter_fold.h"
#include "meter/series_table.h"

namespace sightglass::meter {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kMinute = 60 * kSecond;
constexpr Nanos kHour = 60 * kMinute;
constexpr Nanos kDay = 24 * kHour;
constexpr Nanos kMidnight = 19'700 * kDay;  // some day in 2023, at its first instant

std::shared_ptr<const event::Catalogue> pack(const std::string& meters) {
  return testing::parse_catalogue(
      "pack: t\nversion: 1\nfields:\n"
      "  model: { kind: text, class: name }\n"
      "  user_id: { kind: text, class: identifier, identifier: u }\n"
      "  amount: { kind: int, class: count }\n"
      "  share: { kind: double, class: count }\n"
      "events:\n  done: { level: info }\n  other: { level: info }\nmeters:\n" +
      meters);
}
constexpr const char* kUsers =
    "  - metric: t_users_per_day\n    type: distinct\n    help: Users.\n    window: day\n"
    "    match: '{ $.user_id = * }'\n    value: $.user_id\n";
constexpr const char* kUsersEver =
    "  - metric: t_users\n    type: distinct\n    help: Users.\n"
    "    match: '{ $.user_id = * }'\n    value: $.user_id\n    labels: { model: $.model }\n";
constexpr const char* kAmount =
    "  - metric: t_amount_total\n    type: counter\n    help: Amount.\n    window: minute\n"
    "    keep: 30m\n    match: '{ $.amount = * }'\n    value: $.amount\n"
    "    labels: { model: $.model }\n";
constexpr const char* kShare =
    "  - metric: t_share\n    type: gauge\n    help: Share.\n    default: 0\n"
    "    match: '{ $.share = * }'\n    value: $.share\n";
constexpr const char* kSizes =
    "  - metric: t_sizes\n    type: histogram\n    help: Sizes.\n    window: hour\n    grace: 10m\n"
    "    keep: 6h\n    match: '{ $.amount = * }'\n    value: $.amount\n    buckets: [10, 100]\n"
    "    labels: { model: $.model }\n    max_series: 2\n";
constexpr const char* kFilled =
    "  - metric: t_filled_total\n    type: counter\n    help: Filled.\n    window: minute\n"
    "    default: 0\n    match: '{ $.amount > 500 }'\n";

TestEvent seen(const std::string& user, Nanos at, const std::string& model = "m") {
  TestEvent e("done", at);
  e.with("user_id", user).with("model", model);
  return e;
}
TestEvent spent(std::int64_t amount, Nanos at, const std::string& model = "m") {
  TestEvent e("done", at);
  e.with("amount", amount).with("model", model);
  return e;
}

struct Bench {
  explicit Bench(const std::string& meters) : batches(pack(meters)), fold(telemetry) {}

  void apply(const std::vector<TestEvent>& events, Nanos accept) {
    fold.apply(batches.make(events, accept));
  }
  // The value in the exposition, or "".
  std::string shown(const std::string& series) const {
    Telemetry none;
    std::string text;
    fold.expose(Format::kPrometheus004, none, text);
    std::istringstream in(text);
    for (std::string line; std::getline(in, line);) {
      if (line.starts_with(series + " ")) return line.substr(series.size() + 1);
    }
    return "";
  }

  Telemetry telemetry;
  Batches batches;
  MeterFold fold;
};

// S0-K23, S0-D10, S1-B12 (a user who is absent is not counted)
TEST(Windows, DistinctUsersAreCountedOncePerUtcDayOfEventTime) {
  Bench b(kUsers);
  const Nanos day = kMidnight;
  b.apply({seen("ann", day), seen("ben", day + 1), seen("ann", day + 23 * kHour)}, day + kDay);
  EXPECT_EQ(b.shown("t_users_per_day"), "2");
  TestEvent nobody("done", day + kDay + 1);
  b.apply({seen("ann", day + kDay), nobody}, day + kDay + kHour);
  EXPECT_EQ(b.shown("t_users_per_day"), "1");
  // Yesterday's event is within the grace of a day: it counts for yesterday, not for today.
  b.apply({seen("cid", day + 5)}, day + kDay + kHour);
  EXPECT_EQ(b.shown("t_users_per_day"), "1");
}

// S0-K17
TEST(Windows, ADistinctCountWithoutAWindowIsOverAllTimeAndPerLabels) {
  Bench b(kUsersEver);
  std::vector<TestEvent> events;
  for (int i = 0; i < 100; ++i) {
    events.push_back(seen("k" + std::to_string(i % 3), kMidnight + i * kDay, "a"));
  }
  events.push_back(seen("k0", kMidnight, "b"));
  b.apply(events, kMidnight + 200 * kDay);
  EXPECT_EQ(b.shown("t_users{model=\"a\"}"), "3");
  EXPECT_EQ(b.shown("t_users{model=\"b\"}"), "1");
}

TEST(Windows, ADistinctCountTellsApartWhatReadsDifferently) {
  Bench b(
      "  - metric: t_amounts\n    type: distinct\n    help: Amounts.\n"
      "    match: '{ $.amount = * }'\n    value: $.amount\n");
  b.apply({spent(7, 1), spent(8, 1), spent(7, 1)}, kMidnight);
  EXPECT_EQ(b.shown("t_amounts"), "2");
}

TEST(Windows, LateEventsAreInTheTotalAndCountedAsLate) {
  Bench b(kAmount);
  const Nanos now = kMidnight + kHour;
  b.apply({spent(1, now)}, now);
  b.apply({spent(10, now - 5 * kMinute), spent(100, now - 7 * kMinute)}, now);
  EXPECT_EQ(b.shown("t_amount_total{model=\"m\"}"), "111");
  EXPECT_EQ(b.shown("sightglass_meter_late_total{metric=\"t_amount_total\"}"), "1");
}

TEST(Windows, AClockThatRunsAheadClosesNothing) {
  Bench b(kAmount);
  const Nanos now = kMidnight + kHour;
  b.apply({spent(1, now + 365 * kDay), spent(10, now - 4 * kMinute), spent(1, now + kMinute)}, now);
  EXPECT_EQ(b.shown("sightglass_meter_late_total{metric=\"t_amount_total\"}"), "");
}

TEST(Windows, AnOldFileIsNotLateForItself) {
  Bench b(kAmount);
  std::vector<TestEvent> events;
  for (int i = 0; i < 100; ++i) events.push_back(spent(1, kMidnight + i * kMinute));
  b.apply(events, kMidnight + 400 * kDay);
  EXPECT_EQ(b.shown("sightglass_meter_late_total{metric=\"t_amount_total\"}"), "");
}

// A minute in which events arrived but none matched shows the default; one without events does not.
TEST(Windows, AGaugeShowsItsDefaultInAMinuteWithOtherEventsOnly) {
  Bench b(kShare);
  TestEvent half("done", kMidnight);
  half.with("share", 0.5);
  b.apply({half}, kMidnight + kSecond);
  EXPECT_EQ(b.shown("t_share"), "0.5");
  b.apply({TestEvent("other", kMidnight + 2)}, kMidnight + 59 * kSecond);
  EXPECT_EQ(b.shown("t_share"), "0.5");
  b.fold.apply(b.batches.tick(kMidnight + 10 * kMinute));
  EXPECT_EQ(b.shown("t_share"), "0.5");
  b.apply({TestEvent("other", kMidnight + kMinute)}, kMidnight + 11 * kMinute);
  EXPECT_EQ(b.shown("t_share"), "0");
}

// With budgets that overflow, windows that close and fall out, late events, another catalogue with
// other limits, and series that are parked and forgotten.
TEST(Windows, ASnapshotIsTheSameStraightAndWithARestartAfterEveryRecord) {
  SeededRandom random(11);
  const std::string meters = std::string(kUsers) + kUsersEver + kAmount + kShare + kSizes + kFilled;
  Batches batches(pack(meters));
  Telemetry telemetry;
  std::vector<Batches::Batch> all;
  Nanos now = kMidnight;
  for (int b = 0; b < 60; ++b) {
    if (b == 30) batches.use(pack(std::string(kUsers) + "    keep: 3d\n    grace: 1h\n" + kSizes));
    if (b == 35) batches.use(pack(meters));
    now += static_cast<Nanos>(random.below(b % 10 == 9 ? 30 * kHour : 20 * kMinute));
    std::vector<TestEvent> events;
    for (std::uint64_t i = 1 + random.below(12); i > 0; --i) {
      TestEvent e(random.below(5) == 0 ? "other" : "done",
                  now - static_cast<Nanos>(random.below(40 * kMinute)) + 5 * kMinute);
      e.with("model", "m" + std::to_string(random.below(40)));
      if (random.below(2) == 0) e.with("user_id", "u" + std::to_string(random.below(9)));
      if (random.below(2) == 0) e.with("amount", static_cast<std::int64_t>(random.below(1000)));
      if (random.below(4) == 0) e.with("share", static_cast<double>(random.below(100)) / 7);
      events.push_back(e);
    }
    all.push_back(batches.make(events, now));
  }
  EXPECT_EQ(
      journal::check_fold_is_pure([&] { return std::make_unique<MeterFold>(telemetry); }, all), "");
}

TEST(Windows, ASetPastItsExactBoundIsTheSameAfterARestart) {
  Batches batches(pack(kUsersEver));
  Telemetry telemetry;
  MeterFold straight(telemetry);
  auto restarted = std::make_unique<MeterFold>(telemetry);
  for (int b = 0; b < 12; ++b) {
    std::vector<TestEvent> events;
    for (int i = 0; i < 1000; ++i) events.push_back(seen("u" + std::to_string(b * 999 + i), 1));
    const auto batch = batches.make(events, kMidnight);
    straight.apply(batch);
    restarted->apply(batch);
    std::string bytes;
    restarted->save(bytes);
    restarted = std::make_unique<MeterFold>(telemetry);
    ASSERT_TRUE(restarted->load(bytes));
  }
  std::string a, b;
  straight.save(a);
  restarted->save(b);
  EXPECT_EQ(a, b);
}

// Written by the version before windows, and before sums kept decimals apart.
TEST(Windows, ASnapshotOfVersionOneIsReadAndGoesOn) {
  const auto old = testing::source_text("src/meter/corpus/meter_snapshot_fuzz/version_1");
  ASSERT_EQ(old.substr(0, 1), "\x01");
  Telemetry telemetry;
  MeterFold fold(telemetry);
  ASSERT_TRUE(fold.load(old));
  Telemetry none;
  std::string text;
  fold.expose(Format::kPrometheus004, none, text);
  for (const char* line :
       {"t_requests_total{model=\"a\"} 1\n", "t_requests_total{model=\"__other__\"} 1\n",
        "t_wait_seconds_bucket{model=\"b\",le=\"1.0\"} 1\n",
        "t_wait_seconds_sum{model=\"c\"} 1.5\n", "t_share 0.125\n",
        "sightglass_gap_cost_usd_total{outcome=\"ok\",provider=\"openai\"} 1.5\n"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << text;
  }
  std::string now;
  fold.save(now);
  MeterFold again(telemetry);
  ASSERT_TRUE(again.load(now));
}

}  // namespace
}  // namespace sightglass::meter
