// The Propagation seed's header conventions, row by row: what a provider is sent, byte for byte,
// and what the records say.
#include "gateway/conventions.h"

#include "gateway/golden_answers.h"
#include "gateway/proxy_fixture.h"

namespace sightglass::gateway {
namespace {

using http::post;
using http::TestClient;

constexpr std::string_view kChat = R"({"model":"gpt-4o","messages":[]})";

class Headers : public ::testing::Test {
 protected:
  explicit Headers(ProviderKind kind = ProviderKind::kOpenAi)
      : provider_(answer_with(golden::bodies()[0].json, "x-ratelimit-remaining-requests: 7\r\n")),
        proxy_(config_for(provider_.port(), kind)),
        client_(proxy_.port()) {}

  // Sends a chat with these fields; gives the head that the provider got.
  std::string sent(std::string_view fields) {
    answer_ = client_.ask(post("/v1/chat/completions", kChat, std::string(kOwnKey).append(fields)));
    EXPECT_EQ(answer_.status, 200) << fields;
    const auto whole = provider_.request(asked_++);
    return whole.substr(0, whole.find("\r\n\r\n") + 2);
  }
  ToldRecord told() { return proxy_.records().terminals(asked_)[asked_ - 1]; }
  std::string pseudonym(std::string_view kind, std::string_view raw) {
    std::string out;
    EXPECT_TRUE(proxy_.keys().pseudonym(kind, raw, SystemClock().wall_ns(), out));
    return out;
  }
  // The value of the first field of this name; "" where there is none.
  static std::string value(std::string_view head, std::string_view name) {
    const auto needle = "\r\n" + to_lower(name) + ": ";
    const auto at = to_lower(head).find(needle);
    if (at == std::string::npos) return {};
    const auto from = at + needle.size();
    return std::string(head.substr(from, head.find("\r\n", from) - from));
  }
  double stripped(std::string_view reason) {
    return proxy_.counter("sightglass_gateway_fields_stripped_total", reason);
  }

