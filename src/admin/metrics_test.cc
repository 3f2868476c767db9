#include "admin/metrics.h"

#include <gtest/gtest.h>

#include "admin/reconcile.h"
#include "admin/times.h"

namespace sightglass::admin {
namespace {

store::Aggregate printed() {
  store::Aggregate numbers;
  numbers.requests = 1000;
  numbers.ok = 980;
  numbers.errors = 20;
  numbers.total_tokens = 50'000;
  numbers.cost_nanousd = 25'500'000'000;
  numbers.average_latency_ms = 150.5;
  numbers.last_request_ns = 1'700'001'000 * kSecond;
  numbers.distinct_clients = 5;
  numbers.distinct_providers = 3;
  return numbers;
}

// The Administration seed prints these keys in this order; ours stand behind them.
TEST(AdminMetrics, AClientsNumbersAreAsPrinted) {
  EXPECT_EQ(
      client_json("client-123", printed())
          .rfind(
              R"({"client_id":"client-123","total_requests":1000,"total_tokens":50000,"total_cost":25.5,)"
              R"("success_rate":0.98,"avg_latency":150.5,"last_request_time":1700001000,)",
              0),
      0u);
}

TEST(AdminMetrics, AProvidersNumbersAreAsPrinted) {
  EXPECT_EQ(
      provider_json("openai", printed())
          .rfind(
              R"({"provider_id":"openai","total_requests":1000,"total_tokens":50000,"total_cost":25.5,)"
              R"("success_rate":0.98,"avg_latency":150.5,"error_count":20,)",
              0),
      0u);
}

TEST(AdminMetrics, TheGlobalNumbersAreAsPrinted) {
  EXPECT_EQ(
      global_json(printed()).rfind(
          R"({"total_clients":5,"total_providers":3,"total_requests":1000,"total_tokens":50000,)"
          R"("total_cost":25.5,"overall_success_rate":0.98,"avg_latency":150.5,)",
          0),
      0u);
}

TEST(AdminMetrics, SeriesAreAsPrinted) {
  store::Queries::Series series;
  series.latency_ms = {{1'700'000'100, 150.5}, {1'700'000'200, 120.2}};
  series.tokens = {{1'700'000'100, 1000}, {1'700'000'200, 1200}};
  EXPECT_EQ(
      series_json(series),
      R"({"latency":{"points":[{"timestamp":1700000100,"value":150.5},{"timestamp":1700000200,"value":120.2}]},)"
      R"("tokens":{"points":[{"timestamp":1700000100,"value":1000},{"timestamp":1700000200,"value":1200}]}})");
}

TEST(AdminMetrics, NobodysNumbersAreZerosAndNoDivisionByZero) {
  EXPECT_NE(client_json("nobody", {}).find(R"("success_rate":0,"avg_latency":0,)"),
            std::string::npos);
}

TEST(AdminMetrics, TheDefaultStepGivesAtMost360Points) {
  for (const Nanos span : {kSecond, 3'600 * kSecond, 86'400 * kSecond, 90 * 86'400 * kSecond,
                           20'000 * 86'400 * kSecond}) {
    const auto step = default_step({0, span});
    EXPECT_LE(span / step, 360);
    EXPECT_EQ(step % kSecond, 0);
  }
}

constexpr Nanos kNow = 1'700'003'600 * kSecond + 5;

TEST(AdminTimes, TakesUnixSecondsAsPrinted) {
  const auto range = parse_range("start=1700000000&end=1700003600", kNow, kSecond);
  ASSERT_TRUE(range.has_value());
  EXPECT_EQ(range->start_ns, 1'700'000'000 * kSecond);
  EXPECT_EQ(range->end_ns, 1'700'003'600 * kSecond);
}

TEST(AdminTimes, AMissingEndMeansNowAndAMissingStartTheWindow) {
  const auto range = parse_range("", kNow, 3'600 * kSecond);
  ASSERT_TRUE(range.has_value());
  EXPECT_GT(range->end_ns, kNow);
  EXPECT_EQ(range->end_ns - range->start_ns, 3'600 * kSecond);
  EXPECT_TRUE(parse_range("start=1700000000", kNow, kSecond).has_value());
}

TEST(AdminTimes, TakesFractions) {
  EXPECT_EQ(parse_range("start=1700000000.25", kNow, kSecond)->start_ns,
            1'700'000'000 * kSecond + kSecond / 4);
}

TEST(AdminTimes, RefusesWhatIsNoTime) {
  for (const char* query : {"start=abc", "start=-1", "end=1e300", "start=nan", "start=5&end=3",
                            "start=5&end=5", "start=1700000000x"}) {
    EXPECT_FALSE(parse_range(query, kNow, kSecond).has_value()) << query;
  }
}

TEST(AdminTimes, NamesTheNearestParameter) {
  const auto status = refuse_unknown_parameters("strat=1", {"start", "end"});
  ASSERT_FALSE(status.has_value());
  EXPECT_NE(status.error().message.find("'start'"), std::string::npos);
  EXPECT_TRUE(refuse_unknown_parameters("start=1&end=2", {"start", "end"}).has_value());
}

TEST(Reconciliation, AgreesOnlyWhenAllAnsweredTheSame) {
  Reconciliation result;
  EXPECT_FALSE(result.agree());  // nobody said anything
  result.events = EventSum{};    // of none, which holds
  result.witnesses = {{"meter", {2, 10, 5, 7, 0}}, {"store", {2, 10, 5, 7, 0}}};
  EXPECT_TRUE(result.agree());
  result.witnesses[1].totals.cost_nanousd = 8;
  EXPECT_FALSE(result.agree());
  result.witnesses[1].totals.cost_nanousd = 7;
  result.silent = {"logs"};
  EXPECT_FALSE(result.agree());
}

}  // namespace
}  // namespace sightglass::admin
