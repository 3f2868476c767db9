// The shape of JSON lines, profile by profile, byte for byte.
#include <gtest/gtest.h>

#include <map>

#include "../tests/support/batches.h"
#include "logs/json_line.h"
#include "logs/profile.h"

namespace sightglass::logs {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kStart = 1'755'611'952'345'000'000;  // 2025-08-19T13:59:12.345Z

// The gateway's pack, and beside it a pack that knows the Propagation seed's names as aliases.
constexpr const char* kPropagation = R"(
pack: propagation
version: 1
fields:
  user_id:       { kind: text, class: identifier, identifier: u, aliases: [userIdHash] }
  session_id:    { kind: text, class: identifier, identifier: s, aliases: [sessionIdHash] }
  focus_hash:    { kind: text, class: identifier, identifier: f, aliases: [focusIdHash] }
  group_hash:    { kind: text, class: identifier, identifier: g, aliases: [groupId] }
  status:        { kind: text, class: category }
  latency_ms:    { kind: double, class: duration, aliases: [latencyMs] }
  cost_cents:    { kind: double, class: money, aliases: [costCents] }
  span:          { kind: text, class: category }
  page:          { kind: text, class: category }
  function:      { kind: text, class: category }
  job:           { kind: text, class: category }
  items:         { kind: int, class: count }
  indexed:       { kind: bool, class: flag }
  interactions:  { kind: int, class: count }
  rubric_version: { kind: text, class: category, aliases: [rubricVersion] }
  first_token_ms: { kind: int, class: duration, aliases: [sse.firstTokenMs] }
  stream_duration_ms: { kind: int, class: duration, aliases: [sse.streamDurationMs] }
  disconnect:    { kind: bool, class: flag, aliases: [sse.disconnect] }
  stalls:        { kind: int, class: count, aliases: [sse.stalls] }
  retry_attempt: { kind: int, class: count, aliases: [retry.attempt] }
  retry_max:     { kind: int, class: count, aliases: [retry.max] }
  retry_backoff_ms: { kind: int, class: duration, aliases: [retry.backoffMs] }
  lcp_ms:        { kind: int, class: duration, aliases: [webVitals.lcpMs] }
  inp_ms:        { kind: int, class: duration, aliases: [webVitals.inpMs] }
  cls:           { kind: double, class: count, aliases: [webVitals.cls] }
  ttfb_ms:       { kind: int, class: duration, aliases: [webVitals.ttfbMs] }
  caller:        { kind: text, class: source_position }
  logger:        { kind: text, class: category }
events:
  propagation_line: { level: info }
  propagation_warning: { level: warn }
)";

std::shared_ptr<const event::Catalogue> catalogue() {
  static const auto made =
      testing::parse_catalogue(testing::source_text("packs/gateway.yaml") + "---\n" + kPropagation);
  return made;
}

std::string line_of(const TestEvent& e, const char* profile) {
  Batches batches(catalogue());
  const auto payload = batches.encode(e);
  event::Event event;
  EXPECT_TRUE(event::decode(payload, event));
  const LineWriter writer(*find_profile(profile), {"sightglass", "production"}, catalogue());
  std::string out;
  writer.append(event, 17, out);
  return out;
}

// What we promise for a printed example: its members as printed, on one line, then what is ours.
std::string as_one_line(std::string_view printed, std::string_view event_type) {
  std::string out;
  bool quoted = false;
  for (const char c : printed) {
    if (c == '"') quoted = !quoted;
    if (quoted || (c != ' ' && c != '\n')) out.push_back(c);
  }
  EXPECT_EQ(out.back(), '}');
  out.pop_back();
  return out.append(",\"event_type\":\"").append(event_type).append("\",\"seq\":17}\n");
}

TestEvent example(const char* type, Nanos at, const char* service, const char* request_id) {
  TestEvent e(type, at);
  return e.with("request_id", request_id).with("env", "production").with("service", service);
}

