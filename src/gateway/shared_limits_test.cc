// Requests that wait for limits which other gateways share, with a memory that the test plays.
#include <gtest/gtest.h>

#include <deque>
#include <set>
#include <string>

#include "gateway/proxy_fixture.h"

namespace sightglass::gateway {
namespace {

using http::eventually;
using http::post;
using http::TestClient;

constexpr std::string_view kClientKey = "Authorization: Bearer sg_client_of_the_shared_test\r\n";
constexpr std::string_view kChat = "/v1/chat/completions";
constexpr std::string_view kAnswer =
    R"({"model":"gpt-4o-mini","usage":{"prompt_tokens":10,"completion_tokens":10}})";

// Keeps who asks until the test decides, or decides at once.
class Others final : public control::SharedLimits {
 public:
  enum class Way { kLater, kPass, kRefuse };
  void admit(const std::shared_ptr<control::Account>& account, control::Waiting waiting) override {
    account_ = account;
    if (way == Way::kLater) {
      const std::scoped_lock lock(mutex_);
      waiting_.push_back(std::move(waiting));
    } else {
      decide(waiting, way == Way::kPass);
    }
  }
  void tell(const std::shared_ptr<control::Account>&) override { ++told; }
  std::size_t worker() const override { return 0; }

  std::size_t waiting() {
    const std::scoped_lock lock(mutex_);
    return waiting_.size();
  }
  // On the loop's thread.
  void decide_first(bool pass) {
    control::Waiting one;
    {
      const std::scoped_lock lock(mutex_);
      one = std::move(waiting_.front());
      waiting_.pop_front();
    }
    decide(one, pass);
  }

  std::atomic<Way> way{Way::kLater};
  std::atomic<int> told{0};

 private:
  void decide(control::Waiting& waiting, bool pass) {
    if (!pass) return waiting.done(control::Refusal{control::Limit::kRequests, 7, 0, 9});
    EXPECT_FALSE(account_->admit(*waiting.estimate, SystemClock().wall_ns(), *waiting.ticket));
    waiting.done(std::nullopt);
  }
  std::mutex mutex_;
  std::deque<control::Waiting> waiting_;
  std::shared_ptr<control::Account> account_;
};

Config limited(std::uint16_t port) {
  auto config = config_for(port);
  config.providers[0].api_keys = {"sk-of-the-provider"};
  ClientConfig client;
  client.id = "app";
  client.key = "sg_client_of_the_shared_test";
  client.limits.requests_per_minute = 1'000;
  config.clients.push_back(client);
  return config;
}

std::string chat(std::size_t bytes = 100) {
  return R"({"model":"gpt-4o-mini","max_tokens":10,"messages":[{"role":"user","content":")" +
         std::string(bytes, 'x') + R"("}]})";
}

TEST(SharedLimits, ARequestWaitsForTheOthersAndThenGoes) {
  CapturingProvider provider(answer_with(kAnswer));
  Others others;
  Proxy proxy(limited(provider.port()), gateway_catalogue(), &others);
  TestClient client(proxy.port());
  client.send(post(kChat, chat(), kClientKey));
  ASSERT_TRUE(eventually([&] { return others.waiting() == 1; }));
  EXPECT_EQ(provider.request(), "") << "nothing goes out before";
  proxy.on_loop([&] { others.decide_first(true); });
  EXPECT_EQ(client.answer().status, 200);
  proxy.records().terminals(1);
  EXPECT_EQ(others.told, 1) << "what it really used";
  EXPECT_EQ(proxy.limiter().find("app")->state(SystemClock().wall_ns()).running, 0);
  // Decided before admit() returns.
  others.way = Others::Way::kPass;
  EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 200);
  others.way = Others::Way::kRefuse;
  EXPECT_EQ(client.ask(post(kChat, chat(), kClientKey)).status, 429);
}

