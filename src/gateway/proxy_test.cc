// The way through the gateway, over real sockets: what the provider gets, what the client gets, and
// what is told of it.
#include <zlib.h>

#include "gateway/golden_answers.h"
#include "gateway/proxy_fixture.h"

namespace sightglass::gateway {
namespace {

using http::post;
using http::TestClient;
using net::ScriptedPeer;
using net::ScriptedServer;

constexpr std::string_view kChat =
    R"({"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]})";
constexpr std::string_view kChatStream =
    R"({"model":"gpt-4o","stream":true,"messages":[{"role":"user","content":"hello"}]})";

std::string chunked_stream(const golden::Stream& stream, std::string_view line_end = "\n") {
  std::string out = stream_head();
  const auto text = golden::text_of(stream, line_end);
  for (std::size_t at = 0; at < text.size(); at += 37) {
    out += chunk(std::string_view(text).substr(at, 37));
  }
  return out.append(kLastChunk);
}

// ---- what passes --------------------------------------------------------------------------------

TEST(Proxy, RelaysAPlainAnswerByteForByteAndTellsOfIt) {
  const auto golden = golden::bodies()[0];
  CapturingProvider provider(answer_with(golden.json,
                                         "Set-Cookie: a=b\r\nx-ratelimit-limit: 5\r\n"
                                         "x-request-id: req_p1\r\nX-Odd: y\r\n"));
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  const auto answer = client.ask(post("/v1/chat/completions", kChat,
                                      std::string(kOwnKey) +
                                          "Cookie: c=d\r\nX-Odd: z\r\nOpenAI-Organization: org\r\n"
                                          "x-user-id: alice@example.com\r\n"));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, golden.json);
  EXPECT_EQ(answer.field("x-ratelimit-limit"), "5");
  EXPECT_EQ(answer.field("x-provider-request-id"), "req_p1");
  EXPECT_EQ(answer.field("set-cookie"), "");
  EXPECT_EQ(answer.field("x-odd"), "");

  const auto sent = provider.request();
  EXPECT_TRUE(sent.starts_with("POST /v1/chat/completions HTTP/1.1\r\n"));
  EXPECT_EQ(body_of(sent), kChat);
  EXPECT_TRUE(has_line(sent, "Authorization: Bearer sk-callers-own-key"));
  EXPECT_TRUE(has_line(sent, "Accept-Encoding: identity"));
  EXPECT_TRUE(has_line(sent, "OpenAI-Organization: org"));
  EXPECT_TRUE(has_line(sent, "x-request-id: " + answer.field("x-request-id")));
  EXPECT_EQ(sent.find("alice@example.com"), std::string::npos);
  EXPECT_NE(sent.find("x-user-id: u:"), std::string::npos);
  EXPECT_EQ(sent.find("Cookie"), std::string::npos);
  EXPECT_EQ(to_lower(sent).find("x-odd"), std::string::npos);

  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told.event, "chat_completion_success");
  EXPECT_EQ(told["outcome"], "ok");
  EXPECT_EQ(told["request_id"], answer.field("x-request-id"));
  EXPECT_EQ(told["provider"], "openai");
  EXPECT_EQ(told["model"], "gpt-4o");
  EXPECT_EQ(told["client"], "anonymous");
  EXPECT_EQ(told["key"], guard::key_id("openai", "sk-callers-own-key", proxy.keys()));
  EXPECT_EQ(told["input_tokens"], "7");
  EXPECT_EQ(told["cache_read_tokens"], "2");
  EXPECT_EQ(told["output_tokens"], "4");
  EXPECT_EQ(told["total_tokens"], "13");
  EXPECT_EQ(told["tool_calls"], "3");
  EXPECT_EQ(told["usage_state"], "exact");
  EXPECT_EQ(told["cost_nanousd"], std::to_string(7 * 2500 + 2 * 1250 + 4 * 10'000));
  EXPECT_EQ(told["price_version"], "2026-07-24");
  EXPECT_EQ(told["status_code"], "200");
  EXPECT_EQ(told["response_bytes"], std::to_string(golden.json.size()));
  EXPECT_EQ(told["request_bytes"], std::to_string(kChat.size()));
  EXPECT_EQ(told["attempts"], "1");
  EXPECT_EQ(told["message_count"], "1");
  EXPECT_TRUE(told["user_id"].starts_with("u:"));
  EXPECT_GT(std::stoll(told["latency_us"]), 0);
  const auto all = proxy.records().told();
  ASSERT_EQ(all.size(), 2u);  // a start and a terminal: two hand-offs
  EXPECT_EQ(all[0].event, "chat_completion_request_start");
  EXPECT_EQ(proxy.live().count(), 0u);
}

TEST(Proxy, AsksForUsageInAStreamAndHidesTheAnswerToItself) {
  const auto stream = golden::streams()[0];
  CapturingProvider provider(chunked_stream(stream));
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  const auto answer = client.ask(post("/v1/chat/completions", kChatStream,
                                      std::string(kOwnKey) + "Accept-Encoding: gzip\r\n"));
  auto shown = stream;
  shown.events.erase(shown.events.begin() + 3);
  EXPECT_EQ(answer.body, golden::text_of(shown, "\n"));
  const auto sent = provider.request();
  EXPECT_EQ(body_of(sent),
            R"({"stream_options":{"include_usage":true},)" + std::string(kChatStream.substr(1)));
  EXPECT_TRUE(has_line(sent, "Accept-Encoding: identity"));
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told.event, "stream_completed");
  EXPECT_EQ(told["is_streaming"], "true");
  EXPECT_EQ(told["cache_read_tokens"], "64");
  EXPECT_EQ(told["reasoning_tokens"], "5");
  EXPECT_EQ(told["model_response"], "gpt-4o-2024-08-06");
  EXPECT_EQ(told["chunks"], "4");
  EXPECT_FALSE(told["first_content_us"].empty());
}