// In each of the six the fields come in an order of their own, so that only the table can have put
// them right.
// S3-J01
TEST(Coachup, ANextRequestIsWrittenAsPrinted) {
  auto e = example("propagation_line", kStart, "next", "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  e.with("disconnect", false).with("stream_duration_ms", 1780).with("first_token_ms", 620);
  e.with("focus_hash", "f:aa31…").with("session_id", "s:91b2…").with("user_id", "u:7e8a…");
  e.with("latency_ms", 842.0).with("status", 200).with("method", "POST");
  e.with("route", "POST /api/chat");
  EXPECT_EQ(line_of(e, "coachup"), as_one_line(R"({
  "ts": "2025-08-19T13:59:12.345Z",
  "level": "info",
  "service": "next",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "route": "POST /api/chat",
  "method": "POST",
  "status": 200,
  "latencyMs": 842,
  "userIdHash": "u:7e8a…",
  "sessionIdHash": "s:91b2…",
  "focusIdHash": "f:aa31…",
  "sse": { "firstTokenMs": 620, "streamDurationMs": 1780, "disconnect": false }
})",
                                               "propagation_line"));
}

// S3-J02
TEST(Coachup, AProviderCallIsWrittenAsPrinted) {
  auto e = example("propagation_line", kStart + 76 * kMillisecond, "py",
                   "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  e.with("status", "ok").with("cost_cents", 2.1).with("output_tokens", 362);
  e.with("input_tokens", 1184).with("latency_ms", 721.0).with("model", "gpt-4o-mini");
  e.with("provider", "openai").with("span", "provider.chat");
  EXPECT_EQ(line_of(e, "coachup"), as_one_line(R"({
  "ts": "2025-08-19T13:59:12.421Z",
  "level": "info",
  "service": "py",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "span": "provider.chat",
  "provider": "openai",
  "modelId": "gpt-4o-mini",
  "latencyMs": 721,
  "tokensIn": 1184,
  "tokensOut": 362,
  "costCents": 2.1,
  "status": "ok"
})",
                                               "propagation_line"));
}

// S3-J03
TEST(Coachup, ABackgroundJobIsWrittenAsPrinted) {
  auto e = example("propagation_line", kStart + 50'665 * kMillisecond, "py", "b1f0d…");
  e.with("status", "ok").with("latency_ms", 4920.0).with("interactions", 3);
  e.with("rubric_version", "v1").with("focus_hash", "f:aa31…").with("group_hash", "grp_1");
  e.with("session_id", "s:91b2…").with("job", "assessment.multi_turn");
  EXPECT_EQ(line_of(e, "coachup"), as_one_line(R"({
  "ts": "2025-08-19T14:00:03.010Z",
  "level": "info",
  "service": "py",
  "env": "production",
  "requestId": "b1f0d…",
  "job": "assessment.multi_turn",
  "sessionIdHash": "s:91b2…",
  "groupId": "grp_1",
  "focusIdHash": "f:aa31…",
  "rubricVersion": "v1",
  "interactions": 3,
  "latencyMs": 4920,
  "status": "ok"
})",
                                               "propagation_line"));
}

// S3-J04: the message is our fixed sentence for a timeout, whatever the event said.
TEST(Coachup, AnErrorWithItsRetryIsWrittenAsPrinted) {
  auto e = example("propagation_warning", kStart + 59'766 * kMillisecond, "py", "b1f0d…");
  e.with("retry_backoff_ms", 800).with("status", "retrying").with("retry_max", 3);
  e.with("retry_attempt", 2).with("error_type", "timeout").with("error", "CANARY");
  e.with("model", "nova-2").with("provider", "deepgram").with("span", "provider.stt");
  EXPECT_EQ(line_of(e, "coachup"), as_one_line(R"({
  "ts": "2025-08-19T14:00:12.111Z",
  "level": "warn",
  "service": "py",
  "env": "production",
  "requestId": "b1f0d…",
  "span": "provider.stt",
  "provider": "deepgram",
  "modelId": "nova-2",
  "error": { "type": "timeout", "message": "upstream read timeout" },
  "retry": { "attempt": 2, "max": 3, "backoffMs": 800 },
  "status": "retrying"
})",
                                               "propagation_warning"));
}

