// What gateways tell each other of a client's use, as words and as sums.
#include "control/shared_use.h"

#include <gtest/gtest.h>

#include <deque>

#include "base/random.h"
#include "control/limiter.h"

namespace sightglass::control {
namespace {

constexpr Nanos kNoon = 1'795'219'200 * kSecond;

TEST(SharedUse, AMinuteTellsItselfInWordsAndMovesToAnotherClock) {
  SeededRandom random(11);
  MinuteSum sum;
  std::int64_t now = kNoon / kSecond;
  for (int i = 0; i < 2'000; ++i) {
    now += static_cast<std::int64_t>(random.below(3));
    sum.add(static_cast<std::int64_t>(random.below(50)), now);
    std::string words;
    sum.append_text(words, now);
    ASSERT_EQ(MinuteSum::sum_of_text(words, now), sum.sum(now));
    ASSERT_EQ(MinuteSum::sum_of_text(words, now + 30), sum.sum(now + 30));
    auto moved = sum;
    moved.shift(-120);
    ASSERT_EQ(moved.sum(now - 120), sum.sum(now));
  }
}

TEST(SharedUse, WordsThatCannotBeReadCountAsNothing) {
  EXPECT_EQ(
      MinuteSum::sum_of_text("x=1 5 =3 1795219200=-4 1795219200= 1795219200=2", 1'795'219'200), 2);
  OtherUses others;
  others[0] = {{"a", ""}, {"b", "1 1795219200000 -3 x 9"}, {"c", "1 1795219200000 2 3 4"}};
  others[4] = {{"a", "none"}, {"b", "70"}};
  const std::array<std::int64_t, kPeriods> periods{period_of(Period::kHour, kNoon),
                                                   period_of(Period::kDay, kNoon),
                                                   period_of(Period::kMonth, kNoon)};
  const auto known = known_use(others, periods, kNoon);
  EXPECT_EQ(known.running, 2);
  EXPECT_EQ(known.tokens, 3);
  EXPECT_EQ(known.nanousd[0], 13) << "what is open counts in each window";
  EXPECT_EQ(known.nanousd[1], 83);
  const auto later = known_use(others, periods, kNoon + 90 * kSecond);
  EXPECT_EQ(later.running, 0) << "past its lease";
  const auto tomorrow = known_use(others, periods, kNoon + 25 * 3'600 * kSecond);
  EXPECT_EQ(tomorrow.nanousd[1], 13) << "another day";
}

TEST(SharedUse, OneQuestionIsOnItsWayAndTheRestWaitsForTheNext) {
  ClientLimits limits;
  limits.requests_per_minute = 10;
  Account account(limits, Spending{});
  std::deque<std::pair<Estimate, Ticket>> asked;
  int told = 0;
  const auto join = [&] {
    auto& [estimate, ticket] = asked.emplace_back();
    Waiting waiting;
    waiting.estimate = &estimate;
    waiting.ticket = &ticket;
    waiting.done = [&](auto) { ++told; };
    return account.join(std::move(waiting), kNoon);
  };
  EXPECT_FALSE(join());
  auto first = account.next_question(1, kNoon);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->waiting.size(), 1u);
  EXPECT_FALSE(join());
  EXPECT_FALSE(join());
  EXPECT_FALSE(account.next_question(1, kNoon)) << "one at a time";
  EXPECT_TRUE(account.decide_alone(kNoon).empty()) << "it has its answer coming";
  UseAnswer answer;
  answer.now_ns = kNoon;
  answer.decisions = {{0, 0, 0}};
  EXPECT_EQ(account.answered(std::move(*first), answer, kNoon).size(), 1u);
  EXPECT_TRUE(asked[0].second.held);
  auto second = account.next_question(1, kNoon);
  ASSERT_TRUE(second);
  EXPECT_EQ(second->waiting.size(), 2u);
  EXPECT_EQ(second->running, 1);
  EXPECT_GT(second->seq, 0u);
  // Without an answer the own use and what was known decide.
  const auto decided = account.unanswered(std::move(*second), kNoon);
  EXPECT_EQ(decided.size(), 2u);
  EXPECT_FALSE(decided[0].refusal);
  EXPECT_EQ(account.state(kNoon).running, 3);
  EXPECT_TRUE(account.next_question(1, kNoon)) << "what was decided alone is told";
}

TEST(SharedUse, NothingIsAskedBeforeItsOwnPastIsKnown) {
  ClientLimits limits;
  limits.requests_per_minute = 10;
  Account account(limits, std::nullopt);
  EXPECT_FALSE(account.next_question(1, kNoon));
  Estimate estimate;
  Ticket ticket;
  EXPECT_EQ(account.join({&estimate, &ticket, 0, {}}, kNoon)->limit, Limit::kNotReady);
  account.restore({});
  EXPECT_TRUE(account.next_question(1, kNoon)) << "then it is told, without a request";
}

}  // namespace
}  // namespace sightglass::control