std::string gzipped(std::string_view text) {
  z_stream z{};
  EXPECT_EQ(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string out(deflateBound(&z, text.size()) + 64, '\0');
  z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  z.avail_in = static_cast<uInt>(text.size());
  z.next_out = reinterpret_cast<Bytef*>(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&z, Z_FINISH), Z_STREAM_END);
  out.resize(z.total_out);
  deflateEnd(&z);
  return out;
}

TEST(Proxy, RelaysACompressedStreamUnchangedAndReadsItAllTheSame) {
  const auto stream = golden::streams()[0];
  const auto packed = gzipped(golden::text_of(stream, "\r\n"));
  CapturingProvider provider(stream_head("Content-Encoding: gzip\r\n") +
                             chunk(packed.substr(0, 40)) + chunk(packed.substr(40)) +
                             std::string(kLastChunk));
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  const std::string body =
      R"({"model":"gpt-4o","stream":true,"stream_options":{"include_usage":true}})";
  const auto answer = client.ask(
      post("/v1/chat/completions", body, std::string(kOwnKey) + "Accept-Encoding: br, gzip\r\n"));
  EXPECT_EQ(answer.body, packed);
  EXPECT_EQ(answer.field("content-encoding"), "gzip");
  EXPECT_TRUE(has_line(provider.request(), "Accept-Encoding: gzip"));
  EXPECT_EQ(body_of(provider.request()), body);
  EXPECT_EQ(proxy.records().terminals(1)[0]["output_tokens"], "20");
}

