// Typed queries: the conformance suite over the hot tail, over sealed files and over both, and what
// is refused.
#include "store/typed_query.h"

#include <gtest/gtest.h>

#include "store/store.h"
#include "store/test_folder.h"
#include "store/typed_conformance.h"

namespace sightglass::store {
namespace {

class TypedQueryTest : public testing::Test {
 protected:
  std::unique_ptr<Store> open() {
    auto store = Store::open(options_, fs_, clock_, telemetry_, log_);
    EXPECT_TRUE(store.has_value()) << store.error().message;
    return store ? std::move(*store) : nullptr;
  }
  Result<TypedPlan> plan(const std::string& stat, const std::string& group_by = "",
                         const std::string& filter = "", Nanos step_ns = 0) {
    TypedQuery query;
    query.range = kEver;
    query.filter = filter;
    query.group_by = parse_names(group_by);
    query.step_ns = step_ns;
    SG_TRY(parse_measures(stat, query.measures));
    return TypedPlan::make(std::move(query), catalogue_);
  }
  std::string refusal(const std::string& stat, const std::string& group_by = "",
                      const std::string& filter = "") {
    const auto made = plan(stat, group_by, filter);
    return made ? "taken" : made.error().message;
  }

  static constexpr Range kEver{0, 4'000'000'000 * kSecond};
  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 700};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = conformance::catalogue();
  const std::vector<sample::Row> rows_ = conformance::rows();
};

TEST_F(TypedQueryTest, AnswersFromTheHotTailAsThePlainEvaluatorDoes) {
  options_.seal_rows = 1 << 20;
  const auto store = open();
  sample::feed(*store, catalogue_, rows_);
  ASSERT_EQ(store->health().files, 0u);
  conformance::expect_conforms(store->typed_queries(), rows_, catalogue_);
}

TEST_F(TypedQueryTest, AnswersFromSealedFilesAsThePlainEvaluatorDoes) {
  const auto store = open();
  sample::feed(*store, catalogue_, rows_);
  ASSERT_TRUE(store->seal_now().has_value());
  ASSERT_EQ(store->health().tail_rows, 0u);
  ASSERT_GE(store->health().files, 2u);
  conformance::expect_conforms(store->typed_queries(), rows_, catalogue_);
}

TEST_F(TypedQueryTest, AnswersFromFilesAndTailAsThePlainEvaluatorDoes) {
  options_.seal_rows = 1 << 20;
  const auto store = open();
  const auto half = rows_.begin() + static_cast<std::ptrdiff_t>(rows_.size() / 2);
  sample::feed(*store, catalogue_, {rows_.begin(), half});
  ASSERT_TRUE(store->seal_now().has_value());
  sample::feed(*store, catalogue_, rows_, 100, rows_.size() / 2);
  ASSERT_GT(store->health().tail_rows, 0u);
  ASSERT_EQ(store->health().files, 1u);
  conformance::expect_conforms(store->typed_queries(), rows_, catalogue_);
}

// A column that older files lack reads as no value there.
TEST_F(TypedQueryTest, AFieldThatOnlyNewerRowsHaveIsNoValueInOlderFiles) {
  const auto store = open();
  auto rows = rows_;
  for (std::size_t i = 0; i < rows.size() / 2; ++i) rows[i].numbers.erase("score");
  const auto half = rows.begin() + static_cast<std::ptrdiff_t>(rows.size() / 2);
  sample::feed(*store, catalogue_, {rows.begin(), half});
  ASSERT_TRUE(store->seal_now().has_value());
  sample::feed(*store, catalogue_, rows, 100, rows.size() / 2);
  ASSERT_TRUE(store->seal_now().has_value());
  conformance::expect_answers(
      store->typed_queries(), rows, catalogue_,
      conformance::query_of({"count,count(score),avg(score)", "provider"}, kEver));
}

TEST_F(TypedQueryTest, AFieldThatNoRowEverHadIsNoValue) {
  const auto store = open();
  sample::feed(*store, catalogue_, rows_);
  const auto made = plan("count(trace_id),sum(tool_calls),p50(tool_calls),distinct(trace_id)");
  ASSERT_TRUE(made.has_value());
  const auto got = store->typed_queries().answer(*made);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  const std::vector<Cell> want = {std::int64_t{0}, Cell(), Cell(), std::int64_t{0}};
  EXPECT_EQ(got->rows, (std::vector<std::vector<Cell>>{want}));
}

TEST_F(TypedQueryTest, AnEmptyHistoryAnswersAnEmptyGroup) {
  const auto store = open();
  const auto got = store->typed_queries().answer(*plan("count,sum(cost_nanousd)"));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->rows, (std::vector<std::vector<Cell>>{{std::int64_t{0}, Cell()}}));
  const auto grouped = store->typed_queries().answer(*plan("count", "provider"));
  ASSERT_TRUE(grouped.has_value());
  EXPECT_TRUE(grouped->rows.empty());
}

TEST_F(TypedQueryTest, SaysUpToWhereItSaw) {
  const auto store = open();
  sample::feed(*store, catalogue_, rows_);
  const auto got = store->typed_queries().answer(*plan("count"));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->up_to, rows_.back().position);
  EXPECT_EQ(got->newest_ns, rows_.back().time_ns);
}

