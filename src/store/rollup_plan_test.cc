// Which cells answer a query, and which parts of its range they answer.
#include "store/rollup_plan.h"

#include <gtest/gtest.h>

#include <limits>

#include "base/random.h"
#include "store/rollup_cover.h"
#include "store/sample_rows.h"

namespace sightglass::store {
namespace {

constexpr Nanos kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr Nanos kNow = 1'700'000'000 * kSecond;  // 2023-11-14, a Tuesday, 22:13:20
using Period = PartialAnswer::Period;

TypedPlan plan_of(const std::string& stat, const std::string& group_by = "",
                  const std::string& filter = "", Nanos step_ns = 0,
                  Range range = {kNow - kDay, kNow}) {
  static const auto catalogue = sample::gateway_catalogue();
  TypedQuery query;
  query.range = range;
  query.filter = filter;
  query.group_by = parse_names(group_by);
  query.step_ns = step_ns;
  EXPECT_TRUE(parse_measures(stat, query.measures).has_value()) << stat;
  auto out = TypedPlan::make(std::move(query), catalogue);
  EXPECT_TRUE(out.has_value()) << out.error().message;
  return std::move(*out);
}

bool answers(const std::string& stat, const std::string& group_by = "",
             const std::string& filter = "") {
  const auto plan = plan_of(stat, group_by, filter);
  return RollupPlan::make(plan).has_value();
}

TEST(RollupPlan, AnswersWhatCellsHold) {
  EXPECT_TRUE(answers("count,share,rate,errors,error_rate,success_rate"));
  EXPECT_TRUE(answers("sum(total_tokens),avg(output_tokens),rate(cost_nanousd)"));
  EXPECT_TRUE(answers("sum(input_tokens+cache_read_tokens),ratio(cost_nanousd / total_tokens)"));
  EXPECT_TRUE(answers("avg(latency_us),p50(latency_us),p99.9(latency_us)"));
  EXPECT_TRUE(answers("distinct(client),distinct(is_streaming),count(model)"));
  EXPECT_TRUE(answers("count(unpriced_reason),count(cost_nanousd)"));
  EXPECT_TRUE(answers("count", "provider,client_id,modelId,key", "{ $.error_type = \"x*\" }"));
}

TEST(RollupPlan, LeavesToSingleRowsWhatTheyDoNot) {
  EXPECT_FALSE(answers("min(latency_us)"));
  EXPECT_FALSE(answers("max(cost_nanousd)"));
  EXPECT_FALSE(answers("p50(output_tokens)"));
  EXPECT_FALSE(answers("sum(reasoning_tokens)"));
  EXPECT_FALSE(answers("distinct(user_id)"));
  EXPECT_FALSE(answers("distinct(latency_us)"));
  EXPECT_FALSE(answers("count(first_event_us)"));
  EXPECT_FALSE(answers("count", "status_code"));
  EXPECT_FALSE(answers("count", "bucket(latency_us)"));
  EXPECT_FALSE(answers("count", "event_type"));
  EXPECT_FALSE(answers("count", "", "{ $.level = info }"));
  EXPECT_FALSE(answers("count", "", "{ $.provider = \"openai\" && $.latency_us > 5 }"));
  EXPECT_FALSE(answers("ratio({ $.event_type = \"x\" } / count)"));
  EXPECT_FALSE(answers("count", "unpriced_reason"));
}

TEST(RollupPlan, ACellThatDoesNotSayAllOfItDoesNotSuffice) {
  const auto suffices = [](const std::string& stat, const std::string& group_by,
                           const RollupKey& key, const RollupCell& cell) {
    const auto plan = plan_of(stat, group_by);
    return RollupPlan::make(plan)->suffices(key, cell);
  };
  RollupKey other;
  other.client = RollupTable::kOther;
  EXPECT_TRUE(suffices("count", "provider", other, {}));
  EXPECT_FALSE(suffices("count", "client", other, {}));
  EXPECT_FALSE(suffices("distinct(client)", "", other, {}));
  EXPECT_FALSE(suffices("count({ $.client = \"a\" })", "", other, {}));
  const RollupCell full{.output_tokens = std::numeric_limits<std::int64_t>::max()};
  EXPECT_FALSE(suffices("sum(output_tokens)", "", {}, full));
  EXPECT_TRUE(suffices("sum(input_tokens)", "", {}, full));
  const RollupCell older{
      .requests = 3, .timed = 2, .output_tokens = 7, .latency_us = 5, .counted = false};
  EXPECT_TRUE(suffices("count,sum(output_tokens),avg(latency_us)", "", {}, older));
  EXPECT_FALSE(suffices("avg(output_tokens)", "", {}, older));
  EXPECT_FALSE(suffices("count(output_tokens)", "", {}, older));
  EXPECT_FALSE(suffices("sum(input_tokens)", "", {}, older)) << "0, or of no value at all";
}

// ---- parts of a range ---------------------------------------------------------------------------

Version version_of(Nanos minutes_from, Nanos hours_from, Nanos days_from, Nanos expired_ns = 0) {
  Version out;
  const std::pair<RollupStep, Nanos> first[] = {{RollupStep::kMinute, minutes_from},
                                                {RollupStep::kHour, hours_from},
                                                {RollupStep::kDay, days_from}};
  for (const auto& [step, from] : first) {
    ManifestRollup file;
    file.step = step;
    file.partition_ns = begin_of(from, partition_ns(step));
    out.rollups.push_back(std::make_shared<const ManifestRollup>(file));
  }
  out.expired_newest_ns = expired_ns;
  return out;
}

std::string written(const RollupCover& cover) {
  std::string out;
  const auto time = [](Nanos time_ns) {
    const auto s = (time_ns - begin_of(kNow, kDay)) / kSecond;
    return std::to_string(s / 3'600) + ":" + std::to_string(s / 60 % 60) + ":" +
           std::to_string(s % 60);
  };
  for (const auto& part : cover.rollups) {
    out.append(step_name(part.step)).append(" ").append(time(part.range.start_ns));
    out.append("-").append(time(part.range.end_ns)).append("; ");
  }
  for (const auto& range : cover.rows) {
    out.append("rows ").append(time(range.start_ns)).append("-").append(time(range.end_ns));
    out.append("; ");
  }
  return out;
}

TEST(RollupCover, TakesLongStepsInTheMiddleShortOnesAtTheEndsAndRowsForSeconds) {
  const auto version = version_of(kNow - 7 * kDay, kNow - 90 * kDay, kNow - 90 * kDay);
  const auto midnight = begin_of(kNow, kDay);
  const auto plan =
      plan_of("count", "", "", 0, {midnight - 3'601 * kSecond, midnight + 7'265 * kSecond});
  EXPECT_EQ(written(cover_of(plan, Period::kAsked, version, Reach::kAll)),
            "hour -1:0:0-2:0:0; minute 2:0:0-2:1:0; rows -1:0:-1--1:0:0; rows 2:1:0-2:1:5; ");
  const auto days = plan_of("count", "", "", 0, {midnight - 2 * kDay, midnight + kHour});
  EXPECT_EQ(written(cover_of(days, Period::kAsked, version, Reach::kAll)),
            "day -48:0:0-0:0:0; hour 0:0:0-1:0:0; ");
}

TEST(RollupCover, TakesNoStepThatIsLongerThanTheQuerysOrCutsOne) {
  const auto version = version_of(kNow - 7 * kDay, kNow - 90 * kDay, kNow - 90 * kDay);
  const auto midnight = begin_of(kNow, kDay);
  const auto steps_of = [&](Nanos step_ns, Period period = Period::kAsked, Nanos length = kDay) {
    const auto plan = plan_of("count", "", "", step_ns, {midnight - length, midnight});
    std::set<std::string> out;
    const auto cover = cover_of(plan, period, version, Reach::kAll);
    for (const auto& part : cover.rollups) out.emplace(step_name(part.step));
    if (!cover.rows.empty()) out.emplace("rows");
    return out;
  };
  using Names = std::set<std::string>;
  EXPECT_EQ(steps_of(30 * kSecond), Names{"rows"});
  EXPECT_EQ(steps_of(90 * kSecond), Names{"rows"});
  EXPECT_EQ(steps_of(5 * kMinute), Names{"minute"});
  EXPECT_EQ(steps_of(90 * kMinute), Names{"minute"});
  EXPECT_EQ(steps_of(2 * kHour), Names{"hour"});
  EXPECT_EQ(steps_of(kDay), Names{"day"});
  EXPECT_EQ(steps_of(7 * kDay), Names{"day"});
  // The period before begins so that its steps lie beside those of the range.
  EXPECT_EQ(steps_of(kHour, Period::kPrevious), Names{"hour"});
  EXPECT_EQ(steps_of(kHour, Period::kPrevious, 6 * kHour + kMinute), (Names{"minute"}));
}

TEST(RollupCover, WhereShorterStepsAreNoLongerKeptRowsOrLongerOnesAnswer) {
  const auto midnight = begin_of(kNow, kDay);
  const auto version =
      version_of(midnight + kHour, midnight, midnight - 9 * kDay, kNow - 20 * kDay);
  const auto plan = plan_of("count", "", "", 5 * kMinute, {midnight, midnight + 2 * kHour});
  EXPECT_EQ(written(cover_of(plan, Period::kAsked, version, Reach::kAll)),
            "minute 1:0:0-2:0:0; rows 0:0:0-1:0:0; ");
  const auto whole = plan_of("count", "", "", 0, {midnight, midnight + 90 * kMinute});
  EXPECT_EQ(written(cover_of(whole, Period::kAsked, version, Reach::kAll)),
            "hour 0:0:0-1:0:0; minute 1:0:0-1:30:0; ");
}

TEST(RollupCover, WhereRowsHaveExpiredWholeStepsThatBeginInTheRangeCount) {
  const auto midnight = begin_of(kNow, kDay);
  const auto version = version_of(midnight + 5 * kHour, midnight - kDay, midnight - 9 * kDay,
                                  midnight + 3 * kHour - 1);
  const auto plan =
      plan_of("count", "", "", 0, {midnight + kMinute, midnight + 2 * kHour + kMinute});
  const auto cover = cover_of(plan, Period::kAsked, version, Reach::kAll);
  EXPECT_EQ(written(cover), "hour 1:0:0-2:0:0; hour 2:0:0-3:0:0; ");
  EXPECT_EQ(cover.rounded_to_ns, kHour);
  EXPECT_EQ(cover.missing, Range());
  // From where rows are there on, they may be asked for alone.
  const auto wide = plan_of("count", "", "", 0, {midnight, midnight + 6 * kHour});
  EXPECT_EQ(written(cover_of(wide, Period::kAsked, version, Reach::kExpired)),
            "hour 0:0:0-3:0:0; rows 3:0:0-6:0:0; ");
}

TEST(RollupCover, WhatNothingAnswersAnyMoreIsSaid) {
  const auto midnight = begin_of(kNow, kDay);
  const auto version = version_of(midnight, midnight - kDay, midnight - 9 * kDay, midnight - kHour);
  const auto plan = plan_of("count", "", "", 5 * kMinute, {midnight - 2 * kHour, midnight});
  const auto cover = cover_of(plan, Period::kAsked, version, Reach::kAll);
  EXPECT_EQ(written(cover), "rows -2:0:0-0:0:0; ");
  EXPECT_EQ(cover.missing, (Range{midnight - 2 * kHour, midnight - kHour + 1}));
  EXPECT_EQ(cover.missing_step, RollupStep::kHour) << "says whether there were any";
  EXPECT_EQ(cover_of(plan, Period::kAsked, version, Reach::kNothing).missing, cover.missing);
  const auto older = plan_of("count", "", "", 5 * kMinute, {midnight - 3 * kDay, midnight - kDay});
  EXPECT_EQ(cover_of(older, Period::kAsked, version, Reach::kAll).missing_step, RollupStep::kDay);
}

// Each moment of the range once, in whole steps that lie within one of the query's.
TEST(RollupCover, PartsCoverTheRangeOnce) {
  SeededRandom random(4);
  for (int i = 0; i < 2'000; ++i) {
    const auto time = [&](std::uint64_t days) {
      return kNow - static_cast<Nanos>(random.below(days * 86'400)) * kSecond +
             static_cast<Nanos>(random.below(3)) * kMinute;
    };
    const auto version = version_of(time(20), time(40), time(90));
    constexpr Nanos kUnits[] = {1, kSecond, kMinute, kHour, kDay};
    const auto a = begin_of(time(60), kUnits[random.below(5)]);
    const auto b = begin_of(time(60), kUnits[random.below(5)]);
    if (a == b) continue;
    constexpr Nanos kSteps[] = {0, 90 * kSecond, 15 * kMinute, kHour, 3 * kHour, kDay, 7 * kDay};
    const Range range{std::min(a, b), std::max(a, b)};
    auto step = kSteps[random.below(std::size(kSteps))];
    if (step != 0 && (range.end_ns - range.start_ns) / step > 10'000) step = kHour;
    const auto plan = plan_of("count", "", "", step, range);
    for (const auto period : {Period::kAsked, Period::kPrevious}) {
      const bool asked = period == Period::kAsked;
      const auto cover = cover_of(plan, period, version, Reach::kAll);
      auto parts = cover.rows;
      for (const auto& part : cover.rollups) {
        parts.push_back(part.range);
        const auto length = step_ns(part.step);
        EXPECT_EQ(part.range.start_ns % length, 0);
        EXPECT_EQ(part.range.end_ns % length, 0);
        if (step == 0) continue;
        const auto origin = plan.step_begin(0) - (asked ? 0 : range.end_ns - range.start_ns);
        EXPECT_EQ((part.range.start_ns - origin) % length, 0);
        EXPECT_EQ(step % length, 0);
      }
      std::sort(parts.begin(), parts.end(),
                [](const Range& x, const Range& y) { return x.start_ns < y.start_ns; });
      auto at = asked ? range.start_ns : plan.previous().start_ns;
      for (const auto& part : parts) {
        EXPECT_EQ(part.start_ns, at);
        at = part.end_ns;
      }
      EXPECT_EQ(at, asked ? range.end_ns : plan.previous().end_ns);
    }
    if (HasFailure()) return;
  }
}

}  // namespace
}  // namespace sightglass::store
