// The store as its users see it, on a real disk with the real engine, held against plain C++.
#include "store/store.h"

#include <gtest/gtest.h>

#include <fstream>
#include <span>
#include <thread>

#include "base/crc32c.h"
#include "store/duckdb.h"
#include "store/sample_rows.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

constexpr Range kEver{0, 4'000'000'000 * kSecond};

class StoreTest : public testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    auto store = Store::open(options_, fs_, clock_, telemetry_, log_);
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  std::uint64_t counted(const std::string& name) {
    double out = 0;
    for (const auto& family : telemetry_.collect()) {
      if (family.name != name) continue;
      for (const auto& sample : family.samples) out += sample.value;
    }
    return static_cast<std::uint64_t>(out);
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 1000};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
};

void expect_equal(const Aggregate& got, const Aggregate& want) {
  EXPECT_EQ(got.requests, want.requests);
  EXPECT_EQ(got.ok, want.ok);
  EXPECT_EQ(got.errors, want.errors);
  EXPECT_EQ(got.rejected, want.rejected);
  EXPECT_EQ(got.client_gone, want.client_gone);
  EXPECT_EQ(got.unpriced, want.unpriced);
  EXPECT_EQ(got.total_tokens, want.total_tokens);
  EXPECT_EQ(got.cost_nanousd, want.cost_nanousd);
  EXPECT_EQ(got.average_latency_ms, want.average_latency_ms);
  EXPECT_EQ(got.last_request_ns, want.last_request_ns);
  EXPECT_EQ(got.distinct_clients, want.distinct_clients);
  EXPECT_EQ(got.distinct_providers, want.distinct_providers);
  EXPECT_EQ(got.success_rate(), want.success_rate());
}

void expect_equal(const std::vector<Point>& got, const std::vector<Point>& want) {
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_EQ(got[i].timestamp_s, want[i].timestamp_s);
    EXPECT_EQ(got[i].value, want[i].value);
  }
}

// S4-F02, S4-B34: by every dimension, with and without those that a file may lack.
void expect_groups_conform(Store& store, const std::vector<sample::Row>& rows,
                           std::span<const Range> ranges) {
  using enum Dimension;
  const GroupQuery queries[] = {
      {},
      {.by = {kProvider}},
      {.by = {kKey, kClient}},
      {.by = {kClient, kProvider, kModel, kKey}},
      {.by = {kModel}, .only = {{kProvider, "anthropic"}, {kClient, "client-3"}}},
      {.by = {kProvider}, .only = {{kKey, "openai-0123456789abcdef"}}},
      {.by = {kModel}, .only = {{kKey, "' OR 1=1 --"}}}};
  for (const auto& range : ranges) {
    for (auto query : queries) {
      query.range = range;
      const auto got = store.queries().groups(query);
      ASSERT_TRUE(got.has_value()) << got.error().message;
      const auto want = sample::groups(rows, query);
      ASSERT_EQ(got->size(), want.size());
      for (std::size_t i = 0; i < want.size(); ++i) {
        EXPECT_EQ((*got)[i].values, want[i].values);
        EXPECT_EQ((*got)[i].requests, want[i].requests);
        EXPECT_EQ((*got)[i].total_tokens, want[i].total_tokens);
        EXPECT_EQ((*got)[i].cost_nanousd, want[i].cost_nanousd);
      }
    }
  }
}

