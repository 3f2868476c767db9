// The admission script on a real redis-server, asked by accounts of several gateways in turn.
#include "redis/script.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "base/random.h"
#include "control/limiter.h"
#include "redis/real_redis.h"

namespace sightglass::redis {
namespace {

using control::ClientLimits;
using control::Estimate;
using control::Limit;
using control::Refusal;
using control::Ticket;

constexpr std::int64_t kDollar = 1'000'000'000;

// One gateway with one client, whose questions go to Redis one after the other.
class Site {
 public:
  Site(RealRedis& redis, std::string id, ClientLimits limits, Nanos off_ns = 0)
      : redis_(redis), id_(std::move(id)), off_ns_(off_ns) {
    limiter_.restore([](const auto&) { return control::Spending{}; });
    account_ = limiter_.configure("app", limits);
    script_ = redis_.call({"SCRIPT", "LOAD", admission_script()}).text;
    const auto time = redis_.call({"TIME"});
    limiter_.follow_clock(std::stoll(time.items[0].text) * kSecond - wall_ns());
  }

  std::optional<Refusal> ask(const Estimate& estimate, Ticket& ticket) {
    std::optional<Refusal> out;
    control::Waiting waiting{&estimate, &ticket, 0, {}};
    if (auto refusal = account_->join(std::move(waiting), wall_ns())) return refusal;
    for (const auto& one : put(*account_->next_question(memory, wall_ns()))) out = one.refusal;
    return out;
  }
  std::optional<Refusal> ask_alone(const Estimate& estimate, Ticket& ticket) {
    control::Waiting waiting{&estimate, &ticket, 0, {}};
    if (auto refusal = account_->join(std::move(waiting), wall_ns())) return refusal;
    return account_->decide_alone(wall_ns())[0].refusal;
  }
  std::vector<control::Account::Decided> put(control::UseQuestion question) {
    const auto reply = say(question);
    auto answer = read_answer(reply, question.waiting.size());
    if (!answer) {
      ADD_FAILURE() << "no answer: " << reply.text;
      return {};
    }
    return account_->answered(std::move(question), std::move(*answer), wall_ns());
  }
  Reply say(const control::UseQuestion& question) {
    return redis_.call(Admission(script_, "t:", id_, "app", question).words());
  }
  void settle(Ticket& ticket, std::int64_t tokens, std::int64_t nanousd) {
    account_->settle(ticket, tokens, nanousd, wall_ns());
  }
  void tell() {
    if (auto question = account_->next_question(memory, wall_ns())) put(std::move(*question));
  }
  control::Account& account() { return *account_; }
  Nanos wall_ns() const { return SystemClock().wall_ns() + off_ns_; }
  std::uint64_t memory = 1;