TEST(Proxy, ServesAnthropicMessages) {
  golden::Stream stream;
  for (const auto& candidate : golden::streams()) {
    if (candidate.dialect == Dialect::kAnthropicMessages && candidate.tool_calls == 1) {
      stream = candidate;
    }
  }
  CapturingProvider provider(chunked_stream(stream, "\r\n"));
  auto config = config_for(provider.port(), ProviderKind::kAnthropic);
  Proxy proxy(config);
  TestClient client(proxy.port());
  const std::string body =
      R"({"model":"claude-sonnet-4-5","max_tokens":99,"stream":true,"tools":[{}],"tool_choice":{"type":"any"},"messages":[]})";
  const auto answer = client.ask(post("/v1/messages", body, "x-api-key: sk-ant-own\r\n"));
  EXPECT_EQ(answer.body, golden::text_of(stream, "\r\n"));
  const auto sent = provider.request();
  EXPECT_EQ(body_of(sent), body);  // Anthropic's streams tell usage unasked
  EXPECT_TRUE(has_line(sent, "x-api-key: sk-ant-own"));
  EXPECT_TRUE(has_line(sent, "anthropic-version: 2023-06-01"));
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told["cache_write_5m_tokens"], "70");
  EXPECT_EQ(told["cache_write_1h_tokens"], "30");
  EXPECT_EQ(told["max_tokens"], "99");
  EXPECT_EQ(told["companions"], "tools_detected@0+tool_choice_detected@0");
  EXPECT_EQ(told["cost_nanousd"],
            std::to_string(25 * 3000 + 40 * 300 + 70 * 3750 + 30 * 6000 + 15 * 15'000));
  EXPECT_EQ(proxy.records().named("tools_detected").size(), 1u);
  EXPECT_EQ(proxy.records().named("messages_request_start").size(), 1u);
}

TEST(Proxy, PassesAProvidersOwnApiThrough) {
  CapturingProvider provider(answer_with("{}"));
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  EXPECT_EQ(client.ask(http::get("/providers/openai/v1/files?limit=3", kOwnKey)).status, 200);
  EXPECT_TRUE(provider.request().starts_with("GET /v1/files?limit=3 HTTP/1.1\r\n"));
  EXPECT_EQ(client.ask(http::get("/providers/nobody/v1/files", kOwnKey)).status, 404);
  EXPECT_EQ(client.ask(http::get("/providers/openai/a%2f..%2fb", kOwnKey)).status, 400);
  EXPECT_EQ(client.ask(http::get("/v1/models", kOwnKey)).status, 200);
  EXPECT_TRUE(provider.request(1).starts_with("GET /v1/models HTTP/1.1\r\n"));
  const auto told = proxy.records().terminals(3);
  EXPECT_EQ(told[0].event, "passthrough_success");
  EXPECT_EQ(told[0]["usage_state"], "none");
  EXPECT_EQ(told[0]["cost_nanousd"], "0");
  EXPECT_EQ(told[1]["error_type"], "caller_not_found");
  EXPECT_EQ(told[2]["endpoint"], "models");
}

TEST(Proxy, StreamsALargeBodyThroughAndTakesUsageFromTheAnswer) {
  const auto golden = golden::bodies()[0];
  CapturingProvider provider(answer_with(golden.json));
  auto config = config_for(provider.port());
  config.limits.buffer_bytes = 1000;
  Proxy proxy(config);
  TestClient client(proxy.port());
  const std::string body =
      R"({"model":"gpt-4o","stream":true,"x":")" + std::string(3 << 20, 'x') + "\"}";
  EXPECT_EQ(client.ask(post("/v1/chat/completions", body, kOwnKey)).body, golden.json);
  EXPECT_EQ(body_of(provider.request()), body);
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told["output_tokens"], "4");
  EXPECT_EQ(told["model_requested"], "");
  EXPECT_EQ(told["request_bytes"], std::to_string(body.size()));
}