TEST(SharedLimits, ARefusalComesWithTheLimitThatStoodInTheWay) {
  CapturingProvider provider(answer_with(kAnswer));
  Others others;
  Proxy proxy(limited(provider.port()), gateway_catalogue(), &others);
  TestClient client(proxy.port());
  client.send(post(kChat, chat(), kClientKey));
  ASSERT_TRUE(eventually([&] { return others.waiting() == 1; }));
  proxy.on_loop([&] { others.decide_first(false); });
  const auto refused = client.answer();
  EXPECT_EQ(refused.status, 429);
  EXPECT_EQ(refused.field("x-ratelimit-limit-requests"), "7");
  EXPECT_EQ(refused.field("retry-after"), "9");
  EXPECT_EQ(proxy.records().terminals(1)[0]["outcome"], "rejected");
  EXPECT_EQ(provider.request(), "");
}

TEST(SharedLimits, AClientThatLeavesMeanwhileHoldsNothing) {
  CapturingProvider provider(answer_with(kAnswer));
  Others others;
  Proxy proxy(limited(provider.port()), gateway_catalogue(), &others);
  {
    TestClient client(proxy.port());
    client.send(post(kChat, chat(), kClientKey));
    ASSERT_TRUE(eventually([&] { return others.waiting() == 1; }));
  }
  // The server has noticed once a later request of another connection is through.
  others.way = Others::Way::kPass;
  TestClient second(proxy.port());
  EXPECT_EQ(second.ask(post(kChat, chat(), kClientKey)).status, 200);
  proxy.on_loop([&] { others.decide_first(true); });
  auto told = proxy.records().terminals(2);
  // The answer's record is handed over after its last byte: it may come behind the other.
  std::set<std::string> outcomes;
  for (auto& record : told) outcomes.insert(record["outcome"]);
  EXPECT_EQ(outcomes, (std::set<std::string>{"client_gone", "ok"}));
  EXPECT_TRUE(eventually([&] { return proxy.gateway().in_flight() == 0; }));
  EXPECT_EQ(proxy.limiter().find("app")->state(SystemClock().wall_ns()).running, 0);
  EXPECT_EQ(provider.request(1), "") << "it never went out";
}

TEST(SharedLimits, ARequestThatIsCancelledMeanwhileEndsOnce) {
  CapturingProvider provider(answer_with(kAnswer));
  Others others;
  Proxy proxy(limited(provider.port()), gateway_catalogue(), &others);
  TestClient client(proxy.port());
  client.send(post(kChat, chat(), kClientKey));
  ASSERT_TRUE(eventually([&] { return others.waiting() == 1; }));
  proxy.gateway().interrupt_all();
  EXPECT_GE(client.answer().status, 500);
  proxy.on_loop([&] { others.decide_first(true); });
  EXPECT_EQ(proxy.records().terminals(1)[0]["outcome"], "interrupted");
  EXPECT_TRUE(eventually([&] { return proxy.gateway().in_flight() == 0; }));
  EXPECT_EQ(proxy.limiter().find("app")->state(SystemClock().wall_ns()).running, 0);
  EXPECT_EQ(provider.request(), "");
}

TEST(SharedLimits, ALargeBodyIsHeldBackMeanwhileAndArrivesWhole) {
  CapturingProvider provider(answer_with(kAnswer));
  Others others;
  auto config = limited(provider.port());
  config.limits.buffer_bytes = 4 << 10;
  Proxy proxy(config, gateway_catalogue(), &others);
  const auto body = chat(6 << 20);
  for (const bool pass : {true, false, true}) {
    TestClient client(proxy.port());
    std::thread sender([&] { client.send(post(kChat, body, kClientKey)); });
    ASSERT_TRUE(eventually([&] { return others.waiting() == 1; }));
    proxy.on_loop([&] { others.decide_first(pass); });
    sender.join();
    EXPECT_EQ(client.answer().status, pass ? 200 : 429);
  }
  EXPECT_EQ(body_of(provider.request(0)), body);
  EXPECT_EQ(body_of(provider.request(1)), body);
}

}  // namespace
}  // namespace sightglass::gateway
