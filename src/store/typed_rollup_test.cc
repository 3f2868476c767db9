// Typed queries from roll-ups: the conformance suite with steps long enough for them, random
// questions over random rows against single rows, and what is answered when the rows are gone.
#include <gtest/gtest.h>

#include <filesystem>
#include <thread>

#include "store/offline.h"
#include "store/store.h"
#include "store/test_folder.h"
#include "store/typed_conformance.h"

namespace sightglass::store {
namespace {

using conformance::expect_answers;
using Source = Answer::Source;

constexpr Nanos kMinute = 60 * kSecond, kHour = 60 * kMinute, kDay = 24 * kHour;
constexpr std::int64_t kFactors[] = {60, 3'600, 86'400};  // seconds become minutes, hours, days

class TypedRollupTest : public testing::Test {
 protected:
  void open() {
    store_.reset();
    auto store = Store::open(options_, fs_, clock_, telemetry_, log_);
    ASSERT_TRUE(store.has_value()) << store.error().message;
    store_ = std::move(*store);
  }
  void seal(const std::vector<sample::Row>& rows) {
    sample::feed(*store_, catalogue_, rows);
    ASSERT_TRUE(store_->seal_now().has_value());
  }
  template <typename Done>
  void wait_until(Nanos accept_ns, Done done) {
    store_->idle(accept_ns);
    for (int i = 0; i < 800 && !done(); ++i) {
      clock_.advance(61 * kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    EXPECT_TRUE(done());
  }
  TypedQuery query(const std::string& stat, const std::string& group_by, Range range,
                   Nanos step_ns = 0) {
    TypedQuery out;
    out.range = range;
    out.group_by = parse_names(group_by);
    out.step_ns = step_ns;
    EXPECT_TRUE(parse_measures(stat, out.measures).has_value());
    return out;
  }
  Answer ask(const TypedQuery& query) {
    const auto plan = TypedPlan::make(query, catalogue_);
    EXPECT_TRUE(plan.has_value()) << plan.error().message;
    auto got = store_->typed_queries().answer(*plan);
    EXPECT_TRUE(got.has_value()) << got.error().message;
    return got ? std::move(*got) : Answer();
  }
  Source conforms(const std::vector<sample::Row>& rows, const TypedQuery& query) {
    return expect_answers(store_->typed_queries(), rows, catalogue_, query);
  }
  static Range whole_days(const std::vector<sample::Row>& rows) {
    return {begin_of(rows.front().time_ns, kDay), begin_of(rows.back().time_ns, kDay) + kDay};
  }
  // The newest: those it replaced may still be there.
  std::string some_file(const std::string& folder, const std::string& beginning) {
    std::string found;
    for (const auto& name : folder_.list("store/" + folder)) {
      if (name.starts_with(beginning)) found = std::max(found, name);
    }
    EXPECT_FALSE(found.empty()) << "no " << beginning << " in " << folder;
    return options_.directory + "/" + folder + "/" + found;
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 700};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = conformance::catalogue();
  std::unique_ptr<Store> store_;
};

TEST_F(TypedRollupTest, TheSuiteIsAnsweredFromSealedFilesAndTheirRollUps) {
  for (const auto factor : kFactors) {
    std::filesystem::remove_all(options_.directory);
    open();
    const auto rows = conformance::spread(conformance::rows(400), factor);
    seal(rows);
    const auto sources =
        conformance::expect_conforms(store_->typed_queries(), rows, catalogue_, factor);
    EXPECT_GT(sources.both + sources.rollups, 60u) << "questions of " << factor;
    EXPECT_GT(sources.rows, 60u);
    if (HasFatalFailure()) return;
  }
}

TEST_F(TypedRollupTest, TheSuiteIsAnsweredFromRollUpsAndTheTail) {
  options_.seal_rows = 1 << 20;
  options_.seal_age_ns = 4'000 * kDay;
  open();
  const auto rows = conformance::spread(conformance::rows(400), 3'600);
  const auto half = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  seal({rows.begin(), half});
  sample::feed(*store_, catalogue_, rows, 100, rows.size() / 2);
  ASSERT_GT(store_->health().tail_rows, 0u);
  const auto sources =
      conformance::expect_conforms(store_->typed_queries(), rows, catalogue_, 3'600);
  EXPECT_GT(sources.both, 30u);
}

TEST_F(TypedRollupTest, TheSuiteIsAnsweredOfflineFromRollUps) {
  open();
  const auto rows = conformance::spread(conformance::rows(300), 3'600);
  seal(rows);
  store_.reset();
  const auto files = OfflineQueries::open(options_.directory, fs_, clock_, telemetry_);
  ASSERT_TRUE(files.has_value()) << files.error().message;
  const auto sources = conformance::expect_conforms(**files, rows, catalogue_, 3'600);
  EXPECT_GT(sources.both + sources.rollups, 60u);
}

// ---- random questions over random rows ----------------------------------------------------------

// Over three days, with every kind of missing, empty and negative value.
std::vector<sample::Row> random_rows(SeededRandom& random) {
  auto rows = sample::rows(500, random.below(1'000'000));
  for (auto& row : rows) {
    row.time_ns = 1'700'010'000 * kSecond +
                  static_cast<Nanos>(row.position * 518 + random.below(200)) * kSecond +
                  static_cast<Nanos>(random.below(1'000'000'000));
    if (!row.terminal) continue;
    for (const auto* name :
         {"latency_us", "cost_nanousd", "output_tokens", "cache_read_tokens", "is_streaming"}) {
      if (random.below(6) == 0) row.numbers.erase(name);
    }
    if (random.below(9) == 0) {
      row.numbers["latency_us"] =
          event::Value::integer(static_cast<std::int64_t>(random.below(5'000)) - 2'500);
    }
    if (random.below(9) == 0) row.numbers["output_tokens"] = event::Value::integer(-7);
    for (const auto* name : {"client", "model", "outcome", "key", "provider"}) {
      if (random.below(15) == 0) row.texts.erase(name);
      if (random.below(15) == 0) row.texts[name] = "";
      if (random.below(15) == 0) row.texts[name] = "it's \"quoted\" *";
    }
  }
  return rows;
}

template <std::size_t N>
const char* one_of(SeededRandom& random, const char* const (&of)[N]) {
  return of[random.below(N)];
}

TypedQuery random_query(SeededRandom& random, Range range) {
  constexpr const char* kNames[] = {"provider", "client",     "model",       "key",
                                    "outcome",  "error_type", "is_streaming"};
  constexpr const char* kFields[] = {"input_tokens",  "cache_read_tokens", "cache_write_5m_tokens",
                                     "output_tokens", "total_tokens",      "cost_nanousd",
                                     "latency_us"};
  constexpr const char* kFilters[] = {
      "",
      "",
      "{ $.provider = \"openai\" }",
      "{ $.model = \"gpt-4o*\" && $.outcome != \"ok\" }",
      "{ $.client NOT EXISTS || $.client = \"client-1*\" }",
      "{ $.is_streaming IS TRUE }",
      "{ $.outcome = \"error\" || $.outcome = \"timeout\" || $.key = %^goo% }",
      "{ $.client = \"\" || $.error_type = * }",
      "{ $.is_streaming != false }"};
  constexpr Nanos kSteps[] = {0,           0,     30 * kSecond, 90 * kSecond, 15 * kMinute,
                              7 * kMinute, kHour, 5 * kHour,    kDay,         7 * kDay};
  TypedQuery out;
  out.filter = one_of(random, kFilters);
  for (auto n = random.below(3); n > 0; --n) {
    const std::string name = one_of(random, kNames);
    const auto& by = out.group_by;
    if (std::find(by.begin(), by.end(), name) == by.end()) out.group_by.push_back(name);
  }
  std::string stats = "count";
  for (auto n = 1 + random.below(5); n > 0; --n) {
    const std::string field = one_of(random, kFields), name = one_of(random, kNames);
    const std::string of[] = {"sum(" + field + ")",
                              "avg(" + field + ")",
                              "rate(" + field + ")",
                              "count(" + field + ")",
                              "count(" + name + ")",
                              "distinct(" + name + ")",
                              "p50(latency_us)",
                              "p99(latency_us)",
                              "count(unpriced_reason)",
                              "ratio(" + field + " / count)",
                              "ratio({ $.outcome = \"ok\" } / { $.model = * })",
                              "error_rate,success_rate",
                              "share"};
    stats += "," + of[random.below(std::size(of))];
  }
  EXPECT_TRUE(parse_measures(stats, out.measures).has_value()) << stats;
  if (!out.group_by.empty()) {
    out.order.push_back({"count", true});
    for (const auto& name : out.group_by) out.order.push_back({name, false});
  }
  if (random.below(3) == 0) out.compare = TypedQuery::Compare::kPrevious;
  const auto length = static_cast<std::uint64_t>(range.end_ns - range.start_ns);
  const auto a = range.start_ns + static_cast<Nanos>(random.below(length));
  const auto b = range.start_ns + static_cast<Nanos>(random.below(length));
  out.range = {std::min(a, b), std::max(a, b) + 1};
  constexpr Nanos kAligned[] = {1, kMinute, kHour, kDay};
  const auto to = kAligned[random.below(std::size(kAligned))];
  out.range = {begin_of(out.range.start_ns, to), begin_of(out.range.end_ns, to) + to};
  do {
    out.step_ns = kSteps[random.below(std::size(kSteps))];
  } while (out.step_ns != 0 && (out.range.end_ns - out.range.start_ns) / out.step_ns > 400);
  return out;
}

TEST_F(TypedRollupTest, RandomQuestionsAreAnsweredAsFromSingleRows) {
  SeededRandom random(17);
  for (int round = 0; round < 3; ++round) {
    std::filesystem::remove_all(options_.directory);
    options_.seal_rows = round == 0 ? 1 << 20 : 200;
    open();
    const auto rows = random_rows(random);
    if (round == 1) seal({rows.begin(), rows.begin() + 250});
    sample::feed(*store_, catalogue_, rows, 100, round == 1 ? 250 : 0);
    if (round == 2) {
      ASSERT_TRUE(store_->seal_now().has_value());
    }
    conformance::Sources sources;
    for (int i = 0; i < 80; ++i) {
      auto query = random_query(random, whole_days(rows));
      sources.count(conforms(rows, query));
      const auto any = ask(query);
      query.source = TypedQuery::Source::kRows;
      const auto single = ask(query);
      EXPECT_EQ(single.source, Source::kRows);
      // The same buckets: percentiles too are the same to the last digit.
      EXPECT_EQ(any.rows, single.rows);
      if (HasFatalFailure() || HasNonfatalFailure()) return;
    }
    EXPECT_GT(sources.both + sources.rollups, 50u);
  }
}

// ---- when rows are gone -------------------------------------------------------------------------

constexpr const char* kStats =
    "count,error_rate,sum(total_tokens),avg(output_tokens),avg(latency_us),p95(latency_us),"
    "distinct(client)";

TEST_F(TypedRollupTest, RowsThatHaveExpiredAreAnsweredFromRollUps) {
  options_.retention.all_ns = 12 * kHour;
  open();
  const auto rows = conformance::spread(sample::rows(1'000, 11), 18'000);  // some 50 hours
  seal(rows);
  const auto sealed = store_->health().rows;
  const auto days = whole_days(rows);
  const auto expect_all = [&] {
    for (const auto step : {Nanos{0}, kMinute * 20, kHour, kDay}) {
      conforms(rows, query(kStats, "provider", days, step));
      conforms(rows, query(kStats, "", {days.start_ns + 7 * kHour, days.end_ns - kMinute}, step));
    }
    auto compared = query(kStats, "model", {days.start_ns + kDay, days.start_ns + 2 * kDay}, kHour);
    compared.compare = TypedQuery::Compare::kPrevious;
    conforms(rows, compared);
  };
  // Some of them: what is left and what is gone add up.
  wait_until(rows.back().time_ns, [&] { return store_->health().rows < sealed; });
  ASSERT_GT(store_->health().rows, 0u);
  expect_all();
  EXPECT_EQ(conforms(rows, query("count", "", days)), Source::kRollups);
  wait_until(rows.back().time_ns + kDay, [&] { return store_->health().rows == 0; });
  expect_all();
  EXPECT_EQ(conforms(rows, query("count", "", days)), Source::kRollups);
}

TEST_F(TypedRollupTest, WhatRollUpsDoNotAnswerSaysThatRowsHaveExpired) {
  options_.retention.all_ns = 12 * kHour;
  open();
  const auto rows = conformance::spread(sample::rows(600, 11), 15'000);
  seal(rows);
  wait_until(rows.back().time_ns + kDay, [&] { return store_->health().rows == 0; });
  const auto days = whole_days(rows);
  const auto got = ask(query("count,max(latency_us)", "", days));
  EXPECT_EQ(std::get<std::int64_t>(got.rows[0][0]), 0);
  EXPECT_EQ(got.source, Source::kRows);
  ASSERT_EQ(got.notes.size(), 1u);
  EXPECT_NE(got.notes[0].find("have expired"), std::string::npos);
  // A step that no roll-up's fits into.
  EXPECT_EQ(ask(query("count", "", {days.start_ns, days.start_ns + kHour * 20}, 90 * kSecond))
                .notes.size(),
            1u);
  // Later than anything that has expired there is nothing to say.
  EXPECT_TRUE(ask(query("max(latency_us)", "", {days.end_ns, days.end_ns + kDay})).notes.empty());
}

TEST_F(TypedRollupTest, EndsThatNoRollUpFitsCountWholeStepsThatBeginInTheRangeAndSaySo) {
  options_.retention.all_ns = 12 * kHour;
  options_.retention.minutes_ns = 12 * kHour;
  open();
  const auto rows = conformance::spread(sample::rows(600, 11), 15'000);
  seal(rows);
  wait_until(rows.back().time_ns + 2 * kDay, [&] { return store_->health().rows == 0; });
  const auto start = whole_days(rows).start_ns + kDay;
  const auto got = ask(query("count", "", {start + 30 * kMinute, start + 5 * kHour + 1}));
  EXPECT_EQ(got.source, Source::kRollups);
  ASSERT_EQ(got.notes.size(), 1u);
  EXPECT_NE(got.notes[0].find("whole hours"), std::string::npos) << got.notes[0];
  std::int64_t want = 0;
  for (const auto& row : rows) {
    want += row.terminal && row.time_ns >= start + kHour && row.time_ns < start + 6 * kHour;
  }
  ASSERT_GT(want, 0);
  EXPECT_EQ(std::get<std::int64_t>(got.rows[0][0]), want);
}

// ---- erasure, damage, a lost manifest -----------------------------------------------------------

// No name of the gateway's is a pseudonym; where one came to be, it goes from the roll-ups, too.
TEST_F(TypedRollupTest, WhatIsForgottenVanishesFromRollUps) {
  const std::string gone = "u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa";
  open();
  auto rows = conformance::spread(sample::rows(600, 3), 600);
  for (std::size_t i = 0; i < rows.size(); i += 3) rows[i].texts["client"] = gone;
  sample::feed(*store_, catalogue_, rows);
  ASSERT_TRUE(store_->forget_texts(journal::Forget({gone}), rows.back().position).has_value());
  for (auto& row : rows) {
    if (row.text("client") == gone) row.texts.erase("client");
  }
  EXPECT_NE(conforms(rows, query(kStats, "client", whole_days(rows))), Source::kRows);
  for (const auto& name : folder_.list("store/rollup")) {
    const auto bytes = read_file(fs_, options_.directory + "/rollup/" + name);
    ASSERT_TRUE(bytes.has_value());
    EXPECT_EQ(bytes->find(gone), std::string::npos) << name;
  }
}

TEST_F(TypedRollupTest, ADamagedRollUpIsAnsweredFromRowsUntilItIsMadeAgain) {
  open();
  const auto rows = conformance::spread(sample::rows(600, 3), 6'000);
  seal(rows);
  ASSERT_TRUE(replace_file(fs_, some_file("rollup", "hour-"), "not a roll-up").has_value());
  const auto asked =
      query(kStats, "provider", {begin_of(rows.front().time_ns, kHour), rows.back().time_ns + 1});
  EXPECT_EQ(conforms(rows, asked), Source::kRows);
  wait_until(rows.back().time_ns, [&] { return ask(asked).source != Source::kRows; });
  conforms(rows, asked);
}

// The roll-ups have what was in it; single rows do not.
TEST_F(TypedRollupTest, RowsOfADamagedFileAreStillAnsweredFromRollUps) {
  open();
  const auto rows = conformance::spread(sample::rows(600, 3), 6'000);
  seal(rows);
  store_.reset();
  std::filesystem::remove(some_file("parquet", "0"));
  open();
  EXPECT_EQ(conforms(rows, query(kStats, "provider", whole_days(rows))), Source::kRollups);
}

TEST_F(TypedRollupTest, AManifestThatWasLostLeavesTheAnswersAsTheyWere) {
  open();
  const auto rows = conformance::spread(sample::rows(600, 3), 6'000);
  seal(rows);
  store_.reset();
  std::filesystem::remove(options_.directory + "/manifest.json");
  open();
  const auto asked = query(kStats, "provider,outcome", whole_days(rows), kHour);
  conforms(rows, asked);  // no row is in a roll-up yet
  ASSERT_TRUE(store_->seal_now().has_value());
  conforms(rows, asked);
}

}  // namespace
}  // namespace sightglass::store
