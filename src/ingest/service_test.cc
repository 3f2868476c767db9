// From a body to the journal: verdicts, exactly once, and what happens when nothing can be
// recorded.
#include "ingest/service.h"

#include <gtest/gtest.h>

#include "guard/guard_test_support.h"
#include "journal/fold_harness.h"
#include "journal/testing.h"

namespace sightglass::ingest {
namespace {

std::shared_ptr<const event::Catalogue> catalogue() {
  return guard::parse_catalogue(R"(
pack: test
version: 1
fields:
  user_id:    { kind: text, class: identifier, identifier: u }
  session_id: { kind: text, class: identifier, identifier: s }
  request_id: { kind: text, class: correlation }
  model:      { kind: text, class: name, aliases: [modelId] }
  provider:   { kind: text, class: category }
  service:    { kind: text, class: category }
  trace_id:   { kind: text, class: correlation }
  prompt:     { kind: text, class: content }
  n:          { kind: int, class: count }
  ingested:   { kind: bool, class: flag }
events:
  llm_call:  { level: info }
  tool_call: { level: info }
meters:
  - { metric: fields_total, type: counter, help: h, match: '[tag = METRIC, user, event = llm_call, ...]' }
  - { metric: terms_total, type: counter, help: h, match: 'gpt-4 -retry' }
  - { metric: json_total, type: counter, help: h, match: '{ $.list[*] = b }' }
)");
}

// A journal in a fake file system under a service; `fold()` lets the marks catch up.
class IngestTest : public ::testing::Test {
 protected:
  IngestTest() {
    bench.catalogue = catalogue();
    plan = guard::compile_plan(bench.catalogue);
    bench.clock.step_wall(kStart - bench.clock.wall_ns());
    open();
  }
  void open() {
    service.reset();
    journal.reset();
    journal = bench.open();
    ASSERT_NE(journal, nullptr);
    service = std::make_unique<Service>(Service::Parts{
        bench.clock, bench.telemetry, *journal, marks, [this] {
          return std::make_unique<guard::Door>(bench.catalogue, plan, ring.keys(), bench.telemetry);
        }});
  }
  void fold() {
    auto reader = journal::open_reader(bench.options, bench.fs, journal.get(), marks.position());
    ASSERT_TRUE(reader.has_value());
    journal::Reader::Batch batch;
    for (;;) {
      const auto more = (*reader)->next(batch);
      if (!more || !*more) break;
      marks.apply(batch);
    }
  }

  Outcome take(std::string body, std::optional<Range> range = {}, Form form = Form::kJson) {
    Request request;
    request.form = form;
    request.body = std::move(body);
    request.range = std::move(range);
    request.headers = headers;
    MemoryBudget budget(1 << 20);
    Share share(budget);
    return service->take(request, share);
  }
  // Events in the journal, decoded; texts are of `payloads`.
  std::vector<event::Event> events() {
    payloads = bench.read(journal.get()).payloads();
    std::vector<event::Event> out(payloads.size());
    for (std::size_t i = 0; i < out.size(); ++i) EXPECT_TRUE(event::decode(payloads[i], out[i]));
    return out;
  }
  event::FieldId field(std::string_view name) const { return bench.catalogue->field(name); }