TEST(Proxy, AsksAgainAsTheClientDidWhenTheQuestionForUsageIsRefused) {
  const auto stream = golden::streams()[3];  // without usage
  std::vector<std::string> bodies;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
                             bodies.push_back(body_of(peer.read_request()));
                             peer.send(answer_with("{}", "", "400 Bad Request"));
                             peer.read_to_end();
                           },
                           [&](ScriptedPeer& peer) {
                             for (int i = 0; i < 2; ++i) {
                               bodies.push_back(body_of(peer.read_request()));
                               peer.send(chunked_stream(stream));
                             }
                           }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(client.ask(post("/v1/chat/completions", kChatStream, kOwnKey)).body,
              golden::text_of(stream, "\n"));
  }
  const auto told = proxy.records().terminals(2);
  ASSERT_EQ(bodies.size(), 3u);
  EXPECT_NE(bodies[0], kChatStream);
  EXPECT_EQ(bodies[1], kChatStream);
  EXPECT_EQ(bodies[2], kChatStream);  // remembered
  EXPECT_EQ(told[0]["attempts"], "2");
  EXPECT_EQ(told[0]["usage_state"], "unknown");
  EXPECT_EQ(told[0]["usage_unknown_reason"], "not_sent");
  EXPECT_EQ(told[0]["unpriced_reason"], "no_usage");
  EXPECT_EQ(told[0]["cost_nanousd"], "");
}

// ---- who may ------------------------------------------------------------------------------------

TEST(Proxy, UsesItsOwnKeysForItsClientsAndForwardsNeitherSortOfTheirs) {
  CapturingProvider provider(answer_with(golden::bodies()[0].json));
  auto config = config_for(provider.port());
  config.providers[0].api_keys = {"sk-configured-key-of-the-provider"};
  config.model_aliases["fast"] = "openai:gpt-4o";
  ClientConfig team;
  team.id = "team-a";
  team.key = "sg_0123456789abcdef0123";
  team.allowed_models = {"gpt-4*"};
  ClientConfig gone = team;
  gone.id = "gone";
  gone.key = "sk-was-once-a-client-of-ours";
  gone.revoked = true;
  config.clients = {team, gone};
  Proxy proxy(config);
  TestClient client(proxy.port());
  const std::string team_key = "Authorization: Bearer sg_0123456789abcdef0123\r\n";
  EXPECT_EQ(client.ask(post("/v1/chat/completions", R"({"model":"fast"})", team_key)).status, 200);
  const auto sent = provider.request();
  EXPECT_EQ(body_of(sent), R"({"model":"gpt-4o"})");
  EXPECT_TRUE(has_line(sent, "Authorization: Bearer sk-configured-key-of-the-provider"));
  EXPECT_EQ(sent.find("sg_"), std::string::npos);

  const auto denied = client.ask(post("/v1/chat/completions", R"({"model":"o3"})", team_key));
  EXPECT_EQ(denied.status, 403);
  EXPECT_NE(denied.body.find("\"code\":\"policy_denied\""), std::string::npos);
  // Pass-through is off once clients exist; revoked and unknown keys of ours are never passed on.
  for (const auto* key : {"sk-callers-own-key", "sk-was-once-a-client-of-ours", "sg_unknown"}) {
    const auto refused = client.ask(
        post("/v1/chat/completions", kChat, "Authorization: Bearer " + std::string(key) + "\r\n"));
    EXPECT_EQ(refused.status, 401) << key;
  }
  EXPECT_EQ(provider.request(1), "");
  const auto told = proxy.records().terminals(2);
  EXPECT_EQ(told[0]["client"], "team-a");
  EXPECT_EQ(told[0]["model_requested"], "fast");
  EXPECT_EQ(told[0]["model_upstream"], "gpt-4o");
  EXPECT_EQ(told[1].event, "request_rejected");
  EXPECT_EQ(told[1]["outcome"], "rejected");
  EXPECT_EQ(told[1]["error_type"], "policy_denied");
}

TEST(Proxy, CountsRequestsWithoutIdentityInOneRecordASecond) {
  Proxy proxy(config_for(1));
  TestClient client(proxy.port());
  for (int i = 0; i < 5; ++i) {
    const auto refused = client.ask(post("/v1/messages", "{}"));
    EXPECT_EQ(refused.status, 401);
    EXPECT_NE(refused.body.find(R"("type":"authentication_error")"), std::string::npos);
    EXPECT_NE(refused.body.find(refused.field("x-request-id")), std::string::npos);
  }
  ASSERT_TRUE(http::eventually(
      [&] { return !proxy.records().named("api_key_validation_failed").empty(); }));
  EXPECT_EQ(proxy.records().named("api_key_validation_failed")[0]["count"], "5");
  EXPECT_EQ(proxy.records().told().size(), 1u);
}

