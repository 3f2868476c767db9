// Which clients are flagged, and for what.
#include "control/client_health.h"

#include <gtest/gtest.h>

#include <numeric>

#include "base/random.h"

namespace sightglass::control {
namespace {

constexpr Nanos kNow = 1'795'219'200 * kSecond;  // 2026-11-21 00:00:00 UTC
constexpr Nanos kMinute = 60 * kSecond;
constexpr std::int64_t kDollar = 1'000'000'000;

struct Day {
  ClientUse use;
  void request(Nanos at, std::string_view provider = "openai", std::string_view error = {}) {
    Ended ended;
    ended.time_ns = ended.start_ns = at;
    ended.provider = provider;
    ended.error_type = error;
    ended.failed = !error.empty();
    ended.tokens = 10;
    ended.nanousd = 100;
    use.add(ended);
  }
  // `per_minute` requests in each of the minutes [from, to) before now.
  void requests(int from, int to, int per_minute) {
    for (int minute = from; minute > to; --minute) {
      for (int i = 0; i < per_minute; ++i) request(kNow - minute * kMinute + i);
    }
  }
  ClientHealth health(std::optional<Account::State> state = std::nullopt) const {
    return assess(use, state, kNow);
  }
};

// S4-D02
TEST(ClientHealth, FlagsATenfoldRiseOfOneClientAndNoOther) {
  Day risen, steady;
  risen.requests(600, 5, 3);
  risen.requests(5, 0, 30);
  steady.requests(600, 0, 3);
  EXPECT_TRUE(risen.health().usage.spike);
  EXPECT_FALSE(risen.health().fine());
  ASSERT_TRUE(risen.health().usage.usual_per_minute);
  EXPECT_NEAR(*risen.health().usage.usual_per_minute, 3, 0.05);
  EXPECT_NEAR(risen.health().usage.recent_per_minute, 30, 0.01);
  EXPECT_FALSE(steady.health().usage.spike);
  EXPECT_TRUE(steady.health().fine());
}

// S4-D02
TEST(ClientHealth, FlagsNoClientThatIsNewOrDoesLittle) {
  Day fresh, little;
  fresh.requests(10, 0, 100);
  EXPECT_FALSE(fresh.health().usage.spike);
  EXPECT_FALSE(fresh.health().usage.usual_per_minute);
  little.request(kNow - 600 * kMinute);
  for (int i = 0; i < 10; ++i) little.request(kNow - kMinute);
  EXPECT_FALSE(little.health().usage.spike) << "ten requests are no spike";
}

// S4-D03
TEST(ClientHealth, FlagsMoreErrorsThanUsualWithTheirTypes) {
  Day day;
  day.requests(900, 120, 1);
  for (int i = 0; i < 40; ++i) {
    day.request(kNow - 10 * kMinute, "openai", i % 4 == 0 ? "provider_timeout" : "");
  }
  day.request(kNow - 10 * kMinute, "openai", "provider_overloaded");
  const auto errors = day.health().errors;
  EXPECT_TRUE(errors.increase);
  EXPECT_EQ(errors.requests, 41u);
  EXPECT_EQ(errors.failed, 11u);
  EXPECT_EQ(*errors.usual_rate, 0);
  ASSERT_EQ(errors.types.size(), 2u);
  EXPECT_EQ(errors.types[0], std::pair(std::string("provider_timeout"), std::uint64_t{10}));
}

// S4-D03
TEST(ClientHealth, AClientThatAlwaysFailedThatOftenIsNotFlagged) {
  Day day;
  for (int minute = 1'000; minute > 0; --minute) {
    day.request(kNow - minute * kMinute, "openai", minute % 5 == 0 ? "provider_timeout" : "");
  }
  EXPECT_FALSE(day.health().errors.increase);
  EXPECT_NEAR(*day.health().errors.usual_rate, 0.2, 0.01);
}

// S4-D04
TEST(ClientHealth, ShowsWhatIsSpentOfEachBudgetAndFlagsItPastIt) {
  Account::State state;
  state.limits.nanousd_per_day = 10 * kDollar;
  state.limits.nanousd_per_month = 100 * kDollar;
  state.nanousd = {0, 8 * kDollar, 9 * kDollar};
  Day day;
  auto health = day.health(state);
  ASSERT_EQ(health.budgets.size(), 2u);
  EXPECT_TRUE(health.budgets[0].near);
  EXPECT_FALSE(health.budgets[0].over);
  EXPECT_FALSE(health.budgets[1].near);
  EXPECT_EQ(health.budgets[0].resets_ns, kNow + 86'400 * kSecond);
  EXPECT_FALSE(health.overrun);
  state.nanousd[1] = 10 * kDollar;
  EXPECT_TRUE(day.health(state).overrun);
  state.nanousd[1] = 9 * kDollar;
  state.refused[1] = 1;
  EXPECT_TRUE(day.health(state).overrun) << "the next request did not fit any more";
}

// S4-D05
TEST(ClientHealth, SharesOfProvidersSumToOne) {
  Day day;
  for (const auto* provider : {"a", "b", "c", "c", "c"}) day.request(kNow - kMinute, provider);
  day.request(kNow - 30 * 60 * kMinute, "long ago");
  const auto providers = day.health().providers;
  ASSERT_EQ(providers.size(), 3u);
  EXPECT_EQ(providers[2].requests_millionths, 600'000);
  EXPECT_EQ(providers[2].share.requests, 3u);
  SeededRandom random(1);
  for (int round = 0; round < 1'000; ++round) {
    std::vector<std::int64_t> amounts(1 + random.below(9));
    for (auto& amount : amounts) amount = static_cast<std::int64_t>(random.below(INT64_MAX));
    const auto parts = millionths(amounts);
    ASSERT_EQ(std::accumulate(parts.begin(), parts.end(), std::int64_t{0}), 1'000'000);
    const auto all = std::accumulate(amounts.begin(), amounts.end(), 0.0L);
    for (std::size_t i = 0; i < parts.size(); ++i) {
      ASSERT_NEAR(static_cast<double>(parts[i]), static_cast<double>(amounts[i] / all * 1e6L), 1.0);
    }
  }
  EXPECT_EQ(millionths({0, 0}), (std::vector<std::int64_t>{0, 0}));
}

}  // namespace
}  // namespace sightglass::control