TEST_F(TypedQueryTest, DistinctCountsSayWhenTheyAreEstimates) {
  auto rows = sample::rows(20'000);
  const auto store = open();
  sample::feed(*store, catalogue_, rows, 1'000);
  const auto got = store->typed_queries().answer(*plan("distinct(request_id),distinct(user_id)"));
  ASSERT_TRUE(got.has_value()) << got.error().message;
  std::set<std::string> ids;
  for (const auto& row : rows) {
    if (row.terminal) ids.insert(row.text("request_id"));
  }
  ASSERT_GT(ids.size(), 10'000u);
  const auto estimate = static_cast<double>(std::get<std::int64_t>(got->rows[0][0]));
  EXPECT_NEAR(estimate, static_cast<double>(ids.size()), 0.03 * static_cast<double>(ids.size()));
  EXPECT_EQ(got->columns[0].exactness, Exactness::kEstimated);
}

TEST_F(TypedQueryTest, TooManyGroupsAreRefusedWithWhatToDo) {
  const auto store = open();
  sample::feed(*store, catalogue_, sample::rows(16'000), 1'000);
  const auto got = store->typed_queries().answer(*plan("count", "request_id"));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, Code::kTooLarge);
  EXPECT_NE(got.error().message.find("group by fewer fields"), std::string::npos);
}

TEST_F(TypedQueryTest, WhoeverHasLeftIsNotAnswered) {
  const auto store = open();
  sample::feed(*store, catalogue_, rows_);
  const std::atomic<bool> left{true};
  const auto got = store->typed_queries().answer(*plan("count"), &left);
  EXPECT_TRUE(got.has_value() || got.error().code == Code::kCancelled);
  EXPECT_TRUE(store->typed_queries().answer(*plan("count")).has_value()) << "the next one is";
}

// A column keeps its type for ever; a catalogue that says otherwise is told so.
TEST_F(TypedQueryTest, AFieldStoredAsAnotherKindIsRefused) {
  const auto store = open();
  sample::feed(*store, catalogue_, rows_);
  catalogue_ = sample::gateway_catalogue(
      "\n---\npack: later\nversion: 1\nfields:\n  tool: { kind: int, class: count }\n");
  const auto got = store->typed_queries().answer(*plan("sum(tool)"));
  ASSERT_FALSE(got.has_value());
  EXPECT_NE(got.error().message.find("another kind"), std::string::npos);
}

// ---- what is refused before anything is read ---------------------------------------------------

TEST_F(TypedQueryTest, AnUnknownFieldIsRefusedWithTheNearest) {
  EXPECT_NE(refusal("avg(latncy_us)").find("did you mean 'latency_us'?"), std::string::npos);
  EXPECT_NE(refusal("count", "providr").find("did you mean 'provider'?"), std::string::npos);
  EXPECT_NE(refusal("count", "", "{ $.providr = \"x\" }").find("did you mean 'provider'?"),
            std::string::npos);
}

TEST_F(TypedQueryTest, AFieldThatCannotPassIsRefusedWithThatReason) {
  for (const auto& said : {refusal("count(prompt)"), refusal("count", "api_key"),
                           refusal("count", "", "{ $.error = *timeout* }"),
                           refusal("ratio({ $.prompt = \"x\" } / count)")}) {
    EXPECT_NE(said.find("never passes the door"), std::string::npos) << said;
  }
  EXPECT_NE(refusal("count", "", "{ $.user_id = \"alice\" }").find("pseudonym"), std::string::npos);
  EXPECT_NE(refusal("count", "", "ERROR timeout").find("text of a line"), std::string::npos);
}

TEST_F(TypedQueryTest, AStatisticThatAKindDoesNotTakeIsRefused) {
  EXPECT_NE(refusal("sum(model)").find("is no number"), std::string::npos);
  EXPECT_NE(refusal("p95(is_streaming)").find("is no number"), std::string::npos);
  EXPECT_NE(refusal("count", "score").find("is a fraction"), std::string::npos);
  EXPECT_NE(refusal("sum(latency_us+input_tokens)").find("different units"), std::string::npos);
  EXPECT_NE(refusal("count", "model,model").find("twice"), std::string::npos);
}

TEST_F(TypedQueryTest, AliasesNameTheSameField) {
  const auto made = plan("sum(tokensIn)", "modelId", "{ $.client_id = \"a\" }");
  ASSERT_TRUE(made.has_value()) << made.error().message;
  EXPECT_EQ(made->query().group_by, std::vector<std::string>{"model"});
  EXPECT_EQ(made->fields()[0].column, "client");
}

TEST_F(TypedQueryTest, ImpossibleRangesAndStepsAreRefused) {
  const auto made = [&](Range range, Nanos step_ns) {
    TypedQuery query;
    query.range = range;
    query.step_ns = step_ns;
    const auto out = TypedPlan::make(query, catalogue_);
    return out ? std::string("taken") : out.error().message;
  };
  EXPECT_NE(made({9, 9}, 0).find("empty"), std::string::npos);
  EXPECT_NE(made({std::numeric_limits<Nanos>::min(), 9}, 0).find("outside"), std::string::npos);
  EXPECT_NE(made({0, kSecond}, 1).find("whole number of seconds"), std::string::npos);
  EXPECT_NE(made({0, kSecond}, 367 * 86'400 * kSecond).find("366d"), std::string::npos);
  EXPECT_NE(made({0, 11'001 * kSecond}, kSecond).find("11,000 steps"), std::string::npos);
  EXPECT_EQ(made({0, 11'000 * kSecond}, kSecond), "taken");
}

TEST_F(TypedQueryTest, StepsBeginAtWholeOnesInUtcAndWeeksOnMondays) {
  TypedQuery query;
  query.range = {1'700'000'123 * kSecond, 1'700'009'000 * kSecond};
  query.step_ns = 3'600 * kSecond;
  const auto hours = TypedPlan::make(query, catalogue_);
  EXPECT_EQ(hours->step_begin(0), 1'699'999'200 * kSecond);
  EXPECT_EQ(hours->steps(), 3);
  EXPECT_EQ(hours->step_seconds(0), 2'677);  // what the range leaves of it
  query.step_ns = 7 * 86'400 * kSecond;
  const auto weeks = TypedPlan::make(query, catalogue_);
  EXPECT_EQ(weeks->step_begin(0), 1'699'833'600 * kSecond);  // Monday, 2023-11-13
}

// ---- the language of statistics -----------------------------------------------------------------

std::string names_of(std::string_view text) {
  std::vector<Measure> measures;
  const auto read = parse_measures(text, measures);
  if (!read) return "refused: " + read.error().message;
  std::string out;
  for (const auto& measure : measures) out += (out.empty() ? "" : "|") + measure.name;
  return out;
}

TEST(TypedQueryText, ReadsStatistics) {
  EXPECT_EQ(names_of("count"), "count");
  EXPECT_EQ(names_of(" count , p99.9( latency_us ) ,distinct($.user_id)"),
            "count|p99.9(latency_us)|distinct(user_id)");
  EXPECT_EQ(names_of("ratio({ $.a = \"}\" }/{ $.b = %x{2}% })"),
            "ratio({ $.a = \"}\" } / { $.b = %x{2}% })");
  EXPECT_EQ(names_of("ratio(a+b / count)"), "ratio(a+b / count)");
  EXPECT_EQ(names_of("ratio({ $.a = * })"), "ratio({ $.a = * } / count)");
  EXPECT_EQ(names_of("error_rate,success_rate"), "error_rate|success_rate");
  EXPECT_EQ(names_of("p1(x),p0.001(x),p99.999(x)"), "p1(x)|p0.001(x)|p99.999(x)");
}

TEST(TypedQueryText, SaysWhatIsUnderstoodWhereItDoesNotRead) {
  for (const auto* text : {"", "cuont", "count,", "sum", "sum()", "sum(a", "p100(a)", "p0(a)",
                           "p9.9999(a)", "p(a)", "p.5(a)", "avg(a+b)", "share(a)", "ratio(/)",
                           "count(a) b", "sum({ $.a = 1 })", "count(a+b)", "min(count)"}) {
    EXPECT_NE(names_of(text).find("understood are: count"), std::string::npos)
        << text << ": " << names_of(text);
  }
  EXPECT_NE(names_of("count({ $.a = })").find("column"), std::string::npos);
  EXPECT_NE(names_of("count({ $.a").find("brace"), std::string::npos);
}

TEST(TypedQueryText, ReadsOrders) {
  std::vector<TypedQuery::Order> order;
  ASSERT_TRUE(parse_order("-ratio(a+b / { $.c = \"x,)\" }), provider,+time", order).has_value());
  ASSERT_EQ(order.size(), 3u);
  EXPECT_EQ(order[0].column, "ratio(a+b / { $.c = \"x,)\" })");
  EXPECT_TRUE(order[0].descending);
  EXPECT_EQ(order[1].column, "provider");
  EXPECT_FALSE(order[2].descending);
  std::vector<TypedQuery::Order> bad;
  EXPECT_FALSE(parse_order("-", bad).has_value());
  EXPECT_FALSE(parse_order("sum(a", bad).has_value());
}

}  // namespace
}  // namespace sightglass::store