// S3-J05
TEST(Coachup, AFunctionsTimingIsWrittenAsPrinted) {
  auto e = example("propagation_line", kStart + 70'155 * kMillisecond, "convex",
                   "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  e.with("status", "ok").with("indexed", true).with("items", 25).with("latency_ms", 62.0);
  e.with("function", "assessments.listByFocus");
  EXPECT_EQ(line_of(e, "coachup"), as_one_line(R"({
  "ts": "2025-08-19T14:00:22.500Z",
  "level": "info",
  "service": "convex",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "function": "assessments.listByFocus",
  "latencyMs": 62,
  "items": 25,
  "indexed": true,
  "status": "ok"
})",
                                               "propagation_line"));
}

// S3-J06
TEST(Coachup, ABrowsersVitalsAreWrittenAsPrinted) {
  auto e = example("propagation_line", kStart + 77'657 * kMillisecond, "web",
                   "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  e.with("first_token_ms", 700).with("stalls", 0).with("ttfb_ms", 120).with("cls", 0.02);
  e.with("inp_ms", 90).with("lcp_ms", 1600).with("page", "/chat");
  EXPECT_EQ(line_of(e, "coachup"), as_one_line(R"({
  "ts": "2025-08-19T14:00:30.002Z",
  "level": "info",
  "service": "web",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "page": "/chat",
  "webVitals": { "lcpMs": 1600, "inpMs": 90, "cls": 0.02, "ttfbMs": 120 },
  "sse": { "stalls": 0, "firstTokenMs": 700 }
})",
                                               "propagation_line"));
}