  static constexpr Nanos kStart = 1'763'700'000 * kSecond;  // 2025-11-21T04:40:00Z
  journal::Bench bench;
  guard::TestRing ring;
  std::shared_ptr<const event::MatchPlan> plan;
  MarksFold marks;
  std::unique_ptr<journal::Journal> journal;
  std::unique_ptr<Service> service;
  HeaderFields headers;
  std::vector<std::string> payloads;
};

TEST_F(IngestTest, EveryLineHasItsVerdictAndTheRestIsUnharmed) {
  const auto out = take(
      "{\"event_type\":\"llm_call\",\"n\":1}\n"
      "{\"event_type\":\"llm\n"
      "\n"
      "[1]\n"
      "{\"event_type\":\"llm_call\",\"n\":2,\"stranger\":1,\"prompt\":\"CANARY\"}\n"
      "{\"ts\":\"2199-01-01T00:00:00Z\"}\n"
      "{\"event_type\":\"never\",\"n\":3}");
  EXPECT_EQ(out.refusal, Refusal::kNone);
  EXPECT_EQ(out.tally.accepted, 3u);
  ASSERT_EQ(out.tally.refused.size(), 3u);
  EXPECT_EQ(out.tally.refused[0].line, 2u);
  EXPECT_EQ(out.tally.refused[0].verdict, codec::Verdict::kTruncated);
  EXPECT_EQ(out.tally.refused[1].line, 4u);
  EXPECT_EQ(out.tally.refused[1].verdict, codec::Verdict::kNotAnObject);
  EXPECT_EQ(out.tally.refused[2].line, 6u);
  EXPECT_EQ(out.tally.refused[2].verdict, codec::Verdict::kFutureTime);
  EXPECT_EQ(out.tally.unknown_fields, 1u);
  EXPECT_EQ(out.tally.withheld_fields, 1u) << "the prompt";
  EXPECT_EQ(out.events,
            (std::vector<std::pair<std::string, std::uint64_t>>{{"llm_call", 2}, {"_other", 1}}));
  const auto stored = events();
  ASSERT_EQ(stored.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(stored[i].get(field("n")).as_int(), static_cast<int>(i + 1));
    EXPECT_TRUE(stored[i].get(field("ingested")).as_bool());
    EXPECT_EQ(payloads[i].find("CANARY"), std::string::npos);
  }
  EXPECT_EQ(bench.metric("sightglass_ingest_lines_total"), 6);
  EXPECT_EQ(bench.metric("sightglass_ingest_accepted_total"), 3);
  EXPECT_EQ(bench.metric("sightglass_ingest_rejected_total", {{"reason", "truncated_json"}}), 1);
  EXPECT_EQ(bench.metric("sightglass_ingest_rejected_total", {{"reason", "time_in_future"}}), 1);
}

TEST_F(IngestTest, ABodyIsAnObjectAnArrayOrLines) {
  EXPECT_EQ(take("{\n  \"event_type\": \"llm_call\",\n  \"n\": 1\n}\n").tally.accepted, 1u);
  EXPECT_EQ(take("[{\"n\":2},\n {\"n\":3}]").tally.accepted, 2u);
  EXPECT_EQ(take("\xef\xbb\xbf{\"n\":4}\r\n{\"n\":5}\r\n").tally.accepted, 2u);
  const auto broken = take("[{\"n\":6}] {\"n\":7}");
  EXPECT_EQ(broken.tally.accepted, 1u);
  EXPECT_EQ(broken.tally.rejected(), 1u);
  EXPECT_EQ(take("").tally.accepted, 0u);
  const auto lines = take("[METRIC] [a@b.c] llm_call model=m\nnoise\n{\"n\":8}", {}, Form::kLines);
  EXPECT_EQ(lines.tally.accepted, 2u);
  EXPECT_EQ(lines.tally.rejected(), 1u);
  EXPECT_EQ(events().size(), 8u);
}

// A file that is sent in pieces can be cut in front of any line.
TEST_F(IngestTest, LinesOfWhichTheFirstIsAnArrayAreLines) {
  const std::string lines = "[1,2,3]\n{\"n\":1}\n{\"n\":2}\n";
  const auto length = lines.size();
  for (const auto& [body, range] : std::initializer_list<std::pair<std::string, bool>>{
           {lines, true}, {lines, false}, {" \n[]\n" + lines.substr(8), false}}) {
    const auto before = events().size();
    const auto got = take(body, range ? std::optional<Range>({"file", 0, length}) : std::nullopt);
    EXPECT_EQ(got.tally.accepted, 2u) << body;
    EXPECT_EQ(got.tally.rejected(), 1u) << body;
    EXPECT_EQ(events().size(), before + 2) << body;
  }
  // With a range even what cannot be told from an array, or from an object over several lines.
  EXPECT_EQ(take("[1,2\n{\"n\":3}\n", Range{"other", 0, 13}).tally.accepted, 1u);
  EXPECT_EQ(take("{\"n\":4,\n\"m\":5}\n{\"n\":6}\n", Range{"third", 0, 24}).tally.accepted, 1u);
  EXPECT_EQ(take("[{\"n\":7,\n\"list\":[]},{\"n\":8}]\n").tally.accepted, 2u);
}

// The patterns over text see the line as it came; what they find never passes the door.
TEST_F(IngestTest, MetersReadTheTextOfLinesAndWhatNoFieldHolds) {
  take(
      "[METRIC] [u@example.com] llm_call model=gpt-4\n"
      "[METRIC] [u@example.com] tool_call model=gpt-4 n=1\n"
      "2025-11-21 [METRIC] [u@example.com] llm_call model=gpt-4 retry=1",
      {}, Form::kLines);
  take(R"({"event_type":"llm_call","list":["a","b"],"model":"gpt-4"})");
  take(R"([{"event_type":"llm_call","list":["a","c"]}])");
  std::vector<std::vector<event::MeterId>> hits;
  for (const auto& event : events()) {
    auto& row = hits.emplace_back();
    for (const auto& hit : event.meters) row.push_back(hit.meter);
    for (const auto& given : event.fields) EXPECT_LT(given.field, bench.catalogue->fields().size());
  }
  using Ids = std::vector<event::MeterId>;
  EXPECT_EQ(hits, (std::vector<Ids>{{0, 1}, {1}, {}, {1, 2}, {}}));
}

TEST_F(IngestTest, ARangeIsTakenOnceAndInOrder) {
  const Range first{"app.log", 0, 10}, second{"app.log", 10, 25};
  EXPECT_EQ(take("{\"n\":1}", first).next, 10u);
  const auto again = take("{\"n\":1}", first);
  EXPECT_TRUE(again.duplicate);
  EXPECT_EQ(again.next, 10u);
  const auto hole = take("{\"n\":3}", Range{"app.log", 12, 20});
  EXPECT_EQ(hole.refusal, Refusal::kConflict);
  EXPECT_EQ(hole.next, 10u);
  EXPECT_EQ(take("{\"n\":3}", Range{"app.log", 5, 20}).refusal, Refusal::kConflict) << "overlap";
  EXPECT_EQ(take("{\"n\":2}", second).next, 25u);
  EXPECT_EQ(take("", Range{"app.log", 25, 30}).next, 30u) << "a range of blanks moves the mark";
  EXPECT_EQ(take("{\"n\":9}", Range{"other.log", 0, 10}).next, 10u) << "sources are apart";
  EXPECT_EQ(events().size(), 3u);
}

TEST_F(IngestTest, MarksSurviveARestart) {
  ASSERT_EQ(take("{\"n\":1}", Range{"app.log", 0, 10}).next, 10u);
  EXPECT_EQ(service->next("app.log"), 10u) << "before any fold has seen it";
  ASSERT_TRUE(journal->close().has_value());
  open();
  fold();
  EXPECT_EQ(service->next("app.log"), 10u);
  EXPECT_TRUE(take("{\"n\":1}", Range{"app.log", 0, 10}).duplicate);
  EXPECT_EQ(marks.sums().accepted, 1u);
}

TEST_F(IngestTest, AnEventIdCountsOnceAlsoWithinOneBody) {
  const std::string body =
      "{\"event_id\":\"a\",\"n\":1}\n{\"event_id\":\"a\",\"n\":1}\n{\"event_id\":\"b\",\"n\":2}";
  const auto first = take(body);
  EXPECT_EQ(first.tally.accepted, 2u);
  EXPECT_EQ(first.tally.duplicates, 1u);
  EXPECT_EQ(take(body).tally.duplicates, 3u) << "before any fold has seen it";
  fold();
  EXPECT_EQ(take(body).tally.duplicates, 3u) << "and after";
  EXPECT_EQ(events().size(), 2u);
  EXPECT_EQ(bench.metric("sightglass_ingest_lines_total"), 9);
  EXPECT_EQ(bench.metric("sightglass_ingest_duplicates_total"), 7);
}

TEST_F(IngestTest, AnOldEventWithAnIdIsExpiredUnlessItsSourceSpeaksForIt) {
  const std::string old = "{\"event_id\":\"x\",\"ts\":\"2025-11-19T00:00:00Z\",\"n\":1}";
  const auto out = take(old);
  ASSERT_EQ(out.tally.refused.size(), 1u);
  EXPECT_EQ(out.tally.refused[0].verdict, codec::Verdict::kExpired);
  EXPECT_EQ(take(old, Range{"app.log", 0, 10}).tally.accepted, 1u);
  EXPECT_EQ(take("{\"ts\":\"2025-11-19T00:00:00Z\"}").tally.accepted, 1u) << "without an id it may";
}

TEST_F(IngestTest, NothingIsTakenWhileNothingCanBeRecorded) {
  ASSERT_EQ(take("{\"n\":1}").tally.accepted, 1u);
  bench.fs.set_fault([](std::string_view operation) -> std::optional<Error> {
    if (operation.starts_with("read") || operation.starts_with("list")) return std::nullopt;
    return Error{Code::kNoSpace, "full"};
  });
  const auto out = take("{\"n\":2}\nrubbish", Range{"app.log", 0, 10});
  EXPECT_EQ(out.refusal, Refusal::kUnavailable);
  EXPECT_EQ(out.tally.accepted, 0u);
  EXPECT_EQ(service->next("app.log"), 0u);
  EXPECT_EQ(bench.metric("sightglass_ingest_lines_total"), 1)
      << "what was not taken is not counted";
  bench.fs.set_fault(nullptr);
  bench.clock.advance(2 * kSecond);
  ASSERT_TRUE(journal::eventually([&] { return journal->writable(); }));
  EXPECT_EQ(take("{\"n\":2}\nrubbish", Range{"app.log", 0, 10}).tally.accepted, 1u);
}

TEST_F(IngestTest, ABodyPastOneBatchIsSeveral) {
  std::string body;
  const std::string model(100, 'm');
  for (int i = 0; i < 80'000; ++i) {
    body += "{\"event_type\":\"llm_call\",\"model\":\"" + model + "\",\"n\":" + std::to_string(i) +
            "}\n";
  }
  const auto out = take(body);
  EXPECT_EQ(out.refusal, Refusal::kNone);
  EXPECT_EQ(out.tally.accepted, 80'000u);
  EXPECT_EQ(events().size(), 80'000u);
  fold();
  EXPECT_EQ(marks.sums().accepted, 80'000u);
  EXPECT_EQ(take(body, Range{"big", 0, body.size()}).refusal, Refusal::kRangeTooLarge);
  EXPECT_EQ(service->next("big"), 0u);
  EXPECT_EQ(take("{}", Range{"big", 0, 3}).next, 3u) << "the source is free again";
}

// S3-H01, H03 to H09; S3-R01: raw identifiers go through the door.
TEST_F(IngestTest, HeadersSupplyWhatARecordLacks) {
  net::Headers sent;
  sent.all = {{"x-request-id", "3f6c4a52-5b57-4f3c-9a3e-0d1c2b3a4f5e"},
              {"x-user-id", "canary@example.com"},
              {"traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"},
              {"x-provider", "openai"},
              {"x-model-id", "gpt-4o-mini"}};
  headers = HeaderReader(bench.telemetry).read(sent);
  ASSERT_EQ(take("{\"n\":1}\n{\"model\":\"own\",\"provider\":null}").tally.accepted, 2u);
  const auto stored = events();
  ASSERT_EQ(stored.size(), 2u);
  EXPECT_EQ(stored[0].get(field("model")).as_text(), "gpt-4o-mini");
  EXPECT_EQ(stored[1].get(field("model")).as_text(), "own");
  EXPECT_EQ(stored[1].get(field("provider")).as_text(), "openai");
  EXPECT_EQ(stored[0].get(field("request_id")).as_text(), "3f6c4a52-5b57-4f3c-9a3e-0d1c2b3a4f5e");
  EXPECT_EQ(stored[0].get(field("trace_id")).as_text(), "4bf92f3577b34da6a3ce929d0e0e4736");
  EXPECT_TRUE(stored[0].get(field("user_id")).as_text().starts_with("u:"));
  for (const auto& payload : payloads) EXPECT_EQ(payload.find("canary"), std::string::npos);
}

TEST_F(IngestTest, MalformedHeadersAreDroppedAndCounted) {
  net::Headers sent;
  const std::string lengthy(300, 'a');
  sent.all = {{"x-request-id", "not an id"},
              {"x-user-id", lengthy},
              {"traceparent", "00-00000000000000000000000000000000-00f067aa0ba902b7-01"},
              {"x-provider", "open ai"}};
  const auto read = HeaderReader(bench.telemetry).read(sent);
  EXPECT_TRUE(read.items.empty());
  EXPECT_EQ(bench.metric("sightglass_ingest_headers_dropped_total"), 4);
}

TEST_F(IngestTest, ACatalogueCanChangeBetweenTwoBodies) {
  ASSERT_EQ(take("{\"n\":1}").tally.accepted, 1u);
  bool alone = false;
  ASSERT_TRUE(service
                  ->with_no_one_inside([&]() -> Status {
                    alone = true;
                    return {};
                  })
                  .has_value());
  EXPECT_TRUE(alone);
  EXPECT_EQ(take("{\"n\":2}").tally.accepted, 1u);
}

}  // namespace
}  // namespace sightglass::ingest