// ---- what goes wrong ----------------------------------------------------------------------------

TEST(Proxy, RejectsABodyThatIsNoJsonObject) {
  Proxy proxy(config_for(1));
  TestClient client(proxy.port());
  const auto answer = client.ask(post("/v1/chat/completions", "{\"model\":", kOwnKey));
  EXPECT_EQ(answer.status, 400);
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told.event, "request_rejected");
  EXPECT_EQ(told["error_type"], "caller_bad_request");
  EXPECT_EQ(told["attempts"], "0");
  EXPECT_EQ(proxy.records().told().size(), 1u);  // nothing was sent: no start
}

TEST(Proxy, MapsAProvidersErrorsAndPassesThemOn) {
  const std::string body =
      R"({"error":{"message":"slow down","type":"rate_limit_error","code":null}})";
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    for (const auto* status : {"429 Too Many Requests", "500 Internal Server Error"}) {
      peer.read_request();
      peer.send(answer_with(body, "retry-after: 7\r\n", status));
    }
  }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  const auto limited = client.ask(post("/v1/chat/completions", kChat, kOwnKey));
  EXPECT_EQ(limited.status, 429);
  EXPECT_EQ(limited.body, body);
  EXPECT_EQ(limited.field("retry-after"), "7");
  EXPECT_EQ(client.ask(post("/v1/chat/completions", kChat, kOwnKey)).status, 500);
  const auto told = proxy.records().terminals(2);
  EXPECT_EQ(told[0].event, "chat_completions_error");
  EXPECT_EQ(told[0]["outcome"], "error");
  EXPECT_EQ(told[0]["error_type"], "provider_rate_limited");
  EXPECT_EQ(told[0]["upstream_status"], "429");
  EXPECT_EQ(told[0]["error_length"], "9");
  EXPECT_EQ(told[0]["usage_state"], "none");
  EXPECT_EQ(told[1]["error_type"], "provider_rate_limited");  // the provider's own word
}

TEST(Proxy, TriesAgainWhereNothingWasSentAndSaysSo) {
  const auto closed = [] {  // a port where nobody listens
    ScriptedServer server({});
    return server.port();
  }();
  Proxy proxy(config_for(closed, ProviderKind::kAnthropic));
  TestClient client(proxy.port());
  const auto answer = client.ask(post("/v1/messages", R"({"model":"m"})", kOwnKey));
  EXPECT_EQ(answer.status, 502);
  EXPECT_EQ(answer.body, R"({"type":"error","error":{"type":"api_error","message":)"
                         R"("no connection to the provider"},"request_id":")" +
                             answer.field("x-request-id") + "\"}");
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told["attempts"], "3");
  EXPECT_EQ(told["error_type"], "provider_connection_failed");
  EXPECT_EQ(told["usage_state"], "none");
  EXPECT_EQ(proxy.records().named("proxy_request_error").size(), 3u);
  EXPECT_EQ(proxy.records().named("proxy_retry_backoff").size(), 2u);
  EXPECT_EQ(proxy.records().named("messages_request_start").size(), 1u);
}

TEST(Proxy, CutsTheClientsStreamWhereTheProvidersBroke) {
  std::promise<void> begun;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(stream_head() +
              chunk("data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"));
    begun.get_future().wait();  // a reset would take what was not read along
    peer.reset();
  }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  client.send(post("/v1/chat/completions", kChatStream, kOwnKey));
  EXPECT_TRUE(client.wait_for("content"));
  begun.set_value();
  EXPECT_TRUE(client.at_end());
  EXPECT_EQ(client.received().find("0\r\n\r\n"), std::string::npos);
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told.event, "stream_generator_error");
  EXPECT_EQ(told["error_type"], "provider_stream_broken");
  EXPECT_EQ(told["usage_state"], "unknown");
  EXPECT_EQ(told["usage_unknown_reason"], "upstream_broken");
}