 private:
  RealRedis& redis_;
  const std::string id_;
  const Nanos off_ns_;
  control::Limiter limiter_;
  std::shared_ptr<control::Account> account_;
  std::string script_;
};

ClientLimits requests(std::int64_t n) {
  ClientLimits out;
  out.requests_per_minute = n;
  return out;
}

int pass(Site& site, int asked, const Estimate& estimate, std::deque<Ticket>& tickets) {
  int passed = 0;
  for (int i = 0; i < asked; ++i) {
    if (!site.ask(estimate, tickets.emplace_back())) ++passed;
  }
  return passed;
}

TEST(Admission, OfAThousandRequestsOverTwoGatewaysABudgetOfAHundredLetsExactlyAHundredPass) {
  RealRedis redis;
  struct Kind {
    ClientLimits limits;
    Limit limit;
  };
  std::vector<Kind> kinds(6);
  kinds[0] = {requests(100), Limit::kRequests};
  kinds[1].limits.tokens_per_minute = 1'000;
  kinds[1].limit = Limit::kTokens;
  kinds[2].limits.parallel_requests = 100;
  kinds[2].limit = Limit::kParallel;
  kinds[3].limits.nanousd_per_hour = 100 * kDollar;
  kinds[3].limit = Limit::kMoneyHour;
  kinds[4].limits.nanousd_per_day = 100 * kDollar;
  kinds[4].limit = Limit::kMoneyDay;
  kinds[5].limits.nanousd_per_month = 100 * kDollar;
  kinds[5].limit = Limit::kMoneyMonth;
  for (const auto& kind : kinds) {
    redis.call({"FLUSHALL"});
    Site a(redis, "a", kind.limits), b(redis, "b", kind.limits);
    std::deque<Ticket> tickets;
    int passed = 0;
    for (int i = 0; i < 10; ++i) {
      passed += pass(a, 50, {10, kDollar}, tickets);
      passed += pass(b, 50, {10, kDollar}, tickets);
    }
    EXPECT_EQ(passed, 100) << control::limit_name(kind.limit);
    Ticket ticket;
    const auto refusal = b.ask({10, kDollar}, ticket);
    ASSERT_TRUE(refusal);
    EXPECT_EQ(refusal->limit, kind.limit);
    EXPECT_EQ(refusal->most, kind.limits.tokens_per_minute + kind.limits.requests_per_minute +
                                 kind.limits.parallel_requests + kind.limits.nanousd_per_hour +
                                 kind.limits.nanousd_per_day + kind.limits.nanousd_per_month);
    EXPECT_EQ(refusal->remaining, 0);
    EXPECT_GE(refusal->retry_after_s, 1);
    EXPECT_FALSE(b.ask({0, 0, true}, ticket) && kind.limit != Limit::kRequests &&
                 kind.limit != Limit::kParallel)
        << "what is free needs no tokens and no money";
  }
}

TEST(Admission, MoneyIsNeverPassedAndNearlyAllOfItCanBeUsed) {
  RealRedis redis;
  ClientLimits limits;
  limits.nanousd_per_day = 1'000 * kDollar;
  Site a(redis, "a", limits), b(redis, "b", limits);
  SeededRandom random(5);
  std::deque<std::pair<Site*, Ticket>> running;
  std::int64_t spent = 0;
  for (int i = 0; i < 6'000; ++i) {
    Site& site = random.below(2) == 0 ? a : b;
    if (running.size() < 20) {
      auto& [at, ticket] = running.emplace_back(&site, Ticket{});
      const auto estimate = static_cast<std::int64_t>(random.below(kDollar));
      if (site.ask({1, estimate + 1}, ticket)) running.pop_back();
    }
    if (running.size() > 10 || random.below(3) == 0) {
      if (running.empty()) continue;
      auto [at, ticket] = running.front();
      running.pop_front();
      const auto truth = ticket.estimate.nanousd / 2;
      spent += truth;
      at->settle(ticket, 1, truth);
      if (random.below(2) == 0) at->tell();
    }
    ASSERT_LE(spent, limits.nanousd_per_day);
  }
  for (auto& [at, ticket] : running) {
    spent += ticket.estimate.nanousd;
    at->settle(ticket, 1, ticket.estimate.nanousd);
  }
  EXPECT_LE(spent, limits.nanousd_per_day);
  EXPECT_GE(spent, limits.nanousd_per_day / 100 * 99);
}

TEST(Admission, WhatRedisForgotIsSetAnewWithWhatOthersHadSaid) {
  RealRedis redis;
  ClientLimits limits;
  limits.nanousd_per_day = 100 * kDollar;
  limits.requests_per_minute = 1'000;
  Site a(redis, "a", limits), b(redis, "b", limits);
  std::deque<Ticket> tickets;
  EXPECT_EQ(pass(a, 40, {0, kDollar}, tickets), 40);
  EXPECT_EQ(pass(b, 30, {0, kDollar}, tickets), 30);
  redis.call({"FLUSHALL"});
  b.memory = 2;  // only this one has noticed and come back
  EXPECT_EQ(pass(b, 100, {0, kDollar}, tickets), 30);
  a.memory = 2;
  a.tell();
  EXPECT_EQ(pass(a, 100, {0, kDollar}, tickets), 0);
}

TEST(Admission, WithoutRedisTheOwnUseAndTheOthersLastKnownOneHold) {
  RealRedis redis;
  ClientLimits limits;
  limits.nanousd_per_day = 100 * kDollar;
  Site a(redis, "a", limits), b(redis, "b", limits);
  std::deque<Ticket> tickets;
  EXPECT_EQ(pass(a, 40, {0, kDollar}, tickets), 40);
  EXPECT_EQ(pass(b, 30, {0, kDollar}, tickets), 30);
  int passed = 0;
  for (int i = 0; i < 100; ++i) passed += b.ask_alone({0, kDollar}, tickets.emplace_back()) ? 0 : 1;
  EXPECT_EQ(passed, 30) << "40 of the other gateway are known here";
  // Then it counts for the other one, too.
  b.tell();
  EXPECT_EQ(pass(a, 100, {0, kDollar}, tickets), 0);
}

TEST(Admission, AQuestionThatComesLateChangesNothing) {
  RealRedis redis;
  Site a(redis, "a", requests(100)), b(redis, "b", requests(100));
  const Estimate estimate;
  Ticket ticket;
  control::Waiting waiting{&estimate, &ticket, 0, {}};
  EXPECT_FALSE(a.account().join(waiting, a.wall_ns()));
  auto lost = *a.account().next_question(1, a.wall_ns());
  a.account().unanswered(lost, a.wall_ns());  // decided alone
  EXPECT_TRUE(ticket.held);
  std::deque<Ticket> tickets;
  EXPECT_EQ(pass(a, 20, {}, tickets), 20);
  EXPECT_TRUE(a.say(lost).items.at(0).is_text("stale"));
  EXPECT_EQ(pass(b, 200, {}, tickets), 79) << "21 were used over there";
}

TEST(Admission, AGatewayWhoseClockWasAheadComesBackAllTheSame) {
  RealRedis redis;
  std::deque<Ticket> tickets;
  {
    Site early(redis, "a", requests(100), 3'600 * kSecond);
    EXPECT_EQ(pass(early, 10, {}, tickets), 10);
  }
  Site a(redis, "a", requests(100));
  const Estimate estimate;  // asked for twice
  Ticket ticket;
  EXPECT_FALSE(a.ask(estimate, ticket));
  EXPECT_FALSE(ticket.held) << "found older than what is known: asked again";
  a.tell();
  EXPECT_TRUE(ticket.held);
}

TEST(Admission, ClocksTwoMinutesApartMakeNoDifference) {
  RealRedis redis;
  Site a(redis, "a", requests(100), -120 * kSecond), b(redis, "b", requests(100), 120 * kSecond);
  std::deque<Ticket> tickets;
  EXPECT_EQ(pass(a, 60, {}, tickets), 60);
  EXPECT_EQ(pass(b, 60, {}, tickets), 40);
  EXPECT_EQ(pass(a, 60, {}, tickets), 0);
  // By the ids of the keys, too: none is of a minute, hour or day that has not begun.
  EXPECT_EQ(a.account().known_elsewhere(a.wall_ns()).requests, 40);
  EXPECT_EQ(b.account().known_elsewhere(b.wall_ns()).requests, 60);
}

TEST(Admission, WhatRanOnAGatewayThatIsGoneIsFreeAfterItsLease) {
  RealRedis redis;
  ClientLimits limits;
  limits.parallel_requests = 10;
  limits.nanousd_per_day = 100 * kDollar;
  Site a(redis, "a", limits);
  const auto heard = [&](std::int64_t seconds_ago) {
    const auto now = std::stoll(redis.call({"TIME"}).items[0].text);
    redis.call({"HSET", "t:limits:{app}:open", "gone",
                "7 " + std::to_string((now - seconds_ago) * 1'000) + " 10 0 95000000000"});
  };
  std::deque<Ticket> tickets;
  heard(30);
  EXPECT_EQ(pass(a, 1, {0, kDollar}, tickets), 0);
  heard(90);
  EXPECT_EQ(pass(a, 20, {0, kDollar}, tickets), 5) << "its money stays reserved for an hour";
  heard(3'700);
  EXPECT_EQ(pass(a, 20, {0, kDollar}, tickets), 5);
  EXPECT_EQ(redis.call({"HGET", "t:limits:{app}:open", "gone"}).type, Reply::Type::kNull);
}

TEST(Admission, EachKeyExpires) {
  RealRedis redis;
  ClientLimits limits;
  limits.nanousd_per_hour = limits.nanousd_per_day = limits.nanousd_per_month = kDollar;
  limits.requests_per_minute = limits.tokens_per_minute = limits.parallel_requests = 10;
  Site a(redis, "a", limits);
  std::deque<Ticket> tickets;
  EXPECT_EQ(pass(a, 1, {1, 1}, tickets), 1);
  const auto keys = redis.call({"KEYS", "*"});
  EXPECT_EQ(keys.items.size(), 6u);
  for (const auto& key : keys.items) {
    EXPECT_GT(redis.call({"TTL", key.text}).integer, 0) << key.text;
  }
}

TEST(Admission, MonthsAreThoseOfTheCalendar) {
  RealRedis redis;
  const auto script = std::string(kMonthFunction) +
                      "local out = {} for d = 0, 60000 do out[d + 1] = month_of(d) end return out";
  const auto months = redis.call({"EVAL", script, "0"});
  ASSERT_EQ(months.items.size(), 60'001u);
  for (std::int64_t day = 0; day <= 60'000; ++day) {
    ASSERT_EQ(months.items[static_cast<std::size_t>(day)].integer,
              control::period_of(control::Period::kMonth, day * 86'400 * kSecond))
        << day;
  }
}

}  // namespace
}  // namespace sightglass::redis
