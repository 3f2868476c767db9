// The parameters of a query, its JSON, and its route with an engine that is busy or slow.
#include "admin/query.h"

#include <gtest/gtest.h>

#include <thread>

#include "http/test_server.h"

namespace sightglass::admin {
namespace {

constexpr Nanos kNow = 1'700'003'600 * kSecond + 5;
constexpr Nanos kHour = 3'600 * kSecond;

std::shared_ptr<const event::Catalogue> catalogue() {
  static const auto known = *event::Catalogue::parse(
      "pack: t\nversion: 1\nfields:\n"
      "  latency_us: { kind: int, class: duration }\n"
      "  model: { kind: text, class: name }\n"
      "  user_id: { kind: text, class: identifier, identifier: u }\n"
      "events:\n  done: { terminal: true }\n");
  return known;
}

std::string refusal(std::string_view query) {
  const auto parsed = parse_query(query, kNow);
  return parsed ? "taken" : parsed.error().message;
}

TEST(AdminQuery, ReadsAllOfItsParameters) {
  const auto query = parse_query(
      "start=1700000000&end=1700003600.5&of=events&filter=%7B+%24.model+%3D+%22a%26b%22+%7D&"
      "group_by=model,+user_id&stat=count,p95(latency_us)&stat=rate&step=5m&order=-rate,model&"
      "limit=7&compare=previous",
      kNow);
  ASSERT_TRUE(query.has_value()) << query.error().message;
  EXPECT_EQ(query->range.start_ns, 1'700'000'000 * kSecond);
  EXPECT_EQ(query->range.end_ns, 1'700'003'600 * kSecond + kSecond / 2);
  EXPECT_EQ(query->rows, store::TypedQuery::Rows::kEvents);
  EXPECT_EQ(query->filter, "{ $.model = \"a&b\" }");
  EXPECT_EQ(query->group_by, (std::vector<std::string>{"model", "user_id"}));
  ASSERT_EQ(query->measures.size(), 3u);
  EXPECT_EQ(query->measures[1].name, "p95(latency_us)");
  EXPECT_EQ(query->measures[2].name, "rate");
  EXPECT_EQ(query->step_ns, 300 * kSecond);
  ASSERT_EQ(query->order.size(), 2u);
  EXPECT_EQ(query->limit, 7u);
  EXPECT_EQ(query->compare, store::TypedQuery::Compare::kPrevious);
}

TEST(AdminQuery, WithoutAnyItCountsTheRequestsOfADay) {
  const auto query = parse_query("", kNow);
  ASSERT_TRUE(query.has_value());
  EXPECT_EQ(query->range.end_ns, 1'700'003'601 * kSecond);
  EXPECT_EQ(query->range.end_ns - query->range.start_ns, 24 * kHour);
  EXPECT_EQ(query->rows, store::TypedQuery::Rows::kRequests);
  EXPECT_TRUE(query->measures.empty());
  EXPECT_EQ(query->limit, 0u);
  EXPECT_EQ(parse_query("group_by=model", kNow)->limit, 100u);
  const auto since = parse_query("since=90m&end=1700003600", kNow);
  EXPECT_EQ(since->range.start_ns, 1'700'003'600 * kSecond - 3 * kHour / 2);
}

TEST(AdminQuery, SaysWhatAParameterTakes) {
  EXPECT_NE(refusal("sinse=1h").find("did you mean 'since'"), std::string::npos);
  EXPECT_NE(refusal("since=tomorrow").find("such as 5m, 24h or 7d"), std::string::npos);
  EXPECT_NE(refusal("since=1h&start=1").find("give one"), std::string::npos);
  EXPECT_NE(refusal("end=1h").find("Unix seconds"), std::string::npos);
  EXPECT_NE(refusal("start=7&end=7").find("before end"), std::string::npos);
  EXPECT_NE(refusal("step=x").find("such as 5m"), std::string::npos);
  EXPECT_NE(refusal("of=both").find("requests or events"), std::string::npos);
  EXPECT_NE(refusal("compare=1").find("previous"), std::string::npos);
  EXPECT_NE(refusal("limit=10001").find("1 to 10000"), std::string::npos);
  EXPECT_NE(refusal("limit=3&limit=4").find("twice"), std::string::npos);
  EXPECT_NE(refusal("stat=mean(latency_us)").find("understood are"), std::string::npos);
  EXPECT_NE(refusal("order=-").find("-count"), std::string::npos);
}

TEST(AdminQuery, AnAnswerIsWrittenWithUnitsAndHowExactItIs) {
  const auto plan = store::TypedPlan::make(
      *parse_query("start=0&end=60&step=30s&group_by=user_id&stat=p50(latency_us),count", kNow),
      catalogue());
  ASSERT_TRUE(plan.has_value()) << plan.error().message;
  store::Answer answer;
  answer.range = plan->query().range;
  answer.step_ns = plan->query().step_ns;
  using Role = store::AnswerColumn::Role;
  using store::Exactness;
  answer.columns = {{"time", Role::kTime, "unix_s", Exactness::kExact},
                    {"user_id", Role::kGroup, "", Exactness::kExact},
                    {"p50(latency_us)", Role::kStatistic, "us", Exactness::kWithinOnePercent},
                    {"count", Role::kStatistic, "requests", Exactness::kExact}};
  answer.rows = {{std::int64_t{0}, std::string("u:\"1\""), 2.5, std::int64_t{3}},
                 {std::int64_t{30}, store::Cell(), store::Cell(), std::int64_t{0}}};
  answer.groups = 2;
  answer.up_to = 9;
  answer.newest_ns = 59 * kSecond;
  answer.source = store::Answer::Source::kBoth;
  answer.notes = {"mind this"};
  std::string json;
  append_answer_json(*plan, answer, json);
  const std::string want =
      R"x({"from":"1970-01-01T00:00:00.000000000Z","to":"1970-01-01T00:01:00.000000000Z",)x"
      R"x("step_seconds":30,"of":"requests","columns":[)x"
      R"x({"name":"time","role":"time","unit":"unix_s","exact":true},)x"
      R"x({"name":"user_id","role":"group","unit":null,"exact":true},)x"
      R"x({"name":"p50(latency_us)","role":"statistic","unit":"us","exact":false,)x"
      R"x("error":"at most 1 % of the value: log histogram"},)x"
      R"x({"name":"count","role":"statistic","unit":"requests","exact":true}],)x"
      R"x("rows":[[0,"u:\"1\"",2.5,3],[30,null,null,0]],"groups":2,)x"
      R"x("as_of":{"position":9,"time":"1970-01-01T00:00:59.000000000Z"},"source":"both",)x"
      R"x("notes":["mind this","a person has a pseudonym for each epoch of its key: over more than one epoch )x"
      R"x(the number of different ones is an upper bound"]})x";
  EXPECT_EQ(json, want);
}