  CapturingProvider provider_;
  Proxy proxy_;
  TestClient client_;
  TestClient::Answer answer_;
  std::size_t asked_ = 0;
};

// S3-B01: the printed set of fields, and every byte of the head that a provider gets for it.
TEST_F(Headers, TheWholeHeadThatAProviderGets) {
  const auto head = sent(
      "x-request-id: b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e\r\n"
      "x-user-id: user-42\r\nx-session-id: sess-1\r\nx-focus-id: focus-9\r\nx-group-id: grp_1\r\n"
      "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
      "x-provider: openai\r\nx-model-id: gpt-4o-mini\r\naccept: text/event-stream\r\n"
      "cache-control: no-store\r\nx-odd: 1\r\nx-stainless-lang: js\r\nOpenAI-Beta: "
      "assistants=v2\r\n");
  const auto span = value(head, "traceparent").substr(36, 16);
  EXPECT_EQ(head,
            "POST /v1/chat/completions HTTP/1.1\r\n"
            "Host: 127.0.0.1:" +
                std::to_string(provider_.port()) +
                "\r\n"
                "Authorization: Bearer sk-callers-own-key\r\n"
                "accept: text/event-stream\r\n"
                "cache-control: no-store\r\n"
                "x-stainless-lang: js\r\n"
                "OpenAI-Beta: assistants=v2\r\n"
                "Accept-Encoding: identity\r\n"
                "x-request-id: b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e\r\n"
                "traceparent: 00-0af7651916cd43dd8448eb211c80319c-" +
                span +
                "-01\r\n"
                "x-user-id: " +
                pseudonym("u", "user-42") +
                "\r\n"
                "x-session-id: " +
                pseudonym("s", "sess-1") +
                "\r\n"
                "x-focus-id: " +
                pseudonym("f", "focus-9") +
                "\r\n"
                "x-group-id: " +
                pseudonym("g", "grp_1") +
                "\r\n"
                "x-provider: openai\r\n"
                "x-model-id: gpt-4o-mini\r\n"
                "Content-Length: 32\r\n");
  EXPECT_EQ(stripped("unknown"), 1);  // x-odd
}

// S3-H01
TEST_F(Headers, ARequestIdIsTakenInEachFormAndGoesBothWays) {
  for (const auto* id :
       {"b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e", "0190f5d8-7a6e-7c3b-8d2e-1f0a9b8c7d6e",
        "01J5ZQ4W6T8N9V2X3Y4Z5A6B7C", "a7f3c9d2",
        "0af7651916cd43dd8448eb211c80319c0af7651916cd43dd8448eb211c80319c"}) {
    EXPECT_EQ(value(sent("x-request-id: " + std::string(id) + "\r\n"), "x-request-id"), id);
    EXPECT_EQ(answer_.field("x-request-id"), id);
    EXPECT_EQ(told()["request_id"], id);
  }
}
TEST_F(Headers, AMissingOrMalformedRequestIdIsMadeAnew) {
  for (const auto* field : {"", "x-request-id: short\r\n", "x-request-id: alice@example.com\r\n",
                            "x-request-id: a7f3c9d\r\n", "x-request-id: zzzzzzzz\r\n"}) {
    const auto id = value(sent(field), "x-request-id");
    ASSERT_EQ(id.size(), 36u) << field;
    EXPECT_EQ(id[14], '4') << field;
    EXPECT_EQ(answer_.field("x-request-id"), id);
    EXPECT_EQ(told()["request_id"], id);
  }
}

// S3-H02
TEST_F(Headers, AuthorizationIsInNoRecord) {
  sent("");
  told();
  EXPECT_EQ(proxy_.records().bytes().find("callers-own-key"), std::string::npos);
}

// S3-H03 to S3-H06, S3-F09, S3-R01
TEST_F(Headers, IdentifiersAreRecordedAndSentOnAsPseudonymsAlone) {
  struct Row {
    const char* field;
    const char* kind;
    const char* recorded;
  };
  for (const auto& [field, kind, recorded] :
       {Row{"x-user-id", "u", "user_id"}, Row{"x-session-id", "s", "session_id"},
        Row{"x-focus-id", "f", "focus_id"}, Row{"x-tracked-skill-id", "f", "focus_id"},
        Row{"x-group-id", "g", "group_id"}}) {
    for (const auto* raw : {"alice@example.com", "grp_1", "u:7e8a", "h\xc3\xa9l\xc3\xa8ne",
                            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}) {
      const auto head = sent(std::string(field) + ": " + raw + "\r\n");
      EXPECT_EQ(head.find(raw), std::string::npos) << field;
      EXPECT_EQ(value(head, field), pseudonym(kind, raw));
      EXPECT_EQ(told()[recorded], pseudonym(kind, raw));
    }
  }
  EXPECT_EQ(proxy_.records().bytes().find("alice"), std::string::npos);
}
TEST_F(Headers, AnIdentifierThatIsTooLongOrMalformedIsAsIfItHadNotCome) {
  sent("x-user-id: " + std::string(256, 'a') + "\r\n");
  EXPECT_NE(told()["user_id"], "");
  const auto long_one = sent("x-user-id: " + std::string(257, 'a') + "\r\n");
  EXPECT_EQ(value(long_one, "x-user-id"), "");
  EXPECT_EQ(told()["user_id"], "");
  EXPECT_EQ(stripped("too_long"), 1);
  EXPECT_EQ(value(sent("x-group-id: \xff\xfe\r\n"), "x-group-id"), "");
  EXPECT_EQ(stripped("malformed"), 1);
}
// S3-B14: whatever is told of a request says whose it was.
TEST_F(Headers, CompanionsCarryTheIdentifiersToo) {
  client_.ask(post("/v1/chat/completions", R"({"model":"gpt-4o","tools":[{}],"messages":[]})",
                   std::string(kOwnKey) + "x-user-id: a\r\nx-focus-id: b\r\n"));
  proxy_.records().terminals(1);
  const auto tools = proxy_.records().named("tools_detected");
  ASSERT_EQ(tools.size(), 1u);
  EXPECT_EQ(tools[0]["user_id"], pseudonym("u", "a"));
  EXPECT_EQ(tools[0]["focus_id"], pseudonym("f", "b"));
}

// S3-H07
TEST_F(Headers, ATraceGoesOnWithASpanOfOurs) {
  const auto head =
      sent("traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00\r\n");
  const auto trace = value(head, "traceparent");
  EXPECT_EQ(trace.substr(0, 36), "00-0af7651916cd43dd8448eb211c80319c-");
  EXPECT_NE(trace.substr(36, 16), "b7ad6b7169203331");
  EXPECT_EQ(trace.substr(52), "-00");
  EXPECT_EQ(told()["trace_id"], "0af7651916cd43dd8448eb211c80319c");
  for (const auto* bad : {"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
                          "00-00000000000000000000000000000000-b7ad6b7169203331-01"}) {
    const auto fresh = value(sent("traceparent: " + std::string(bad) + "\r\n"), "traceparent");
    EXPECT_EQ(fresh.size(), 55u);
    EXPECT_NE(fresh.substr(3, 32), std::string(bad).substr(3, 32));
  }
}

// S3-H08: recorded, and it moves nothing unless the configuration lets it.
TEST_F(Headers, AProviderHintIsRecordedAndDoesNotRoute) {
  EXPECT_EQ(value(sent("x-provider: deepgram\r\n"), "x-provider"), "deepgram");
  EXPECT_EQ(told()["provider_hint"], "deepgram");
  EXPECT_EQ(told()["provider"], "openai");
  EXPECT_EQ(value(sent("x-provider: deep gram\r\n"), "x-provider"), "");
  EXPECT_EQ(told()["provider_hint"], "");
}

// S3-H09
TEST_F(Headers, AModelHintIsRecordedAndTheBodysModelIsAskedFor) {
  EXPECT_EQ(value(sent("x-model-id: gpt-4o-mini\r\n"), "x-model-id"), "gpt-4o-mini");
  EXPECT_EQ(body_of(provider_.request()), kChat);
  EXPECT_EQ(told()["model_hint"], "gpt-4o-mini");
  EXPECT_EQ(told()["model"], "gpt-4o");
  // Where no body names one, the hint is what the call counts under.
  client_.ask(
      post("/v1/audio/speech", "...", std::string(kOwnKey) + "x-model-id: gpt-4o-mini\r\n"));
  ++asked_;
  EXPECT_EQ(told()["model"], "gpt-4o-mini");
  EXPECT_EQ(value(sent("x-model-id: not a model\r\n"), "x-model-id"), "");
}

// S3-H11
TEST_F(Headers, AnswersAreNotStoredUnlessTheProviderSaysHow) {
  sent("");
  EXPECT_EQ(answer_.field("cache-control"), "no-store");
  EXPECT_EQ(client_.ask(post("/v1/chat/completions", "no json", kOwnKey)).field("cache-control"),
            "no-store");
  CapturingProvider cached(answer_with("{}", "Cache-Control: max-age=5\r\n"));
  Proxy proxy(config_for(cached.port()));
  TestClient client(proxy.port());
  EXPECT_EQ(client.ask(http::get("/v1/models", kOwnKey)).field("cache-control"), "max-age=5");
}

// S3-H10
TEST(Streaming, AnswersTextEventStreamToWhoAcceptsIt) {
  CapturingProvider provider(stream_head() + chunk("data: [DONE]\n\n") + std::string(kLastChunk));
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  const auto answer =
      client.ask(post("/v1/chat/completions", R"({"model":"gpt-4o","stream":true,"messages":[]})",
                      std::string(kOwnKey) + "accept: text/event-stream\r\n"));
  EXPECT_EQ(answer.field("content-type"), "text/event-stream");
  EXPECT_TRUE(has_line(provider.request(), "accept: text/event-stream"));
}

// S3-R03
TEST_F(Headers, UnknownFieldsStayHereAndAreCounted) {
  const auto head = sent(
      "x-forwarded-for: 10.0.0.1\r\nx-real-ip: 10.0.0.1\r\nx-secret-project: CANARY\r\n"
      "baggage: userId=alice\r\nanthropic-beta: a\r\nopenai-organization: org\r\n"
      "x-stainless-os: Linux\r\nx-stainless-arch: \xe2\x82\xac\r\n");
  for (const auto* gone : {"x-forwarded-for", "x-real-ip", "x-secret-project", "baggage",
                           "anthropic-beta", "x-stainless-arch"}) {
    EXPECT_EQ(value(head, gone), "") << gone;
  }
  EXPECT_EQ(value(head, "openai-organization"), "org");
  EXPECT_EQ(value(head, "x-stainless-os"), "Linux");
  EXPECT_EQ(answer_.field("x-ratelimit-remaining-requests"), "7");
  EXPECT_EQ(stripped("unknown"), 3);
  EXPECT_EQ(stripped("malformed"), 1);
}

TEST(Conventions, ReadsTheLaterNameOfAFocusOnlyWhereTheFirstIsMissing) {
  net::Headers headers;
  headers.all = {{"X-Tracked-Skill-Id", "later"}, {"X-Focus-Id", "first"}};
  StrippedCounts stripped{};
  EXPECT_EQ(Conventions::read(headers, stripped).focus_id, "first");
  headers.all.pop_back();
  EXPECT_EQ(Conventions::read(headers, stripped).focus_id, "later");
  EXPECT_EQ(stripped, StrippedCounts{});
}

}  // namespace
}  // namespace sightglass::gateway