TestEvent full_terminal() {
  TestEvent e("stream_completed", kStart);
  e.with("request_id", "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
  e.with("endpoint", "chat_completions").with("method", "POST");
  e.with("route", "/v1/chat/completions").with("provider", "openai");
  e.with("model", "gpt-4o-mini").with("key", "openai-9987861163793b2d");
  e.with("user_id", "u:7e8a").with("outcome", "ok").with("status_code", 200);
  e.with("is_streaming", true).with("input_tokens", 1184).with("output_tokens", 362);
  e.with("total_tokens", 1546).with("cost_nanousd", 21'000'000).with("latency_us", 842'113);
  e.with("first_content_us", 620'000).with("start_time_ns", kStart - 842 * kMillisecond);
  e.with("attempts", 1);
  return e;
}

// S3-J02, S3-B11 to S3-B14, S2-B62, S2-F33: the gateway's own line for a call that went upstream.
TEST(Coachup, TheGatewaysCallIsWrittenAsAProviderCall) {
  EXPECT_EQ(line_of(full_terminal(), "coachup"),
            "{\"ts\":\"2025-08-19T13:59:12.345Z\",\"level\":\"info\",\"service\":\"sightglass\","
            "\"env\":\"production\",\"requestId\":\"b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e\","
            "\"span\":\"provider.chat\",\"provider\":\"openai\",\"modelId\":\"gpt-4o-mini\","
            "\"latencyMs\":842.113,\"tokensIn\":1184,\"tokensOut\":362,\"costCents\":2.1,"
            "\"status\":200,\"route\":\"/v1/chat/completions\",\"method\":\"POST\","
            "\"userIdHash\":\"u:7e8a\",\"start_time\":\"2025-08-19T13:59:11.503000Z\","
            "\"endpoint\":\"chat_completions\",\"key\":\"openai-9987861163793b2d\","
            "\"outcome\":\"ok\",\"is_streaming\":true,\"total_tokens\":1546,\"attempts\":1,"
            "\"sse\":{\"firstTokenMs\":620,\"streamDurationMs\":842.113,\"disconnect\":false},"
            "\"event_type\":\"stream_completed\",\"seq\":17}\n");
}

TEST(Coachup, OneThatWasRefusedIsNoProviderCall) {
  TestEvent e("request_rejected", kStart);
  e.with("outcome", "rejected").with("endpoint", "messages").with("attempts", 0);
  EXPECT_EQ(line_of(e, "coachup"),
            "{\"ts\":\"2025-08-19T13:59:12.345Z\",\"level\":\"warn\",\"service\":\"sightglass\","
            "\"env\":\"production\",\"outcome\":\"rejected\",\"endpoint\":\"messages\","
            "\"attempts\":0,\"event_type\":\"request_rejected\",\"seq\":17}\n");
}

TEST(Coachup, ErrorsAndRetriesNestWithAFixedSentence) {
  TestEvent e("proxy_retry_backoff", kStart);
  e.with("request_id", "deadbeef").with("error_type", "provider_timeout");
  e.with("attempt", 2).with("backoff_ms", 800);
  EXPECT_EQ(line_of(e, "coachup"),
            "{\"ts\":\"2025-08-19T13:59:12.345Z\",\"level\":\"info\",\"service\":\"sightglass\","
            "\"env\":\"production\",\"requestId\":\"deadbeef\","
            "\"error\":{\"type\":\"provider_timeout\",\"message\":\"upstream read timeout\"},"
            "\"retry\":{\"attempt\":2,\"backoffMs\":800},"
            "\"event_type\":\"proxy_retry_backoff\",\"seq\":17}\n");
}

TEST(Coachup, NoKeyStandsTwiceWhereTwoFieldsHaveOneName) {
  TestEvent e("propagation_line", kStart);
  e.with("status_code", 200).with("status", "ok").with("latency_us", 5000).with("latency_ms", 7.0);
  EXPECT_EQ(line_of(e, "coachup"),
            "{\"ts\":\"2025-08-19T13:59:12.345Z\",\"level\":\"info\",\"service\":\"sightglass\","
            "\"env\":\"production\",\"status\":200,\"latencyMs\":5,"
            "\"event_type\":\"propagation_line\",\"seq\":17}\n");
}

// S4-F12 to S4-F17
TEST(CooLlm, ALineHasTheAdministrationSeedsFields) {
  EXPECT_EQ(line_of(full_terminal(), "coo-llm"),
            "{\"timestamp\":\"2025-08-19T13:59:12.345Z\",\"level\":\"info\","
            "\"service\":\"sightglass\",\"env\":\"production\","
            "\"request_id\":\"b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e\",\"provider\":\"openai\","
            "\"model\":\"gpt-4o-mini\",\"latency_ms\":842.113,\"tokens_used\":1546,"
            "\"client_key\":\"openai-9987861163793b2d\",\"status\":200,\"cost\":0.021,"
            "\"start_time\":\"2025-08-19T13:59:11.503000Z\",\"endpoint\":\"chat_completions\","
            "\"method\":\"POST\",\"route\":\"/v1/chat/completions\",\"user_id\":\"u:7e8a\","
            "\"outcome\":\"ok\",\"is_streaming\":true,\"input_tokens\":1184,"
            "\"output_tokens\":362,\"first_content_us\":620000,\"attempts\":1,"
            "\"event_type\":\"stream_completed\",\"seq\":17}\n");
}

// S0-F01 to S0-F04: our own events name the component and the file that write them.
TEST(Morpheus, ALineHasTheEventsSeedsStandardFields) {
  TestEvent e("stream_completed", kStart);
  e.with("session_id", "s:91b2").with("chunks", 42).with("latency_us", 842'113);
  e.with("model_requested", "fast").with("outcome", "ok");
  EXPECT_EQ(line_of(e, "morpheus"),
            "{\"timestamp\":\"2025-08-19T13:59:12.345000Z\",\"level\":\"info\","
            "\"logger\":\"proxy\",\"caller\":\"record_writer.cc:1\","
            "\"event_type\":\"stream_completed\",\"event\":\"Stream completed\","
            "\"duration\":0.842113,\"requested_model\":\"fast\",\"total_chunks\":42,"
            "\"session_id\":\"s:91b2\",\"outcome\":\"ok\",\"seq\":17}\n");
  TestEvent warning("propagation_warning", kStart + 678'000);
  warning.with("caller", "chat_streaming.py:118").with("logger", "api").with("request_id", "a7f3");
  EXPECT_EQ(line_of(warning, "morpheus"),
            "{\"timestamp\":\"2025-08-19T13:59:12.345678Z\",\"level\":\"warning\","
            "\"logger\":\"api\",\"caller\":\"chat_streaming.py:118\","
            "\"event_type\":\"propagation_warning\",\"event\":\"Propagation warning\","
            "\"request_id\":\"a7f3\",\"seq\":17}\n");
}

TEST(Morpheus, OurOwnEventsNameTheirComponent) {
  const std::map<std::string, std::string> loggers = {{"admin_login_failed", "auth"},
                                                      {"api_key_validation_failed", "auth"},
                                                      {"startup_complete", "core"},
                                                      {"metrics_summary", "core"},
                                                      {"proxy_retry_backoff", "proxy"}};
  for (const auto& [type, logger] : loggers) {
    const auto line = line_of(TestEvent(type, kStart), "morpheus");
    EXPECT_NE(line.find("\"logger\":\"" + logger + "\""), std::string::npos) << line;
  }
}

TEST(JsonLine, TimesBeforeTheEpochAndInTheSameSecondAreRight) {
  for (const auto& [at, text] :
       std::map<Nanos, std::string>{{-1, "1969-12-31T23:59:59.999Z"},
                                    {0, "1970-01-01T00:00:00.000Z"},
                                    {kStart, "2025-08-19T13:59:12.345Z"},
                                    {kStart + 655 * kMillisecond, "2025-08-19T13:59:13.000Z"}}) {
    EXPECT_TRUE(
        line_of(TestEvent("propagation_line", at), "coachup").starts_with("{\"ts\":\"" + text))
        << at;
  }
}

// S3-B12: whatever stands in a value, a line is one line.
TEST(JsonLine, LineBreaksAndQuotesInValuesAreEscaped) {
  TestEvent e("propagation_line", kStart);
  e.with("span", std::string("a\nb\"c\\d\x01") + std::string(3000, 'x') + "\r");
  const auto line = line_of(e, "coachup");
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1);
  EXPECT_NE(line.find("\"span\":\"a\\nb\\\"c\\\\d\\u0001xxx"), std::string::npos);
}

TEST(JsonLine, FieldsThatNeverPassAreNotWrittenEvenIfAnEventHeldThem) {
  TestEvent e("stream_completed", kStart);
  e.with("outcome", "ok")
      .with("prompt", "CANARY")
      .with("error", "CANARY")
      .with("api_key", "CANARY");
  for (const auto& profile : profiles()) {
    EXPECT_EQ(line_of(e, profile.name.data()).find("CANARY"), std::string::npos);
  }
}

TEST(JsonLine, ReadBackGivesSeqAndTotalsInEveryProfile) {
  SeededRandom random(3);
  Batches batches(testing::gateway_catalogue());
  for (const auto& profile : profiles()) {
    const LineWriter writer(profile, {"s", "e"}, testing::gateway_catalogue());
    const EventTotals counts(*testing::gateway_catalogue());
    journal::Totals from_events, from_lines;
    for (std::uint64_t i = 1; i <= 300; ++i) {
      auto e = testing::random_terminal(random, kStart);
      e.with("route", ",\"seq\":99,\"outcome\":\"x\",\"cost\":5,\"tokensIn\":7}");  // hostile text
      const auto payload = batches.encode(e);
      event::Event event;
      ASSERT_TRUE(event::decode(payload, event));
      std::string line;
      writer.append(event, i, line);
      counts.add(event, from_events);
      ASSERT_EQ(line.back(), '\n');
      line.pop_back();
      ASSERT_EQ(line_seq(line), i) << line;
      add_line_totals(line, from_lines);
    }
    EXPECT_EQ(from_events, from_lines) << profile.name;
  }
}

}  // namespace
}  // namespace sightglass::logs
