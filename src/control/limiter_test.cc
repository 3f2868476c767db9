// Limits against naive models, and that no number of threads gets past one.
#include "control/limiter.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <thread>
#include <vector>

#include "base/random.h"

namespace sightglass::control {
namespace {

constexpr Nanos kNoon = 1'795'219'200 * kSecond;  // 2026-11-21 00:00:00 UTC
constexpr std::int64_t kDollar = 1'000'000'000;

ClientLimits requests(std::int64_t n) {
  ClientLimits out;
  out.requests_per_minute = n;
  return out;
}

// S4-B04
TEST(Limiter, OfAThousandParallelRequestsABudgetOfAHundredLetsExactlyAHundredPass) {
  Account account(requests(100), Spending{});
  std::atomic<int> passed{0};
  std::vector<std::thread> workers;
  for (int w = 0; w < 8; ++w) {
    workers.emplace_back([&] {
      for (int i = 0; i < 125; ++i) {
        Ticket ticket;
        if (account.admit({}, kNoon, ticket)) continue;
        ++passed;
        account.settle(ticket, 1, 1, kNoon);
      }
    });
  }
  for (auto& worker : workers) worker.join();
  EXPECT_EQ(passed.load(), 100);
}

TEST(Limiter, NoMinuteWhereverItBeginsHoldsMoreThanTheLimit) {
  SeededRandom random(7);
  Account account(requests(50), Spending{});
  std::vector<Nanos> passed;
  Nanos now = kNoon;
  for (int i = 0; i < 20'000; ++i) {
    now += static_cast<Nanos>(random.below(200)) * kMillisecond;
    Ticket ticket;
    if (!account.admit({}, now, ticket)) passed.push_back(now);
  }
  std::size_t begin = 0;
  for (std::size_t end = 0; end < passed.size(); ++end) {
    while (passed[end] - passed[begin] >= 60 * kSecond) ++begin;
    ASSERT_LE(end - begin + 1, 50u) << "the minute up to " << passed[end];
  }
  // And it is used up: about 33 minutes at 50 each, less the second that is counted whole.
  const auto minutes = static_cast<double>(now - kNoon) / (60e9 + 1e9);
  EXPECT_GE(static_cast<double>(passed.size()), 50 * (minutes - 1));
}

TEST(Limiter, SaysWhenToComeAgainAndThenLetsPass) {
  SeededRandom random(3);
  for (int round = 0; round < 200; ++round) {
    Account account(requests(10), Spending{});
    Nanos now = kNoon;
    for (int i = 0; i < 10; ++i) {
      now += static_cast<Nanos>(random.below(5'000)) * kMillisecond;
      Ticket ticket;
      ASSERT_FALSE(account.admit({}, now, ticket));
    }
    Ticket ticket;
    const auto refusal = account.admit({}, now, ticket);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, Limit::kRequests);
    EXPECT_EQ(refusal->most, 10);
    EXPECT_EQ(refusal->remaining, 0);
    EXPECT_FALSE(account.admit({}, now + refusal->retry_after_s * kSecond, ticket));
  }
}

TEST(Limiter, ParallelRequestsAreThoseThatAreNotSettled) {
  ClientLimits limits;
  limits.parallel_requests = 2;
  Account account(limits, Spending{});
  Ticket a, b, c;
  EXPECT_FALSE(account.admit({}, kNoon, a));
  EXPECT_FALSE(account.admit({}, kNoon, b));
  EXPECT_EQ(account.admit({}, kNoon, c)->limit, Limit::kParallel);
  account.settle(a, 0, 0, kNoon);
  account.settle(a, 0, 0, kNoon);  // once only
  EXPECT_FALSE(account.admit({}, kNoon, c));
  EXPECT_EQ(account.admit({}, kNoon, a)->limit, Limit::kParallel);
}

TEST(Limiter, TokensAreHeldByTheirEstimateAndCountAsUsed) {
  ClientLimits limits;
  limits.tokens_per_minute = 1'000;
  Account account(limits, Spending{});
  Ticket a, b;
  EXPECT_FALSE(account.admit({600, 0}, kNoon, a));
  const auto refusal = account.admit({600, 0}, kNoon, b);
  ASSERT_TRUE(refusal);
  EXPECT_EQ(refusal->limit, Limit::kTokens);
  EXPECT_EQ(refusal->remaining, 400);
  account.settle(a, 100, 0, kNoon);
  EXPECT_FALSE(account.admit({600, 0}, kNoon, b)) << "what was held and not used is free again";
  account.settle(b, std::nullopt, 0, kNoon);
  EXPECT_EQ(account.state(kNoon).tokens, 700) << "unknown usage counts as it was estimated";
  EXPECT_FALSE(account.admit({1'000'000, 0, true}, kNoon, b)) << "what is free needs no tokens";
}

// A naive model beside it: money of the running requests, and of each hour, day and month.
struct NaiveMoney {
  std::int64_t limit, spent = 0, reserved = 0;
};

// What is spent never passes the limit where estimates are at least the truth, and at least 99 % of
// it can be used.
TEST(Limiter, MoneyStaysBelowTheLimitWhileEstimatesAreNoLessThanTheTruth) {
  SeededRandom random(11);
  ClientLimits limits;
  limits.nanousd_per_day = 10 * kDollar;
  Account account(limits, Spending{});
  NaiveMoney naive{limits.nanousd_per_day};
  struct Running {
    Ticket ticket;
    std::int64_t truth;
  };
  std::deque<Running> running;
  Nanos now = kNoon;
  for (int i = 0; i < 20'000; ++i) {
    now += kMillisecond;
    const auto truth = static_cast<std::int64_t>(random.below(50'000'000));  // up to 5 cents
    const auto estimate = truth + static_cast<std::int64_t>(random.below(50'000'000));
    Running next{{}, truth};
    const bool refused = account.admit({0, estimate}, now, next.ticket).has_value();
    const auto left = naive.limit - naive.spent - naive.reserved;
    ASSERT_EQ(refused, left <= 0 || estimate > left) << i;
    if (!refused) {
      naive.reserved += estimate;
      running.push_back(next);
    }
    while (running.size() > 20 || (refused && !running.empty())) {
      auto& one = running.front();
      naive.reserved -= one.ticket.estimate.nanousd;
      naive.spent += one.truth;
      account.settle(one.ticket, 0, one.truth, now);
      running.pop_front();
      ASSERT_LE(naive.spent, naive.limit);
    }
  }
  EXPECT_EQ(account.state(now).nanousd[1], naive.spent);
  EXPECT_GE(naive.spent, naive.limit / 100 * 99);
}

TEST(Limiter, MoneyPassesTheLimitByNoMoreThanRunningEstimatesFellShort) {
  ClientLimits limits;
  limits.nanousd_per_hour = kDollar;
  Account account(limits, Spending{});
  std::atomic<std::int64_t> spent{0};
  std::vector<std::thread> workers;
  constexpr int kWorkers = 8;
  for (int w = 0; w < kWorkers; ++w) {
    workers.emplace_back([&, seed = static_cast<std::uint64_t>(w)] {
      SeededRandom mine(seed);
      for (int i = 0; i < 2'000; ++i) {
        const auto truth = static_cast<std::int64_t>(mine.below(4'000'000));
        Ticket ticket;
        if (account.admit({0, truth / 2}, kNoon, ticket)) continue;
        spent += truth;
        account.settle(ticket, 0, truth, kNoon);
      }
    });
  }
  for (auto& worker : workers) worker.join();
  // At most eight run at once, and each estimate falls short by at most 2,000,000.
  EXPECT_LE(spent.load(), limits.nanousd_per_hour + kWorkers * 2'000'000);
  EXPECT_GE(spent.load(), limits.nanousd_per_hour / 100 * 99);
}

TEST(Limiter, EachMoneyWindowEndsWithItsHourDayOrMonth) {
  struct Case {
    std::int64_t ClientLimits::* limit;
    Limit which;
    Nanos wait_ns;  // from 2026-11-21 00:00 UTC
  };
  for (const auto& c :
       {Case{&ClientLimits::nanousd_per_hour, Limit::kMoneyHour, 3'600 * kSecond},
        Case{&ClientLimits::nanousd_per_day, Limit::kMoneyDay, 86'400 * kSecond},
        Case{&ClientLimits::nanousd_per_month, Limit::kMoneyMonth, 10 * 86'400 * kSecond}}) {
    ClientLimits limits;
    limits.*c.limit = kDollar;
    Account account(limits, Spending{});
    Ticket ticket;
    ASSERT_FALSE(account.admit({0, kDollar}, kNoon, ticket));
    account.settle(ticket, 0, kDollar, kNoon);
    const auto refusal = account.admit({0, 1}, kNoon, ticket);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, c.which);
    EXPECT_EQ(refusal->retry_after_s * kSecond, c.wait_ns);
    EXPECT_TRUE(account.admit({0, 1}, kNoon + c.wait_ns - 1, ticket));
    EXPECT_FALSE(account.admit({0, 1}, kNoon + c.wait_ns, ticket));
  }
}

TEST(Limiter, AReservationCountsInWhicheverWindowItRunsInto) {
  ClientLimits limits;
  limits.nanousd_per_hour = kDollar;
  Account account(limits, Spending{});
  Ticket first, second;
  ASSERT_FALSE(account.admit({0, kDollar}, kNoon, first));
  const auto next_hour = kNoon + 3'600 * kSecond;
  EXPECT_TRUE(account.admit({0, 1}, next_hour, second)) << "it may yet be spent in this hour";
  account.settle(first, 0, kDollar / 2, next_hour);
  EXPECT_FALSE(account.admit({0, kDollar / 2}, next_hour, second));
  EXPECT_EQ(account.state(next_hour).nanousd[0], kDollar / 2);
}

TEST(Limiter, AClockThatStepsBackFreesNothing) {
  ClientLimits limits = requests(1);
  limits.nanousd_per_hour = kDollar;
  Account account(limits, Spending{});
  Ticket ticket;
  ASSERT_FALSE(account.admit({0, kDollar}, kNoon, ticket));
  account.settle(ticket, 0, kDollar, kNoon);
  EXPECT_EQ(account.admit({}, kNoon - 7'200 * kSecond, ticket)->limit, Limit::kRequests);
  EXPECT_EQ(account.state(kNoon - 7'200 * kSecond).nanousd[0], kDollar);
}

TEST(Limiter, RefusesEverythingUntilItKnowsWhatWasUsedBefore) {
  Limiter limiter;
  const auto account = limiter.configure("a", requests(10));
  Ticket ticket;
  EXPECT_EQ(account->admit({}, kNoon, ticket)->limit, Limit::kNotReady);
  limiter.restore([](const std::string&) {
    Spending used;
    used.requests.add(9, kNoon / kSecond - 5);
    return used;
  });
  EXPECT_FALSE(account->admit({}, kNoon, ticket));
  EXPECT_EQ(account->admit({}, kNoon, ticket)->limit, Limit::kRequests);
  // A client that gets limits later begins with what it used, too.
  const auto later = limiter.configure("b", requests(9));
  EXPECT_EQ(later->admit({}, kNoon, ticket)->limit, Limit::kRequests);
}

TEST(Limiter, ChangedLimitsHoldForTheSameAccount) {
  Limiter limiter;
  limiter.restore([](const std::string&) { return Spending{}; });
  const auto account = limiter.configure("a", requests(1));
  Ticket ticket;
  ASSERT_FALSE(account->admit({}, kNoon, ticket));
  EXPECT_TRUE(account->admit({}, kNoon, ticket));
  EXPECT_EQ(limiter.configure("a", requests(2)), account);
  EXPECT_FALSE(account->admit({}, kNoon, ticket));
  EXPECT_EQ(limiter.configure("a", {}), nullptr) << "no limits, no account, no lock";
  EXPECT_EQ(limiter.find("a"), nullptr);
}

// Sums by seconds against a list of everything.
TEST(MinuteSum, AgreesWithANaiveList) {
  SeededRandom random(5);
  MinuteSum sum;
  std::vector<std::pair<std::int64_t, std::int64_t>> all;
  std::int64_t now = 1'000;
  for (int i = 0; i < 5'000; ++i) {
    now += static_cast<std::int64_t>(random.below(4));
    const auto second = now - static_cast<std::int64_t>(random.below(3));
    const auto amount = static_cast<std::int64_t>(random.below(100));
    sum.add(amount, second);
    all.emplace_back(second, amount);
    std::int64_t naive = 0;
    for (const auto& [at, n] : all) naive += at > now - MinuteSum::kSeconds ? n : 0;
    ASSERT_EQ(sum.sum(now), naive);
    if (naive == 0) continue;
    const auto wanted =
        1 + static_cast<std::int64_t>(random.below(static_cast<std::uint64_t>(naive)));
    const auto wait = sum.seconds_until_free(wanted, now);
    ASSERT_LE(sum.sum(now + wait), naive - wanted);
    ASSERT_TRUE(wait == 1 || sum.sum(now + wait - 1) > naive - wanted);
  }
}

TEST(Periods, AreUtcHoursDaysAndMonths) {
  EXPECT_EQ(period_of(Period::kMonth, 0), 1970 * 12);
  EXPECT_EQ(period_of(Period::kMonth, kNoon), 2026 * 12 + 10);
  const auto leap = 1'709'164'800 * kSecond;  // 2024-02-29
  EXPECT_EQ(period_end(Period::kMonth, period_of(Period::kMonth, leap)), leap + 86'400 * kSecond);
  const auto december = 1'796'083'200 * kSecond;  // 2026-12-01
  EXPECT_EQ(period_end(Period::kMonth, period_of(Period::kMonth, december)),
            1'798'761'600 * kSecond);  // 2027-01-01
  for (const auto period : {Period::kHour, Period::kDay, Period::kMonth}) {
    const auto end = period_end(period, period_of(period, kNoon + 5));
    EXPECT_EQ(period_of(period, end), period_of(period, end - 1) + 1);
  }
}

}  // namespace
}  // namespace sightglass::control
