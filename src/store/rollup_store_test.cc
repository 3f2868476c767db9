// Roll-ups in the store, with the real engine, held against a plain evaluator over the same rows:
// from the tail, from files, from both, and when the rows are gone.
#include <gtest/gtest.h>

#include <thread>

#include "store/sample_rows.h"
#include "store/store.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

constexpr Range kEver{0, 4'000'000'000 * kSecond};
constexpr Nanos kHour = 3600 * kSecond, kDay = 24 * kHour;

// Two days and a bit of requests, half a minute apart.
std::vector<sample::Row> rows_of_days(std::size_t count) {
  auto out = sample::rows(count, 11);
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i].time_ns = 1'700'000'000 * kSecond + static_cast<Nanos>(i) * 31 * kSecond;
  }
  return out;
}

using Cells = std::map<RollupKey, RollupCell>;

Cells evaluate(const std::vector<sample::Row>& rows, const RollupQuery& query) {
  Cells out;
  for (const auto& row : rows) {
    if (!row.terminal) continue;
    RollupKey key;
    key.start_ns = row.time_ns / step_ns(query.step) * step_ns(query.step);
    key.provider = row.text("provider");
    key.client = row.text("client");
    key.model = row.text("model");
    key.key = row.text("key");
    key.outcome = row.text("outcome");
    key.error_type = row.text("error_type");
    const auto streaming = row.numbers.find("is_streaming");
    key.streaming = streaming == row.numbers.end() ? -1 : streaming->second.as_bool() ? 1 : 0;
    if (!query.wants(key)) continue;
    auto& cell = out[key];
    ++cell.requests;
    cell.unpriced += !row.text("unpriced_reason").empty();
    const std::pair<const char*, std::int64_t RollupCell::*> sums[] = {
        {"input_tokens", &RollupCell::input_tokens},
        {"cache_read_tokens", &RollupCell::cache_read_tokens},
        {"cache_write_5m_tokens", &RollupCell::cache_write_5m_tokens},
        {"cache_write_1h_tokens", &RollupCell::cache_write_1h_tokens},
        {"output_tokens", &RollupCell::output_tokens},
        {"total_tokens", &RollupCell::total_tokens},
        {"cost_nanousd", &RollupCell::cost_nanousd},
        {"latency_us", &RollupCell::latency_us}};
    for (const auto& [name, member] : sums) cell.*member += row.number(name).value_or(0);
    const std::pair<const char*, std::uint64_t RollupCell::*> counts[] = {
        {"input_tokens", &RollupCell::input_values},
        {"cache_read_tokens", &RollupCell::cache_read_values},
        {"cache_write_5m_tokens", &RollupCell::cache_write_5m_values},
        {"cache_write_1h_tokens", &RollupCell::cache_write_1h_values},
        {"output_tokens", &RollupCell::output_values},
        {"total_tokens", &RollupCell::total_values},
        {"cost_nanousd", &RollupCell::cost_values}};
    for (const auto& [name, member] : counts) cell.*member += row.number(name).has_value();
    if (const auto latency = row.number("latency_us")) {
      ++cell.timed;
      cell.latency.add(static_cast<double>(*latency));
    }
    cell.last_ns = std::max(cell.last_ns, row.time_ns);
  }
  return out;
}