// Rule 7: a client that leaves never makes usage a silent zero.
TEST(Proxy, ReadsOnForTheUsageWhenTheClientHasLeft) {
  std::promise<void> client_left;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(stream_head() +
              chunk("data: {\"model\":\"m\",\"choices\":[{\"delta\":{\"content\":\"x\"}}]}\n\n"));
    client_left.get_future().wait();
    peer.send(
        chunk(
            "data: {\"choices\":[],\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n") +
        std::string(kLastChunk));
    peer.read_to_end();
  }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  client.send(post("/v1/chat/completions", kChatStream, kOwnKey));
  EXPECT_TRUE(client.wait_for("content"));
  client.reset();
  EXPECT_TRUE(http::eventually([&] { return proxy.connections() == 0; }));
  client_left.set_value();
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told.event, "client_disconnected");
  EXPECT_EQ(told["outcome"], "client_gone");
  EXPECT_EQ(told["error_type"], "caller_cancelled");
  EXPECT_EQ(told["usage_state"], "exact");
  EXPECT_EQ(told["output_tokens"], "6");
}

TEST(Proxy, FlagsUsageAsPartialWhereReadingOnWouldCostTooMuch) {
  std::promise<void> client_left;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    peer.read_request();
    peer.send(
        stream_head() +
        chunk(
            "data: {\"type\":\"message_start\",\"message\":{\"usage\":{\"input_tokens\":5}}}\n\n"));
    client_left.get_future().wait();
    for (int i = 0; i < 100; ++i) peer.send(chunk(": " + std::string(1000, 'x') + "\n\n"));
    peer.read_to_end();
  }});
  auto config = config_for(provider.port(), ProviderKind::kAnthropic);
  config.limits.drain_bytes = 5000;
  Proxy proxy(config);
  TestClient client(proxy.port());
  client.send(post("/v1/messages", R"({"model":"claude-opus-5","stream":true})", kOwnKey));
  EXPECT_TRUE(client.wait_for("message_start"));
  client.reset();
  EXPECT_TRUE(http::eventually([&] { return proxy.connections() == 0; }));
  client_left.set_value();
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told["usage_state"], "partial");
  EXPECT_EQ(told["usage_unknown_reason"], "client_gone");
  EXPECT_EQ(told["input_tokens"], "5");
  EXPECT_EQ(told["cost_nanousd"], "25000");
}

TEST(Proxy, PausesTheProviderWhileItsClientReadsSlowly) {
  const std::string big = "{\"x\":\"" + std::string(24 << 20, 'x') + "\"}";
  CapturingProvider provider(answer_with(big));
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  client.send(post("/v1/chat/completions", kChat, kOwnKey));
  EXPECT_TRUE(http::eventually(
      [&] { return proxy.counter("sightglass_gateway_slow_reader_pauses_total") > 0; }));
  EXPECT_EQ(proxy.live().count(), 1u);
  EXPECT_EQ(client.answer().body, big);
  EXPECT_EQ(proxy.records().terminals(1)[0]["response_bytes"], std::to_string(big.size()));
}

TEST(Proxy, EndsWhatIsInFlightAsInterrupted) {
  std::promise<void> over;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    peer.read_request();
    over.get_future().wait();
  }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  client.send(post("/v1/chat/completions", kChat, kOwnKey));
  EXPECT_TRUE(http::eventually([&] { return proxy.live().count() == 1; }));
  proxy.gateway().drain();
  TestClient late(proxy.port());
  EXPECT_EQ(late.ask(post("/v1/chat/completions", kChat, kOwnKey)).status, 503);
  proxy.gateway().interrupt_all();
  EXPECT_EQ(client.answer().status, 503);
  const auto told = proxy.records().terminals(2);
  EXPECT_EQ(told[0]["error_type"], "gateway_draining");
  EXPECT_EQ(told[1].event, "request_interrupted");
  EXPECT_EQ(told[1]["outcome"], "interrupted");
  EXPECT_EQ(told[1]["usage_unknown_reason"], "interrupted");
  EXPECT_TRUE(http::eventually([&] { return proxy.gateway().in_flight() == 0; }));
  over.set_value();
}