// An engine as a test wants it.
class FakeEngine final : public store::TypedQueries {
 public:
  Result<store::Answer> answer(const store::TypedPlan&, const std::atomic<bool>* left) override {
    if (!slow) return fail(Code::kBusy, "too many queries wait already; try again in some seconds");
    began = true;
    cancelled = http::eventually([&] { return left->load(); });
    return fail(Code::kCancelled, "whoever asked has left");
  }
  bool slow = false;
  std::atomic<bool> began{false}, cancelled{false};
};

class AdminQueryRoute : public testing::Test {
 protected:
  std::vector<http::Route> routes() {
    auto out = query_routes({&engine_, *pool_, clock_, telemetry_, [] { return catalogue(); }});
    for (auto& route : out) route.realm = http::Realm::kOpen;
    return out;
  }
  std::uint64_t counted(std::string_view result) {
    for (const auto& family : telemetry_.collect()) {
      if (family.name != "sightglass_admin_queries_total") continue;
      for (const auto& sample : family.samples) {
        if (sample.labels.at(0).second == result) return static_cast<std::uint64_t>(sample.value);
      }
    }
    return 0;
  }
  FakeEngine engine_;
  Telemetry telemetry_;
  SystemClock clock_;
  std::unique_ptr<http::WorkPool> pool_ = http::WorkPool::make("test", 2, 2, telemetry_);
};

TEST_F(AdminQueryRoute, AFullQueueIsAnswered429WithRetryAfter) {
  http::TestServer server(routes());
  http::TestClient client(server.port());
  for (const auto* path : {"/admin/v1/query", "/api/admin/v1/query?stat=p95(latency_us)"}) {
    const auto busy = client.ask(http::get(path));
    EXPECT_EQ(busy.status, 429) << path;
    EXPECT_EQ(busy.field("retry-after"), "1");
  }
  EXPECT_EQ(counted("busy"), 2u);
  EXPECT_EQ(client.ask(http::get("/admin/v1/query?stat=p95(latncy_us)")).status, 400);
  EXPECT_EQ(counted("invalid"), 1u);
  pool_.reset();
  server.stop();
}

TEST_F(AdminQueryRoute, AQueryWhoseClientHasLeftIsCancelled) {
  engine_.slow = true;
  http::TestServer server(routes());
  http::TestClient client(server.port());
  client.send(http::get("/admin/v1/query"));
  ASSERT_TRUE(http::eventually([&] { return engine_.began.load(); }));
  EXPECT_FALSE(engine_.cancelled);
  client.close();
  EXPECT_TRUE(http::eventually([&] { return engine_.cancelled.load(); }));
  EXPECT_TRUE(http::eventually([&] { return counted("cancelled") == 1; }));
  pool_.reset();
  server.stop();
}

}  // namespace
}  // namespace sightglass::admin
