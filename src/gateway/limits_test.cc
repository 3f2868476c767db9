// Limits of clients and the turns of providers' keys, over real sockets.
#include <gtest/gtest.h>

#include <map>

#include "gateway/proxy_fixture.h"

namespace sightglass::gateway {
namespace {

using http::get;
using http::post;
using http::TestClient;
using net::ScriptedPeer;
using net::ScriptedServer;

constexpr std::string_view kClientKey = "Authorization: Bearer sg_client_of_the_limits_test\r\n";
constexpr std::string_view kChat = "/v1/chat/completions";
constexpr std::string_view kAnswer =
    R"({"model":"gpt-4o-mini","usage":{"prompt_tokens":1000,"completion_tokens":1000}})";
constexpr std::int64_t kAnswerNanousd = 750'000;  // 1000 at 0.15 and 1000 at 0.60 dollars a million

Config limited(std::uint16_t port, control::ClientLimits limits,
               ProviderKind kind = ProviderKind::kOpenAi) {
  auto config = config_for(port, kind);
  config.providers[0].api_keys = {"sk-of-the-provider"};
  ClientConfig client;
  client.id = "app";
  client.key = "sg_client_of_the_limits_test";
  client.limits = limits;
  config.clients.push_back(client);
  return config;
}

control::ClientLimits per_minute(std::int64_t requests) {
  control::ClientLimits out;
  out.requests_per_minute = requests;
  return out;
}

control::ClientLimits per_day(std::int64_t nanousd) {
  control::ClientLimits out;
  out.nanousd_per_day = nanousd;
  return out;
}

// A prompt of so many bytes, which is to be answered with at most a thousand tokens.
std::string chat(std::size_t bytes = 100, std::string_view model = "gpt-4o-mini") {
  return R"({"model":")" + std::string(model) +
         R"(","max_tokens":1000,"messages":[{"role":"user","content":")" + std::string(bytes, 'x') +
         R"("}]})";
}

// S4-B04
TEST(Limits, ARefusalSpeaksOpenAisProtocolAndLeavesOneRejectedTerminal) {
  CapturingProvider provider(answer_with(kAnswer));
  Proxy proxy(limited(provider.port(), per_minute(1)));
  TestClient client(proxy.port());
  EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  const auto refused = client.ask(post(kChat, chat(), kClientKey));
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find(R"("type":"rate_limit_exceeded")"), std::string::npos);
  EXPECT_NE(refused.body.find(R"("code":"policy_rate_limited")"), std::string::npos);
  EXPECT_EQ(refused.field("x-ratelimit-limit-requests"), "1");
  EXPECT_EQ(refused.field("x-ratelimit-remaining-requests"), "0");
  EXPECT_EQ(refused.field("x-ratelimit-reset-requests"), refused.field("retry-after") + "s");
  EXPECT_GE(parse_int(refused.field("retry-after")).value_or(0), 1);
  const auto told = proxy.records().terminals(2);
  EXPECT_EQ(told[1].event, "request_rejected");
  EXPECT_EQ(told[1]["outcome"], "rejected");
  EXPECT_EQ(told[1]["error_type"], "policy_rate_limited");
  EXPECT_EQ(told[1]["client"], "app");
  EXPECT_EQ(told[1]["attempts"], "0");
  EXPECT_EQ(provider.request(1), "") << "nothing went upstream";
}

TEST(Limits, ARefusalSpeaksAnthropicsProtocol) {
  CapturingProvider provider(answer_with("{}"));
  Proxy proxy(limited(provider.port(), per_day(1), ProviderKind::kAnthropic));
  TestClient client(proxy.port());
  const std::string body = R"({"model":"claude-haiku-4-5","max_tokens":10,"messages":[]})";
  const auto refused = client.ask(post("/v1/messages", body, kClientKey));
  EXPECT_EQ(refused.status, 429);
  EXPECT_NE(refused.body.find(R"({"type":"error","error":{"type":"rate_limit_error")"),
            std::string::npos);
  EXPECT_EQ(refused.field("x-ratelimit-limit-usd-day"), "0.000000001");
  EXPECT_EQ(refused.field("x-ratelimit-remaining-usd-day"), "0.000000001");
  EXPECT_EQ(proxy.records().terminals(1)[0]["error_type"], "policy_budget_exceeded");
}