class RollupStoreTest : public testing::Test {
 protected:
  void open() {
    store_.reset();
    store_ = *Store::open(options_, fs_, clock_, telemetry_, log_);
  }
  template <typename Done>
  void wait_until(Nanos accept_ns, Done done) {
    store_->idle(accept_ns);
    for (int i = 0; i < 6000 && !done(); ++i) {
      clock_.advance(61 * kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    EXPECT_TRUE(done());
  }
  void expect_rollups(const std::vector<sample::Row>& rows, RollupStep step) {
    const auto middle = begin_of(rows[rows.size() / 2].time_ns, kDay);
    std::vector<RollupQuery> queries(5);
    queries[1].provider = "anthropic";
    queries[1].outcome = "ok";
    queries[2].client = "client-3";
    queries[2].streaming = true;
    queries[3].error_type = "provider_server_error";
    queries[4].client = "";  // requests without one
    for (auto query : queries) {
      query.step = step;
      for (const auto& range : {Range{0, kEver.end_ns}, Range{middle, middle + kDay}}) {
        query.start_ns = range.start_ns;
        query.end_ns = range.end_ns;
        const auto got = store_->queries().rollups(query);
        ASSERT_TRUE(got.has_value()) << got.error().message;
        const auto want = evaluate(rows, query);
        ASSERT_FALSE(want.empty());
        ASSERT_EQ(got->cells().size(), want.size()) << step_name(step);
        EXPECT_EQ(got->cells(), want) << step_name(step);
      }
    }
  }
  void expect_aggregates(const std::vector<sample::Row>& rows) {
    const auto first = begin_of(rows.front().time_ns, kDay);
    for (const auto& range :
         {kEver, Range{first, first + kDay}, Range{first + kDay, kEver.end_ns}}) {
      for (const auto& filter :
           {Filter{}, Filter{.client = "client-3"}, Filter{.provider = "openai"},
            Filter{.client = "client-7", .provider = "anthropic"}}) {
        const auto got = store_->queries().aggregate(range, filter);
        ASSERT_TRUE(got.has_value()) << got.error().message;
        const auto want = sample::aggregate(rows, range, filter);
        EXPECT_EQ(got->requests, want.requests);
        EXPECT_EQ(got->ok, want.ok);
        EXPECT_EQ(got->errors, want.errors);
        EXPECT_EQ(got->rejected, want.rejected);
        EXPECT_EQ(got->client_gone, want.client_gone);
        EXPECT_EQ(got->unpriced, want.unpriced);
        EXPECT_EQ(got->total_tokens, want.total_tokens);
        EXPECT_EQ(got->cost_nanousd, want.cost_nanousd);
        EXPECT_DOUBLE_EQ(got->average_latency_ms, want.average_latency_ms);
        EXPECT_EQ(got->last_request_ns, want.last_request_ns);
        EXPECT_EQ(got->distinct_clients, want.distinct_clients);
        EXPECT_EQ(got->distinct_providers, want.distinct_providers);
      }
    }
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 1000};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
  std::unique_ptr<Store> store_;
};

TEST_F(RollupStoreTest, EqualAPlainEvaluatorFromTailFromFilesAndFromBoth) {
  const auto rows = rows_of_days(6000);
  const std::vector<sample::Row> part(rows.begin(), rows.begin() + 700);
  open();
  sample::feed(*store_, catalogue_, part);
  EXPECT_EQ(store_->health().files, 0u);
  ASSERT_NO_FATAL_FAILURE(expect_rollups(part, RollupStep::kHour)) << "from the tail";
  sample::feed(*store_, catalogue_, rows, 100, 700);
  EXPECT_GT(store_->health().files, 0u);
  EXPECT_GT(store_->health().tail_rows, 0u);
  for (const auto step : kRollupSteps) {
    ASSERT_NO_FATAL_FAILURE(expect_rollups(rows, step)) << "from both";
  }
  ASSERT_TRUE(store_->seal_now().has_value());
  open();
  for (const auto step : kRollupSteps) {
    ASSERT_NO_FATAL_FAILURE(expect_rollups(rows, step)) << "from files";
  }
}

TEST_F(RollupStoreTest, AnswerForRowsThatHaveExpired) {
  options_.retention.all_ns = 12 * kHour;
  open();
  const auto rows = rows_of_days(6000);
  sample::feed(*store_, catalogue_, rows);
  ASSERT_TRUE(store_->seal_now().has_value());
  const auto sealed = store_->health().rows;
  // Some of the rows: what is left and what is gone add up.
  wait_until(rows.back().time_ns, [&] { return store_->health().rows < sealed; });
  EXPECT_GT(store_->health().rows, 0u);
  expect_aggregates(rows);
  for (const auto step : kRollupSteps) expect_rollups(rows, step);
  // All of them.
  wait_until(rows.back().time_ns + kDay, [&] { return store_->health().rows == 0; });
  expect_aggregates(rows);
  for (const auto step : kRollupSteps) expect_rollups(rows, step);
  EXPECT_EQ(store_->totals(), sample::totals(rows));
}

// Minutes and hours have limits of their own; whole days are exact when only days are left.
TEST_F(RollupStoreTest, TheOldestPartIsAnsweredFromLongerSteps) {
  options_.retention.all_ns = 6 * kHour;
  options_.retention.minutes_ns = 12 * kHour;
  options_.retention.hours_ns = kDay;
  open();
  const auto rows = rows_of_days(6000);
  sample::feed(*store_, catalogue_, rows);
  ASSERT_TRUE(store_->seal_now().has_value());
  const auto files = [&](const std::string& step) {
    std::size_t n = 0;
    for (const auto& name : folder_.list("store/rollup")) n += name.starts_with(step + "-");
    return n;
  };
  wait_until(rows.back().time_ns, [&] { return files("minute") <= 14 && files("hour") <= 2; });
  EXPECT_GT(files("day"), 0u);
  expect_aggregates(rows);
  expect_rollups(rows, RollupStep::kDay);
}

TEST_F(RollupStoreTest, ADamagedRollUpIsReportedAndMadeAgain) {
  open();
  const auto rows = rows_of_days(3000);
  sample::feed(*store_, catalogue_, rows);
  ASSERT_TRUE(store_->seal_now().has_value());
  std::string hurt;
  for (const auto& name : folder_.list("store/rollup")) {
    if (name.starts_with("hour-")) hurt = name;
  }
  ASSERT_TRUE(
      replace_file(fs_, options_.directory + "/rollup/" + hurt, "not a roll-up").has_value());
  RollupQuery query;
  query.end_ns = kEver.end_ns;
  query.step = RollupStep::kHour;
  const auto refused = store_->queries().rollups(query);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kCorrupt);
  wait_until(rows.back().time_ns, [&] { return store_->queries().rollups(query).has_value(); });
  EXPECT_FALSE(store_->health().ok);
  expect_rollups(rows, RollupStep::kHour);
}

}  // namespace
}  // namespace sightglass::store