TEST(Proxy, ShowsWhoIsRunningAndCancelsOne) {
  std::promise<void> over;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    peer.read_request();
    over.get_future().wait();
  }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  client.send(post("/v1/chat/completions", R"({"model":"openai:gpt-4o","stream":true})", kOwnKey));
  EXPECT_TRUE(http::eventually([&] { return proxy.live().count() == 1; }));
  bool truncated = false;
  const auto row = proxy.live().snapshot(10, truncated)[0];
  EXPECT_EQ(row.requested_model, "openai:gpt-4o");
  EXPECT_EQ(row.model, "gpt-4o");
  EXPECT_EQ(row.resolved_model, "gpt-4o");
  EXPECT_EQ(row.qualified_model, "openai:gpt-4o");
  EXPECT_TRUE(row.is_streaming);
  EXPECT_EQ(proxy.gateway().cancel("of-nobody"), 0u);
  EXPECT_EQ(proxy.gateway().cancel(row.request_id), 1u);
  EXPECT_EQ(client.answer().status, 499);
  const auto told = proxy.records().terminals(1)[0];
  EXPECT_EQ(told["error_type"], "policy_cancelled");
  EXPECT_EQ(told["outcome"], "interrupted");
  EXPECT_EQ(proxy.gateway().cancel(row.request_id), 0u) << "it has ended";
  over.set_value();
}

// ---- nothing private is told --------------------------------------------------------------------

TEST(Proxy, TellsNothingOfWhatPassedThrough) {
  const std::string canary = "CANARY7f3a";
  const std::string answer =
      R"({"model":"CANARY7f3a secret model","choices":[{"message":{"content":"CANARY7f3a","tool_calls":[{"function":{"name":"CANARY7f3a","arguments":"CANARY7f3a"}}]}}],"usage":{"prompt_tokens":1,"completion_tokens":1},"error":{"message":"CANARY7f3a","type":"CANARY7f3a"}})";
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    for (const auto* status : {"200 OK", "500 CANARY7f3a", "200 OK"}) {
      peer.read_request();
      peer.send(answer_with(answer, "X-Secret: CANARY7f3a\r\n", status));
    }
  }});
  Proxy proxy(config_for(provider.port()));
  TestClient client(proxy.port());
  const std::string body =
      R"({"model":"gpt-4o CANARY7f3a","user":"CANARY7f3a@example.com","metadata":{"session_id":"CANARY7f3a"},"service_tier":"CANARY7f3a","tools":[{"function":{"name":"CANARY7f3a"}}],"messages":[{"role":"user","content":"CANARY7f3a"}]})";
  const std::string fields =
      "Authorization: Bearer sk-CANARY7f3a\r\nx-user-id: CANARY7f3a\r\nx-session-id: CANARY7f3a\r\n"
      "User-Agent: CANARY7f3a\r\nx-title: CANARY7f3a\r\nCookie: CANARY7f3a\r\n"
      "tracestate: k=CANARY7f3a\r\n";
  for (const int status : {200, 500}) {
    EXPECT_EQ(client.ask(post("/v1/chat/completions?q=CANARY7f3a", body, fields)).status, status);
  }
  // A name that is fit to be shown passes: the search below can find something.
  client.ask(post("/v1/embeddings", R"({"model":"MARKER-may-pass"})", kOwnKey));
  proxy.records().terminals(3);
  const auto bytes = proxy.records().bytes();
  EXPECT_EQ(bytes.find(canary), std::string::npos);
  EXPECT_EQ(to_lower(bytes).find("canary"), std::string::npos);
  EXPECT_NE(bytes.find("MARKER-may-pass"), std::string::npos);
  const auto told = proxy.records().terminals(3);
  EXPECT_EQ(told[0]["model"], "other");
  EXPECT_EQ(told[0]["model_requested"], "");
}

}  // namespace
}  // namespace sightglass::gateway