// The estimate is a little above the truth: 3,000 bytes and more for 1,000 tokens.
TEST(Limits, MoneyIsSettledWithTheRealUsageAndNeverPassesTheLimit) {
  CapturingProvider provider(answer_with(kAnswer));
  const std::int64_t limit = 100 * kAnswerNanousd;
  Proxy proxy(limited(provider.port(), per_day(limit)));
  TestClient client(proxy.port());
  int passed = 0;
  while (passed < 200 && client.ask(post(kChat, chat(3'000), kClientKey)).status == 200) ++passed;
  EXPECT_GE(passed, 99);
  EXPECT_LE(passed, 100);
  proxy.records().terminals(static_cast<std::size_t>(passed) + 1);
  const auto state = proxy.limiter().find("app")->state(SystemClock().wall_ns());
  EXPECT_EQ(state.nanousd[1], passed * kAnswerNanousd);
  EXPECT_LE(state.nanousd[1], limit);
  EXPECT_EQ(state.reserved_nanousd, 0);
  EXPECT_EQ(state.refused[1], 1u);
}

TEST(Limits, AStartSaysWhatIsReservedForItAndOnlyWhereMoneyIsLimited) {
  CapturingProvider provider(answer_with(kAnswer));
  Proxy proxy(limited(provider.port(), per_day(1'000'000'000)));
  TestClient client(proxy.port());
  const auto body = chat(3'000);
  client.ask(post(kChat, body, kClientKey));
  proxy.records().terminals(1);
  const auto start = proxy.records().named("chat_completion_request_start")[0];
  const auto input = (static_cast<std::int64_t>(body.size()) + 2) / 3;
  EXPECT_EQ(start["reserved_nanousd"], std::to_string(input * 150 + 1'000 * 600));

  Proxy other(limited(provider.port(), per_minute(10)));
  TestClient second(other.port());
  second.ask(post(kChat, body, kClientKey));
  other.records().terminals(1);
  EXPECT_EQ(other.records().named("chat_completion_request_start")[0]["reserved_nanousd"], "");
}

TEST(Limits, WithoutMaxTokensTheUsualOutputOfTheModelCounts) {
  CapturingProvider provider(answer_with(kAnswer));
  Proxy proxy(limited(provider.port(), per_day(1'000'000'000)));
  proxy.limiter().publish({{"gpt-4o-mini", 77}});
  TestClient client(proxy.port());
  const std::string mini = R"({"model":"gpt-4o-mini","messages":[]})";
  const std::string other = R"({"model":"gpt-4o","messages":[]})";
  client.ask(post(kChat, mini, kClientKey));
  client.ask(post(kChat, other, kClientKey));
  proxy.records().terminals(2);
  const auto starts = proxy.records().named("chat_completion_request_start");
  const auto input = [](const std::string& b) {
    return (static_cast<std::int64_t>(b.size()) + 2) / 3;
  };
  EXPECT_EQ(starts[0]["reserved_nanousd"], std::to_string(input(mini) * 150 + 77 * 600));
  const auto most = price::PriceBook::built_in()->max_output_tokens("gpt-4o");
  ASSERT_TRUE(most);
  EXPECT_EQ(starts[1]["reserved_nanousd"], std::to_string(input(other) * 2'500 + *most * 10'000))
      << "nothing is known of this one: its own limit";
}

TEST(Limits, WhatCannotBePricedIsRefusedWhereMoneyIsLimited) {
  CapturingProvider provider(answer_with("{}"));
  Proxy proxy(limited(provider.port(), per_day(1'000'000'000)));
  TestClient client(proxy.port());
  EXPECT_EQ(client.ask(post(kChat, chat(10, "a-model-without-a-price"), kClientKey)).status, 403);
  EXPECT_EQ(client.ask(post("/providers/openai/v1/batches", "{}", kClientKey)).status, 403);
  EXPECT_EQ(client.ask(get("/v1/models", kClientKey)).status, 200) << "lists are free";
  const auto told = proxy.records().terminals(3);
  EXPECT_EQ(told[0]["error_type"], "policy_denied");
  EXPECT_EQ(told[1]["error_type"], "policy_denied");
  EXPECT_EQ(told[2]["outcome"], "ok");
}

TEST(Limits, MoneyLimitsFailClosedWhileNothingCanBeRecorded) {
  CapturingProvider provider(answer_with(kAnswer));
  Proxy proxy(limited(provider.port(), per_day(1'000'000'000)));
  Proxy other(limited(provider.port(), per_minute(10)));
  proxy.set_recordable(false);
  other.set_recordable(false);
  TestClient client(proxy.port()), second(other.port());
  const auto refused = client.ask(post(kChat, chat(), kClientKey));
  EXPECT_EQ(refused.status, 503);
  EXPECT_EQ(refused.field("retry-after"), "1");
  EXPECT_EQ(second.ask(post(kChat, chat(), kClientKey)).status, 200) << "other traffic flows";
  proxy.set_recordable(true);
  EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
}

TEST(Limits, AParallelRequestHasItsPlaceUntilItHasEnded) {
  std::promise<void> go;
  ScriptedServer provider({[&](ScriptedPeer& peer) {
    peer.read_request();
    go.get_future().wait();
    peer.send(answer_with(kAnswer));
    peer.read_request();
    peer.send(answer_with(kAnswer));
  }});
  control::ClientLimits limits;
  limits.parallel_requests = 1;
  Proxy proxy(limited(provider.port(), limits));
  TestClient first(proxy.port()), second(proxy.port());
  first.send(post(kChat, chat(), kClientKey));
  EXPECT_TRUE(http::eventually([&] { return proxy.live().count() == 1; }));
  const auto refused = second.ask(post(kChat, chat(), kClientKey));
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.field("x-ratelimit-limit-parallel"), "1");
  go.set_value();
  EXPECT_EQ(first.answer().status, 200);
  proxy.records().terminals(2);
  EXPECT_EQ(second.ask(post(kChat, chat(), kClientKey)).status, 200);
}

TEST(Limits, WhatNeverReachedTheProviderCostsNothing) {
  std::uint16_t port = 0;
  {
    port = ScriptedServer({}).port();
  }
  Proxy proxy(limited(port, per_day(1'000'000'000)));
  TestClient client(proxy.port());
  EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 502);
  proxy.records().terminals(1);
  const auto state = proxy.limiter().find("app")->state(SystemClock().wall_ns());
  EXPECT_EQ(state.nanousd[1], 0);
  EXPECT_EQ(state.reserved_nanousd, 0);
  EXPECT_EQ(state.running, 0);
}

TEST(Limits, AnUnknownUsageCountsAsItWasEstimated) {
  CapturingProvider provider(answer_with(R"({"model":"gpt-4o-mini"})"));
  Proxy proxy(limited(provider.port(), per_day(1'000'000'000)));
  TestClient client(proxy.port());
  client.ask(post(kChat, chat(), kClientKey));
  proxy.records().terminals(1);
  const auto start = proxy.records().named("chat_completion_request_start")[0];
  const auto state = proxy.limiter().find("app")->state(SystemClock().wall_ns());
  EXPECT_EQ(std::to_string(state.nanousd[1]), start["reserved_nanousd"]);
}

TEST(Limits, AnExpiredClientIsRefusedAndItsKeyGoesNowhere) {
  CapturingProvider provider(answer_with(kAnswer));
  auto config = limited(provider.port(), {});
  config.pass_through = PassThrough::kOn;
  config.clients[0].key = "a-key-without-our-prefix";
  config.clients[0].expires_ns = SystemClock().wall_ns() - 1;
  Proxy proxy(config);
  TestClient client(proxy.port());
  const auto ask = post(kChat, chat(), "Authorization: Bearer a-key-without-our-prefix\r\n");
  EXPECT_EQ(client.ask(ask).status, 401);
  config.clients[0].expires_ns = SystemClock().wall_ns() + 3'600 * kSecond;
  proxy.gateway().publish(proxy.settings(config));
  EXPECT_EQ(client.ask(ask).status, 200);
  EXPECT_EQ(provider.request(1), "") << "only one request went upstream";
}

// S4-A05
TEST(Limits, ARevokedKeyIsRefusedFromTheNextRequestOnAndGoesNowhere) {
  CapturingProvider provider(answer_with(kAnswer));
  auto config = limited(provider.port(), {});
  config.pass_through = PassThrough::kOn;
  config.clients[0].key = "a-key-without-our-prefix";
  Proxy proxy(config);
  TestClient client(proxy.port());
  const auto ask = post(kChat, chat(), "Authorization: Bearer a-key-without-our-prefix\r\n");
  EXPECT_EQ(client.ask(ask).status, 200);
  config.clients[0].revoked = true;
  proxy.gateway().publish(proxy.settings(config));
  EXPECT_EQ(client.ask(ask).status, 401);
  EXPECT_EQ(provider.request(1), "");
}

// ---- several keys of one provider ---------------------------------------------------------------

// Answers by the key that comes along; counts.
class KeyedProvider {
 public:
  explicit KeyedProvider(std::map<std::string, std::string> answers)
      : answers_(std::move(answers)),
        server_(
            std::vector<ScriptedServer::Script>(8, [this](ScriptedPeer& peer) { serve(peer); })) {}
  std::uint16_t port() const { return server_.port(); }
  int count(const std::string& key) {
    const std::scoped_lock lock(mutex_);
    return counts_[key];
  }

 private:
  void serve(ScriptedPeer& peer) {
    for (;;) {
      const auto request = peer.read_request();
      if (request.empty()) return;
      for (const auto& [key, answer] : answers_) {
        if (!has_line(request, "authorization: bearer " + key)) continue;
        {
          const std::scoped_lock lock(mutex_);
          ++counts_[key];
        }
        peer.send(answer);
      }
    }
  }
  std::map<std::string, std::string> answers_;
  std::mutex mutex_;
  std::map<std::string, int> counts_;
  ScriptedServer server_;
};

Config two_keys(std::uint16_t port) {
  auto config = limited(port, {});
  config.providers[0].api_keys = {"sk-first", "sk-second"};
  return config;
}

TEST(ProviderKeys, AreTakenInTurn) {
  KeyedProvider provider({{"sk-first", answer_with(kAnswer)}, {"sk-second", answer_with(kAnswer)}});
  Proxy proxy(two_keys(provider.port()));
  TestClient client(proxy.port());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  EXPECT_EQ(provider.count("sk-first"), 10);
  EXPECT_EQ(provider.count("sk-second"), 10);
}

TEST(ProviderKeys, AreTakenAtRandomWhereTheSettingsSaySo) {
  KeyedProvider provider({{"sk-first", answer_with(kAnswer)}, {"sk-second", answer_with(kAnswer)}});
  auto config = two_keys(provider.port());
  config.key_choice = KeyChoice::kRandom;
  Proxy proxy(config);
  TestClient client(proxy.port());
  for (int i = 0; i < 60; ++i) EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  EXPECT_GT(provider.count("sk-first"), 0);
  EXPECT_GT(provider.count("sk-second"), 0);
  EXPECT_EQ(provider.count("sk-first") + provider.count("sk-second"), 60);
}

TEST(ProviderKeys, TheOneWithTheFewestRunningRequestsIsTakenWhereTheSettingsSaySo) {
  KeyedProvider provider({{"sk-first", answer_with(kAnswer)}, {"sk-second", answer_with(kAnswer)}});
  auto config = two_keys(provider.port());
  config.key_choice = KeyChoice::kLeastLoaded;
  Proxy proxy(config);
  TestClient client(proxy.port());
  const auto settings = proxy.gateway().settings();
  const auto& keys = settings->provider("openai")->keys;
  keys[0].state->begin();  // as a request that runs on another worker
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  EXPECT_EQ(provider.count("sk-second"), 10);
  keys[0].state->end();
  for (int i = 0; i < 10; ++i) EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  EXPECT_EQ(provider.count("sk-first"), 5) << "in turn among equals";
  EXPECT_TRUE(http::eventually([&] { return keys[0].state->running() == 0; }));
  EXPECT_TRUE(http::eventually([&] { return keys[1].state->running() == 0; }));
}

TEST(ProviderKeys, OneThatIsToldToWaitIsPutAsideForThatLong) {
  KeyedProvider provider({{"sk-first", answer_with("{}", "Retry-After: 3000\r\n", "429 Too Many")},
                          {"sk-second", answer_with(kAnswer)}});
  Proxy proxy(two_keys(provider.port()));
  TestClient client(proxy.port());
  for (int i = 0; i < 20; ++i) EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  EXPECT_EQ(provider.count("sk-first"), 1);
  EXPECT_EQ(provider.count("sk-second"), 20) << "the refused request was sent again with it";
  const auto told = proxy.records().terminals(20);
  EXPECT_EQ(told[0]["attempts"], "2");
  EXPECT_EQ(told[0]["outcome"], "ok");
  EXPECT_EQ(told[0]["key"], told[1]["key"]) << "the key that was used in the end";
  EXPECT_EQ(proxy.records().named("proxy_request_error")[0]["error_type"], "provider_rate_limited");
  EXPECT_EQ(proxy.counter("sightglass_gateway_keys_put_aside_total", "rate_limited"), 1);
  const auto settings = proxy.gateway().settings();
  const auto& keys = settings->provider("openai")->keys;
  EXPECT_EQ(keys[0].state->times_aside(), 1u);
  EXPECT_TRUE(keys[0].state->aside(SystemClock().monotonic_ns() + 2'000 * kSecond));
  EXPECT_FALSE(keys[1].state->aside(0));
  // Settings that are made anew know it, too.
  proxy.gateway().publish(proxy.settings(two_keys(provider.port())));
  client.ask(post(kChat, chat(), kClientKey));
  client.ask(post(kChat, chat(), kClientKey));
  EXPECT_EQ(provider.count("sk-first"), 1);
}

TEST(ProviderKeys, WhereAllAreAsideTheOneWhoseTimeIsUpFirstGoes) {
  KeyedProvider provider(
      {{"sk-first", answer_with("{}", "Retry-After: 3000\r\n", "429 Too Many")},
       {"sk-second", answer_with("{}", "Retry-After: 2000\r\n", "429 Too Many")}});
  Proxy proxy(two_keys(provider.port()));
  TestClient client(proxy.port());
  for (int i = 0; i < 6; ++i) EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 429);
  EXPECT_EQ(provider.count("sk-first"), 1);
  EXPECT_EQ(provider.count("sk-second"), 6);
}

TEST(ProviderKeys, StayAsideTwiceAsLongEachTimeUntilOneAnswersWell) {
  KeyState key;
  Nanos now = 5 * kSecond;
  for (int n = 0; n < 14; ++n) {
    key.failed(std::nullopt, now);
    const auto wait = std::min(KeyState::kFirstAside << std::min(n, 20), KeyState::kLongestAside);
    EXPECT_TRUE(key.aside(now + wait - 1));
    EXPECT_FALSE(key.aside(now + wait));
    now += wait;
  }
  key.failed(std::nullopt, now);
  key.succeeded();
  EXPECT_FALSE(key.aside(now));
  key.failed(std::nullopt, now);
  EXPECT_FALSE(key.aside(now + KeyState::kFirstAside));
  key.failed(100'000 * kSecond, now);
  EXPECT_FALSE(key.aside(now + KeyState::kLongestRetryAfter)) << "nobody keeps a key away for days";
}

}  // namespace
}  // namespace sightglass::gateway