// Every kind of question about `rows`, against the plain evaluator.
void expect_conforms(Store& store, const std::vector<sample::Row>& rows) {
  const auto first = rows.front().time_ns, last = rows.back().time_ns;
  const Range ranges[] = {kEver,
                          {first, last},
                          {first + (last - first) / 3, last + 1},
                          {last + 1, last + kSecond},
                          {last, first}};
  const Filter filters[] = {{},
                            {.client = "client-3"},
                            {.provider = "anthropic"},
                            {.client = "client-7", .provider = "openai"},
                            {.client = "' OR 1=1 --"}};
  for (const auto& range : ranges) {
    for (const auto& filter : filters) {
      const auto got = store.queries().aggregate(range, filter);
      ASSERT_TRUE(got.has_value()) << got.error().message;
      expect_equal(*got, sample::aggregate(rows, range, filter));
    }
  }
  for (const auto step : {kSecond, 7 * kSecond}) {
    const Range range{first / kSecond * kSecond, last + 1};
    const auto got = store.queries().series(range, step);
    ASSERT_TRUE(got.has_value()) << got.error().message;
    const auto want = sample::series(rows, range, step);
    expect_equal(got->tokens, want.tokens);
    expect_equal(got->latency_ms, want.latency_ms);
    expect_equal(got->cost_usd, want.cost_usd);
  }
  expect_groups_conform(store, rows, ranges);
  EXPECT_EQ(store.totals(), sample::totals(rows));
}

// S4-B01 and the Administration seed's client, provider and global numbers.
TEST_F(StoreTest, AnswersFromTheTailAsThePlainEvaluatorDoes) {
  options_.seal_rows = 1 << 20;
  const auto store = open();
  const auto rows = sample::rows(3000);
  sample::feed(*store, catalogue_, rows);
  EXPECT_EQ(store->health().files, 0u);
  expect_conforms(*store, rows);
}

TEST_F(StoreTest, AnswersFromFilesAsThePlainEvaluatorDoes) {
  const auto store = open();
  const auto rows = sample::rows(5000);
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  EXPECT_EQ(store->health().tail_rows, 0u);
  EXPECT_GE(store->health().files, 3u);
  expect_conforms(*store, rows);
}

TEST_F(StoreTest, AnswersFromFilesAndTailTogetherAsThePlainEvaluatorDoes) {
  const auto store = open();
  const auto rows = sample::rows(5000, 7);
  sample::feed(*store, catalogue_, rows, 37);
  EXPECT_TRUE(store->health().ok);
  expect_conforms(*store, rows);
}

TEST_F(StoreTest, AnswersNothingFromAnEmptyHistory) {
  const auto store = open();
  const auto got = store->queries().aggregate(kEver, {});
  ASSERT_TRUE(got.has_value());
  expect_equal(*got, {});
  EXPECT_EQ(got->success_rate(), 0);
  EXPECT_EQ(store->totals(), journal::Totals{});
}

TEST_F(StoreTest, SeesARowAsSoonAsItIsApplied) {
  const auto store = open();
  const auto rows = sample::rows(20);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    store->apply(sample::batch(catalogue_, rows, i, i + 1));
    const std::vector<sample::Row> so_far(rows.begin(),
                                          rows.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    const auto got = store->queries().aggregate(kEver, {});
    ASSERT_TRUE(got.has_value());
    ASSERT_EQ(got->requests, sample::aggregate(so_far, kEver, {}).requests);
  }
}

TEST_F(StoreTest, SkipsRecordsThatItHasAlready) {
  const auto store = open();
  const auto rows = sample::rows(500);
  sample::feed(*store, catalogue_, rows);
  sample::feed(*store, catalogue_, rows);
  store->apply(sample::batch(catalogue_, rows, 100, 500));
  EXPECT_EQ(store->totals(), sample::totals(rows));
}

