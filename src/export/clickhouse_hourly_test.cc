#include "export/clickhouse_hourly.h"

#include <gtest/gtest.h>

#include <random>

#include "../tests/support/batches.h"
#include "base/log_bucket.h"
#include "export/fake_clickhouse.h"
#include "export/hourly.h"

namespace sightglass::exporting {
namespace {

using Kind = Verdict::Kind;
using testing::Batches;
using testing::TestEvent;

constexpr Nanos kAccepted = 1'700'000'005 * kSecond;
constexpr Nanos kHour = 3'600 * kSecond;

// Request n, at position n: n input tokens, n milliseconds, accepted in second n.
std::string request(std::int64_t n) {
  static const Batches batches(testing::gateway_catalogue());
  return batches.encode(TestEvent("chat_completion_success", kAccepted + n * kHour / 4)
                            .with("provider", n % 2 == 0 ? "openai" : "anthropic")
                            .with("outcome", n % 5 == 0 ? "error" : "ok")
                            .with("input_tokens", n)
                            .with("cost_nanousd", n * 1'000)
                            .with("latency_us", n * 1'000));
}

class Target {
 public:
  explicit Target(const FakeClickHouse& fake, std::int64_t quorum = 1) {
    static const SystemClock clock;
    ClickHouseOptions options;
    options.replicas = {fake.url()};
    options.gateway = "gw-1";
    options.quorum = quorum;
    options.timeout_ns = 5 * kSecond;
    auto made = make_clickhouse_hourly(options, clock);
    EXPECT_TRUE(made) << made.error().message;
    to_ = std::move(*made);
    to_->use(testing::gateway_catalogue());
  }
  Verdict send(std::int64_t from, std::int64_t to, Nanos accepted = kAccepted) {
    to_->clear();
    for (auto n = from; n <= to; ++n) {
      to_->append(request(n), static_cast<journal::Position>(n), accepted + n * kSecond);
    }
    return to_->send(0, to_->count());
  }

 private:
  std::unique_ptr<Destination> to_;
};

FakeClickHouse::Act lost() { return {true, ""}; }

TEST(ClickHouseHourly, ABatchIsOneBlockOfTheSumsOfItsRequests) {
  FakeClickHouse fake(nullptr, hourly_columns());
  EXPECT_EQ(Target(fake).send(1, 8).kind, Kind::kTaken);
  EXPECT_EQ(fake.inserts(), 1);
  EXPECT_NE(fake.heads().back().find("query_id=sightglass_hourly-gw-1-1-8&"), std::string::npos);
  EXPECT_EQ(fake.sum("requests"), 8);
  EXPECT_EQ(fake.sum("errors"), 1);
  EXPECT_EQ(fake.sum("input_tokens"), 36);
  EXPECT_EQ(fake.sum("cost_nanousd"), 36'000);
  EXPECT_EQ(fake.sum("latency_us"), 36'000);
  EXPECT_EQ(fake.sum("timed_requests"), 8);
  for (const auto& row : fake.rows()) {
    EXPECT_EQ(row.at("pos"), "8");
    EXPECT_EQ(row.at("accept_time_ns"), std::to_string(kAccepted + 8 * kSecond));
    EXPECT_EQ(std::stoll(row.at("hour")) % 3'600, 0);
  }
}

TEST(ClickHouseHourly, LatenciesAreCountedByBucket) {
  FakeClickHouse fake(nullptr, hourly_columns());
  EXPECT_EQ(Target(fake).send(7, 7).kind, Kind::kTaken);
  ASSERT_EQ(fake.rows().size(), 1u);
  const auto row = fake.rows().front();
  EXPECT_EQ(row.at("latency.bucket"), std::to_string(log_bucket(7'000)));
  EXPECT_EQ(row.at("latency.count"), "1");
  EXPECT_EQ(row.at("latency_max_us"), "7000");
  EXPECT_NEAR(middle_of_bucket(log_bucket(7'000)), 7'000, 70);
}

TEST(ClickHouseHourly, ABlockWhoseAnswerIsLostIsThereOnce) {
  FakeClickHouse fake([](const auto& r) { return r.number == 1 ? lost() : FakeClickHouse::Act{}; },
                      hourly_columns());
  fake.deduplicate(false);
  Target target(fake);
  EXPECT_EQ(target.send(1, 8).kind, Kind::kRetry);
  EXPECT_EQ(target.send(1, 8).kind, Kind::kTaken);
  EXPECT_EQ(fake.inserts(), 1);
  EXPECT_EQ(fake.sum("requests"), 8);
}

TEST(ClickHouseHourly, OfAShiftedBlockOnlyWhatIsNotSummedIsSent) {
  FakeClickHouse fake(nullptr, hourly_columns());
  EXPECT_EQ(Target(fake).send(1, 8).kind, Kind::kTaken);
  EXPECT_EQ(Target(fake).send(5, 13).kind, Kind::kTaken);
  EXPECT_EQ(Target(fake).send(2, 6).kind, Kind::kTaken);  // as after the loss of the cursor
  EXPECT_EQ(fake.sum("requests"), 13);
  EXPECT_EQ(fake.sum("input_tokens"), 91);
}

TEST(ClickHouseHourly, SumsOfAnotherJournalUnderTheSameNameStopIt) {
  FakeClickHouse fake(nullptr, hourly_columns());
  EXPECT_EQ(Target(fake).send(1, 8).kind, Kind::kTaken);
  EXPECT_EQ(Target(fake).send(1, 20, kAccepted + 1).reason, Reason::kForeign);
  EXPECT_EQ(Target(fake).send(7, 20, kAccepted + 1).reason, Reason::kForeign);
  EXPECT_EQ(fake.sum("requests"), 8);
}

TEST(ClickHouseHourly, WhileAnInsertStillRunsNothingIsSent) {
  FakeClickHouse fake(nullptr, hourly_columns());
  fake.running(1);
  EXPECT_EQ(Target(fake).send(1, 8).reason, Reason::kBusy);
  EXPECT_EQ(fake.inserts(), 0);
}

TEST(ClickHouseHourly, ATableOfRowsIsNone) {
  FakeClickHouse fake;
  EXPECT_EQ(Target(fake).send(1, 8).reason, Reason::kSchema);
}

// Whatever is lost, cut anew or sent again from the first record on, the sums are the tally.
TEST(ClickHouseHourly, WhateverHappensEachRequestIsSummedOnce) {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    std::mt19937 random(seed);
    FakeClickHouse fake(
        [seed](const FakeClickHouse::Request& r) {  // on a thread of its own
          const auto fate = std::mt19937(seed * 1'000 + static_cast<unsigned>(r.number))();
          if (r.number == 0 || fate % 3 != 0) return FakeClickHouse::Act{};
          return FakeClickHouse::Act{fate % 2 == 0, FakeInflux::answer(500)};
        },
        hourly_columns());
    fake.deduplicate(false);
    auto target = std::make_unique<Target>(fake);
    constexpr std::int64_t kAll = 60;
    std::int64_t at = 1;
    while (at <= kAll) {
      const auto to = std::min<std::int64_t>(at + random() % 9, kAll);
      if (target->send(at, to).kind == Kind::kTaken) at = to + 1;
      if (random() % 6 == 0) target = std::make_unique<Target>(fake);
      if (random() % 12 == 0) {  // and the cursor is gone
        target = std::make_unique<Target>(fake);
        at = 1 + static_cast<std::int64_t>(random() % static_cast<unsigned>(at));
      }
    }
    EXPECT_EQ(fake.sum("requests"), kAll) << "seed " << seed;
    EXPECT_EQ(fake.sum("input_tokens"), kAll * (kAll + 1) / 2) << "seed " << seed;
  }
}

}  // namespace
}  // namespace sightglass::exporting
