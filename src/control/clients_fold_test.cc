// What clients used, from the journal: against sums made the slow way.
#include "control/clients_fold.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "../tests/support/batches.h"
#include "journal/fold_harness.h"

namespace sightglass::control {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'795'219'200 * kSecond;  // 2026-11-21 00:00:00 UTC

TestEvent ended(const std::string& client, Nanos at, const std::string& id = "r") {
  return TestEvent("chat_completion_success", at)
      .with("request_id", id)
      .with("client", client)
      .with("provider", "openai")
      .with("model", "gpt-4o-mini")
      .with("outcome", "ok")
      .with("start_time_ns", at - kSecond);
}

TestEvent started(const std::string& client, Nanos at, const std::string& id,
                  std::int64_t reserved) {
  return TestEvent("chat_completion_request_start", at)
      .with("request_id", id)
      .with("client", client)
      .with("reserved_nanousd", reserved);
}

struct Fixture {
  Batches batches{testing::gateway_catalogue()};
  ClientsFold fold;
  void take(const std::vector<TestEvent>& events) { fold.apply(batches.make(events, kStart)); }
  std::int64_t spent(const std::string& client, Period period, Nanos at) {
    return fold.spending(client).money.in(period, at);
  }
};

TEST(ClientsFold, SumsMoneyByHourDayAndMonthAsANaiveModelDoes) {
  Fixture f;
  SeededRandom random(3);
  std::vector<std::pair<Nanos, std::int64_t>> all;
  std::vector<TestEvent> events;
  Nanos at = kStart;
  for (int i = 0; i < 3'000; ++i) {
    at += static_cast<Nanos>(random.below(1'200)) * kSecond;
    const auto cost = static_cast<std::int64_t>(random.below(1'000'000));
    events.push_back(ended("a", at).with("cost_nanousd", cost));
    all.emplace_back(at, cost);
    if (i % 100 != 99) continue;
    f.take(events);
    events.clear();
    for (const auto period : {Period::kHour, Period::kDay, Period::kMonth}) {
      std::int64_t naive = 0;
      for (const auto& [when, much] : all) {
        naive += period_of(period, when) == period_of(period, at) ? much : 0;
      }
      ASSERT_EQ(f.spent("a", period, at), naive);
    }
  }
  EXPECT_EQ(f.spent("a", Period::kHour, at + 3'600 * kSecond), 0)
      << "a new hour begins with nothing";
}

TEST(ClientsFold, AnUnknownCostCountsAsItWasReserved) {
  Fixture f;
  f.take({started("a", kStart, "one", 500), started("a", kStart, "two", 700),
          started("a", kStart, "cut", 900), started("a", kStart, "running", 10'000)});
  EXPECT_EQ(f.spent("a", Period::kDay, kStart), 0) << "a request counts when it has ended";
  f.take({ended("a", kStart + 1, "one").with("cost_nanousd", 40),
          ended("a", kStart + 2, "two").with("unpriced_reason", "no_usage"),
          // What recovery writes of a request that a crash cut off.
          TestEvent("request_interrupted", kStart + 3)
              .with("request_id", "cut")
              .with("client", "a")
              .with("outcome", "interrupted")});
  EXPECT_EQ(f.spent("a", Period::kDay, kStart), 40 + 700 + 900);
}

TEST(ClientsFold, RefusedRequestsCostNothingAndCountAgainstNoLimit) {
  Fixture f;
  f.take({TestEvent("request_rejected", kStart)
              .with("client", "a")
              .with("outcome", "rejected")
              .with("error_type", "policy_rate_limited"),
          ended("a", kStart)});
  EXPECT_EQ(f.fold.spending("a").requests.sum(kStart / kSecond), 1);
  const auto use = f.fold.use("a");
  ASSERT_TRUE(use);
  EXPECT_EQ(use->hours().back().rejected, 1u);
  EXPECT_EQ(use->hours().back().requests, 1u);
}

TEST(ClientsFold, LeavesOutWhatNamesNoClientOrIsNotTheGateways) {
  Fixture f;
  f.take({ended("anonymous", kStart), ended("b", kStart).with("ingested", true),
          TestEvent("chat_completion_success", kStart).with("outcome", "ok")});
  EXPECT_FALSE(f.fold.use("anonymous"));
  EXPECT_FALSE(f.fold.use("b"));
  EXPECT_FALSE(f.fold.use(""));
}

TEST(ClientsFold, KeepsADayOfHoursByProviderAndErrorType) {
  Fixture f;
  std::vector<TestEvent> events;
  for (int hour = 0; hour < 30; ++hour) {
    const auto at = kStart + hour * 3'600 * kSecond;
    events.push_back(ended("a", at).with("total_tokens", 10).with("cost_nanousd", 7));
    events.push_back(TestEvent("chat_completions_error", at)
                         .with("client", "a")
                         .with("provider", "anthropic")
                         .with("outcome", "error")
                         .with("error_type", "provider_overloaded"));
  }
  f.take(events);
  const auto use = f.fold.use("a");
  ASSERT_EQ(use->hours().size(), ClientUse::kHours);
  for (const auto& hour : use->hours()) {
    EXPECT_EQ(hour.requests, 2u);
    EXPECT_EQ(hour.failed, 1u);
    EXPECT_EQ(hour.error_types.at("provider_overloaded"), 1u);
    EXPECT_EQ(hour.providers.at("openai").tokens, 10);
    EXPECT_EQ(hour.providers.at("openai").nanousd, 7);
    EXPECT_EQ(hour.providers.at("anthropic").requests, 1u);
  }
  EXPECT_EQ(f.fold.last_used_ns("a"), kStart + 29 * 3'600 * kSecond);
}

TEST(ClientsFold, NamesPastTheBoundShareOne) {
  Fixture f;
  std::vector<TestEvent> events;
  for (int i = 0; i < 100; ++i) {
    events.push_back(TestEvent("chat_completions_error", kStart)
                         .with("client", "a")
                         .with("provider", "p" + std::to_string(i))
                         .with("outcome", "error"));
  }
  f.take(events);
  const auto hour = f.fold.use("a")->hours().back();
  EXPECT_EQ(hour.providers.size(), 32u);
  std::uint64_t sum = 0;
  for (const auto& [name, share] : hour.providers) sum += share.requests;
  EXPECT_EQ(sum, 100u);
  EXPECT_EQ(hour.providers.at("__other__").requests, 69u);
}

TEST(ClientsFold, KnowsHowLongOutputsUsuallyAre) {
  Fixture f;
  SeededRandom random(9);
  std::vector<std::int64_t> sizes;
  std::vector<TestEvent> events;
  for (int i = 0; i < 1'000; ++i) {
    sizes.push_back(static_cast<std::int64_t>(random.below(4'000)));
    events.push_back(ended("a", kStart + i * kSecond).with("output_tokens", sizes.back()));
  }
  for (int i = 0; i < 5; ++i) {
    events.push_back(TestEvent("chat_completion_success", kStart)
                         .with("model", "seldom")
                         .with("outcome", "ok")
                         .with("output_tokens", 5));
  }
  f.take(events);
  std::sort(sizes.begin(), sizes.end());
  const auto truth = sizes[989];
  const auto p99 = f.fold.usual_outputs(kStart + 3'600 * kSecond);
  ASSERT_TRUE(p99.contains("gpt-4o-mini"));
  EXPECT_GE(p99.at("gpt-4o-mini"), truth);
  EXPECT_LE(p99.at("gpt-4o-mini"), truth + truth / 8 + 1);
  EXPECT_FALSE(p99.contains("seldom")) << "too few to say";
  EXPECT_TRUE(f.fold.usual_outputs(kStart + 26 * 3'600 * kSecond).empty()) << "a day later";
}

TEST(ClientsFold, IsAPureFunctionOfItsSnapshotAndTheRecords) {
  Batches batches(testing::gateway_catalogue());
  SeededRandom random(1);
  std::vector<journal::Reader::Batch> all;
  Nanos at = kStart;
  for (int b = 0; b < 8; ++b) {
    std::vector<TestEvent> events;
    for (int i = 0; i < 6; ++i) {
      at += static_cast<Nanos>(random.below(900)) * kSecond;
      const auto client = "c" + std::to_string(random.below(3));
      const auto id = "r" + std::to_string(random.below(4));
      if (random.below(2) == 0) {
        events.push_back(started(client, at, id, static_cast<std::int64_t>(random.below(1'000))));
      } else {
        events.push_back(ended(client, at, id).with("output_tokens", 7).with("total_tokens", 9));
      }
    }
    all.push_back(batches.make(events, at));
  }
  EXPECT_EQ(journal::check_fold_is_pure([] { return std::make_unique<ClientsFold>(); }, all), "");
}

TEST(ClientsFold, DamagedOrNewerSnapshotsAreRefused) {
  Fixture f;
  f.take({ended("a", kStart).with("output_tokens", 7), started("a", kStart, "x", 5)});
  std::string good;
  f.fold.save(good);
  ClientsFold other;
  ASSERT_TRUE(other.load(good));
  for (std::size_t size = 0; size < good.size(); ++size) {
    ASSERT_FALSE(other.load(Bytes(good).substr(0, size))) << size;
  }
  EXPECT_EQ(other.load(good + "x").error().code, Code::kCorrupt);
  EXPECT_EQ(other.load("\x09" + good.substr(1)).error().code, Code::kVersion);
  EXPECT_EQ(other.spending("a").requests.sum(kStart / kSecond), 1) << "the state before stays";
}

}  // namespace
}  // namespace sightglass::control