TEST_F(StoreTest, AddsUpExactlyPastFiftyThreeBits) {
  const auto store = open();
  auto rows = sample::rows(9);
  for (auto& row : rows) {
    row.type = "stream_completed";
    row.terminal = true;
    row.texts["outcome"] = "ok";
    row.numbers["cost_nanousd"] = event::Value::integer(900'719'925'474'099'301);
  }
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  EXPECT_EQ(store->queries().aggregate(kEver, {})->cost_nanousd, 9 * 900'719'925'474'099'301);
}

TEST_F(StoreTest, SumsPast64BitsStayAtTheEndAndDoNotStopASeal) {
  const auto store = open();
  auto rows = sample::rows(2);
  for (auto& row : rows) {
    row.type = "stream_completed";
    row.terminal = true;
    row.numbers["cost_nanousd"] = event::Value::integer(INT64_MAX);
    row.numbers["input_tokens"] = event::Value::integer(INT64_MAX);
    row.numbers["cache_read_tokens"] = event::Value::integer(INT64_MAX);
  }
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  EXPECT_EQ(store->queries().aggregate(kEver, {})->cost_nanousd, INT64_MAX);
}

TEST_F(StoreTest, ReplayFromTheDurablePositionMakesTheSameRows) {
  const auto rows = sample::rows(4000);
  {
    const auto store = open();
    EXPECT_EQ(store->durable_position(), 0u);
    sample::feed(*store, catalogue_, rows);
    ASSERT_TRUE(store->seal_now().has_value());
    EXPECT_EQ(store->durable_position(), rows.back().position);
  }
  const auto more = sample::rows(6000);  // the same seed: the first 4,000 are the same
  {
    const auto store = open();
    EXPECT_EQ(store->durable_position(), rows.back().position);
    sample::feed(*store, catalogue_, more, 100, 3950);  // a batch from before the position
    store->close();                                     // what is in the tail is lost
  }
  const auto store = open();
  const auto durable = *store->durable_position();
  EXPECT_LT(durable, more.back().position);
  sample::feed(*store, catalogue_, more, 100, durable);
  expect_conforms(*store, more);
}

TEST_F(StoreTest, SealsByAgeInAcceptTime) {
  const auto store = open();
  const auto rows = sample::rows(30);
  sample::feed(*store, catalogue_, rows);
  store->idle(rows.back().time_ns + 59 * kSecond);
  EXPECT_EQ(store->durable_position(), 0u);
  store->idle(rows.back().time_ns + 61 * kSecond);
  ASSERT_TRUE(store->seal_now().has_value());  // waits for the one that is under way
  EXPECT_EQ(store->health().files, 1u);
  EXPECT_EQ(store->durable_position(), rows.back().position);
}

TEST_F(StoreTest, CoversAJournalWithoutRowsSoThatItCanBeCut) {
  const auto store = open();
  std::vector<sample::Row> starts;
  for (auto& row : sample::rows(100)) {
    if (!row.terminal) starts.push_back(row);
  }
  sample::feed(*store, catalogue_, starts);
  store->idle(starts.back().time_ns + 601 * kSecond);
  ASSERT_TRUE(store->seal_now().has_value());
  EXPECT_EQ(store->durable_position(), starts.back().position);
  EXPECT_EQ(store->health().files, 0u);
  EXPECT_TRUE(folder_.list("store/parquet").empty());
}

TEST_F(StoreTest, ALaterCataloguesFieldIsAColumnAndReadsAsNullInOlderFiles) {
  const auto store = open();
  auto rows = sample::rows(200);
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  const auto next = sample::gateway_catalogue(
      "\n---\npack: more\nversion: 1\nfields:\n  shoe_size: { kind: int, class: count }\n");
  ASSERT_NE(next->field("shoe_size"), event::kNoField);
  auto later = sample::rows(400);
  for (std::size_t i = 200; i < later.size(); ++i) {
    later[i].numbers["shoe_size"] = event::Value::integer(43);
  }
  sample::feed(*store, next, later, 100, 200);
  expect_conforms(*store, later);
  ASSERT_TRUE(store->seal_now().has_value());
  expect_conforms(*store, later);

  auto database = duck::Database::open({.temporary_directory = folder_.path() + "/t"});
  auto connection = (*database)->connect();
  const auto got =
      connection->query("SELECT count(*), sum(shoe_size) FROM read_parquet('" + folder_.path() +
                        "/store/parquet/*.parquet', union_by_name = true)");
  ASSERT_TRUE(got.has_value()) << got.error().message;
  std::int64_t all = 0, with = 0;
  for (std::size_t i = 0; i < later.size(); ++i) {
    all += later[i].terminal;
    with += later[i].terminal && i >= 200;
  }
  EXPECT_EQ(got->integer(0, 0), all);
  EXPECT_EQ(got->integer(0, 1), 43 * with);
}

TEST_F(StoreTest, EveryValueOfARowIsInTheFileAsItWas) {
  const auto store = open();
  const auto rows = sample::rows(300);
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  auto database = duck::Database::open({.temporary_directory = folder_.path() + "/t"});
  auto connection = (*database)->connect();
  for (const auto& row : rows) {
    if (!row.terminal) continue;
    std::string columns = "pos, epoch_ns(event_time), event_type, gateway, level";
    for (const auto& [name, value] : row.numbers) columns += ", " + name;
    for (const auto& [name, value] : row.texts) columns += ", " + name;
    const auto got =
        connection->query("SELECT " + columns + " FROM read_parquet('" + folder_.path() +
                          "/store/parquet/*.parquet') WHERE pos = " + std::to_string(row.position));
    ASSERT_TRUE(got.has_value()) << got.error().message;
    ASSERT_EQ(got->size(), 1u);
    EXPECT_EQ(got->integer(0, 1), row.time_ns);
    EXPECT_EQ(got->at(0, 2).text, row.type);
    EXPECT_EQ(got->at(0, 3).text, "gw-1");
    EXPECT_EQ(got->at(0, 4).text, "info");
    std::size_t column = 5;
    for (const auto& [name, value] : row.numbers) {
      EXPECT_EQ(got->integer(0, column++), value.as_int()) << name;
    }
    for (const auto& [name, value] : row.texts) EXPECT_EQ(got->at(0, column++).text, value) << name;
  }
}

// S0-B07: retention.
TEST_F(StoreTest, RetentionDropsWholeFilesAndKeepsTheirTotals) {
  options_.retention.all_ns = 3600 * kSecond;
  const auto store = open();
  const auto rows = sample::rows(600);
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  const auto files = store->health().files;
  ASSERT_GE(files, 1u);
  store->idle(rows.back().time_ns + 2 * 3600 * kSecond);
  for (int i = 0; i < 6000 && !folder_.list("store/parquet").empty(); ++i) {
    clock_.advance(61 * kSecond);
    (void)store->seal_now();
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_TRUE(folder_.list("store/parquet").empty());
  EXPECT_EQ(store->health().files, 0u);
  EXPECT_TRUE(store->queries().events({.range = kEver})->events.empty());
  EXPECT_EQ(store->queries().aggregate(kEver, {})->requests, sample::totals(rows).requests)
      << "the roll-ups still know them";
  EXPECT_EQ(store->totals(), sample::totals(rows));
}

TEST_F(StoreTest, ManySmallFilesBecomeOneWithTheSameRows) {
  const auto store = open();
  const auto rows = sample::rows(400);
  for (std::size_t i = 0; i < rows.size(); i += 20) {
    store->apply(sample::batch(catalogue_, rows, i, i + 20));
    ASSERT_TRUE(store->seal_now().has_value());
  }
  ASSERT_GE(folder_.list("store/parquet").size(), 16u);
  for (int i = 0; i < 6000 && folder_.list("store/parquet").size() > 2; ++i) {
    clock_.advance(61 * kSecond);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  EXPECT_LE(folder_.list("store/parquet").size(), 2u);
  expect_conforms(*store, rows);
  store->close();
  const auto again = open();
  expect_conforms(*again, rows);
  EXPECT_TRUE(again->health().ok) << again->health().problem;
}

TEST_F(StoreTest, ADamagedFileIsSetAsideAndReportedOnOpening) {
  const auto rows = sample::rows(3000);
  {
    const auto store = open();
    sample::feed(*store, catalogue_, rows);
    ASSERT_TRUE(store->seal_now().has_value());
  }
  const auto names = folder_.list("store/parquet");
  ASSERT_GE(names.size(), 2u);
  std::filesystem::resize_file(folder_.path() + "/store/parquet/" + names[0], 5000);
  const auto store = open();
  EXPECT_FALSE(store->health().ok);
  EXPECT_NE(store->health().problem.find("1 history file"), std::string::npos);
  EXPECT_EQ(folder_.list("store/damaged"), std::vector<std::string>{names[0]});
  EXPECT_EQ(counted("sightglass_store_damaged_files_total"), 1u);
  const auto got = store->queries().aggregate(kEver, {});
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_GT(got->requests, 0u);
  EXPECT_LT(got->requests, sample::totals(rows).requests);
  EXPECT_EQ(got->requests, store->health().rows);
}

TEST_F(StoreTest, AFileDamagedWhileItRunsIsFoundByTheQueryThatMeetsIt) {
  const auto store = open();
  const auto rows = sample::rows(3000);
  sample::feed(*store, catalogue_, rows);
  ASSERT_TRUE(store->seal_now().has_value());
  const auto names = folder_.list("store/parquet");
  {
    std::fstream file(folder_.path() + "/store/parquet/" + names[1],
                      std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-60, std::ios::end);
    file << std::string(50, '\xff');
  }
  const auto hurt = store->queries().aggregate(kEver, {});
  ASSERT_FALSE(hurt.has_value());
  EXPECT_EQ(hurt.error().code, Code::kCorrupt);
  Result<Aggregate> got = hurt;
  for (int i = 0; i < 6000 && !got; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    got = store->queries().aggregate(kEver, {});
  }
  ASSERT_TRUE(got.has_value()) << got.error().message;
  EXPECT_FALSE(store->health().ok);
  EXPECT_EQ(folder_.list("store/damaged"), std::vector<std::string>{names[1]});
}

TEST_F(StoreTest, AManifestOfANewerVersionIsRefused) {
  {
    const auto store = open();
  }
  const auto path = options_.directory + "/manifest.json";
  auto text = *read_file(fs_, path);
  const std::string version = "\"version\":2";
  text.replace(text.find(version), version.size(), "\"version\":3");
  const auto crc_at = text.rfind(",\"crc32c\":\"");
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x", crc32c(Bytes(text).substr(0, crc_at)));
  text = text.substr(0, crc_at) + ",\"crc32c\":\"" + crc + "\"}\n";
  ASSERT_TRUE(replace_file(fs_, path, text).has_value());
  const auto refused = Store::open(options_, fs_, clock_, telemetry_, log_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kVersion);
  EXPECT_EQ(*read_file(fs_, path), text) << "a refused history must not be touched";
}

TEST_F(StoreTest, ADamagedManifestIsMadeAgainFromTheFiles) {
  const auto rows = sample::rows(3000);
  {
    const auto store = open();
    sample::feed(*store, catalogue_, rows);
    ASSERT_TRUE(store->seal_now().has_value());
  }
  std::filesystem::resize_file(options_.directory + "/manifest.json", 300);
  const auto store = open();
  EXPECT_FALSE(store->health().ok);
  EXPECT_EQ(store->durable_position(), rows.back().position);
  expect_conforms(*store, rows);
}

TEST_F(StoreTest, AFolderThatTheEngineWouldTakeForAPatternIsRefused) {
  options_.directory = folder_.path() + "/st*re";
  const auto refused = Store::open(options_, fs_, clock_, telemetry_, log_);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Code::kInvalid);
}

TEST_F(StoreTest, SeriesOfTooManyOrCrookedStepsAreRefused) {
  const auto store = open();
  EXPECT_EQ(store->queries().series(kEver, kSecond).error().code, Code::kTooLarge);
  EXPECT_EQ(
      store->queries().series({INT64_MIN, INT64_MAX}, INT64_MAX / kSecond * kSecond).error().code,
      Code::kTooLarge);
  EXPECT_EQ(store->queries().series(kEver, 0).error().code, Code::kInvalid);
  EXPECT_EQ(store->queries().series(kEver, kSecond + 1).error().code, Code::kInvalid);
}

TEST_F(StoreTest, AfterCloseQueriesAreRefusedAndNothingIsTaken) {
  const auto store = open();
  const auto rows = sample::rows(10);
  store->close();
  sample::feed(*store, catalogue_, rows);
  EXPECT_EQ(store->queries().aggregate(kEver, {}).error().code, Code::kUnavailable);
  EXPECT_EQ(store->seal_now().error().code, Code::kUnavailable);
  EXPECT_EQ(store->durable_position(), 0u);
}

// S0-B08: of a sampled type one in N becomes a row, which says what it stands for; what is not kept
// is counted.
TEST_F(StoreTest, OfASampledTypeOneInNBecomesARowThatSaysSo) {
  catalogue_ = sample::gateway_catalogue(
      "---\npack: load\nversion: 1\nevents:\n"
      "  busy: { level: info, row: true, sample: 5 }\n  calm: { level: info, row: true }\n");
  auto store = open();
  journal::Reader::Batch batch;
  batch.header = {1, 2000, 5};
  batch.catalogue = catalogue_;
  sample::Row busy, calm;
  busy.type = "busy";
  calm.type = "calm";
  busy.time_ns = calm.time_ns = 1'700'000'000 * kSecond;
  batch.bytes = sample::encoded(*catalogue_, busy) + sample::encoded(*catalogue_, calm);
  const auto half = sample::encoded(*catalogue_, busy).size();
  for (journal::Position i = 1; i <= 2000; ++i) {
    const Bytes all(batch.bytes);
    batch.records.push_back(
        {i, journal::RecordKind::kEvent, i % 2 == 0 ? all.substr(0, half) : all.substr(half)});
  }
  store->apply(batch);
  const auto sealed = store->seal_now();
  ASSERT_TRUE(sealed.has_value()) << sealed.error().message;
  const auto dropped = counted("sightglass_store_rows_dropped_total");
  // Numbers made from these rows are scaled, and say so; also from rows that are not sealed yet.
  auto more = sample::encoded(*catalogue_, calm);
  journal::Reader::Batch one;
  one.header = {2001, 1, 6};
  one.catalogue = catalogue_;
  one.records.push_back({2001, journal::RecordKind::kEvent, more});
  store->apply(one);
  const auto counts = store->queries().counts(kEver);
  ASSERT_TRUE(counts.has_value()) << counts.error().message;
  ASSERT_EQ(counts->size(), 2u);
  const auto& of_busy = (*counts)[0].type == "busy" ? (*counts)[0] : (*counts)[1];
  const auto& of_calm = (*counts)[0].type == "busy" ? (*counts)[1] : (*counts)[0];
  EXPECT_EQ(of_busy.rows + dropped, 1000u);
  EXPECT_EQ(of_busy.sampled_rows, of_busy.rows);
  EXPECT_EQ(of_busy.events, 5 * of_busy.rows);
  EXPECT_EQ(of_calm.rows, 1001u);
  EXPECT_EQ(of_calm.sampled_rows, 0u);
  EXPECT_EQ(of_calm.events, 1001u);
  EXPECT_EQ(store->account().rows, of_busy.rows + of_calm.rows);
  EXPECT_EQ(store->queries().counts({0, 1})->size(), 0u);
  store->close();
  auto database = duck::Database::open({});
  ASSERT_TRUE(database.has_value());
  auto connection = (*database)->connect();
  ASSERT_TRUE(connection.has_value());
  auto rows = connection->query(
      "SELECT count(*), count(sampled_one_in), count(*) FILTER (sampled_one_in = 5) FROM "
      "read_parquet('" +
      options_.directory +
      "/**/*.parquet', union_by_name=true) GROUP BY event_type ORDER BY event_type");
  ASSERT_TRUE(rows.has_value()) << rows.error().message;
  const auto kept = static_cast<std::uint64_t>(rows->integer(0, 0));
  EXPECT_EQ(kept + dropped, 1000u);
  EXPECT_NEAR(static_cast<double>(kept), 200, 60);
  EXPECT_EQ(rows->integer(0, 2), rows->integer(0, 0));  // each kept row stands for five
  EXPECT_EQ(rows->integer(1, 0), 1000);
  EXPECT_EQ(rows->integer(1, 1), 0);
}

}  // namespace
}  // namespace sightglass::store
