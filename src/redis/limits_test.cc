// Links on loops of their own: to a real redis-server, and to what only seems to be one.
#include "redis/limits.h"

#include <gtest/gtest.h>

#include <atomic>
#include <deque>
#include <future>
#include <thread>

#include "net/scripted_server.h"
#include "redis/real_redis.h"

namespace sightglass::redis {
namespace {

struct CapturingLog final : Log {
  void write(Level, std::string_view, std::string_view message, std::string_view) override {
    const std::scoped_lock lock(mutex);
    text.append(message).append("\n");
  }
  bool enabled(Level) const override { return true; }
  std::string all() {
    const std::scoped_lock lock(mutex);
    return text;
  }
  std::mutex mutex;
  std::string text;
};

bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

Options at(std::uint16_t port, Nanos timeout_ns = 10 * kSecond) {
  Options out;
  out.host = "localhost";
  out.port = port;
  out.timeout_ns = timeout_ns;
  return out;
}

// A gateway's side: workers with loops of their own, as the program has them.
class Site {
 public:
  Site(const Options& options, std::string id, control::ClientLimits limits,
       std::size_t workers = 2)
      : memory_(options, "t:", std::move(id), limiter_, clock_, telemetry_, log_) {
    limiter_.restore([](const auto&) { return control::Spending{}; });
    account_ = limiter_.configure("app", limits);
    for (std::size_t i = 0; i < workers; ++i) {
      loops_.push_back(std::move(*net::Loop::make(clock_)));
      limits_.push_back(std::make_unique<Limits>(
          memory_, *loops_[i], i,
          [this](std::size_t worker, auto task) { loops_[worker]->post(std::move(task)); }));
    }
    for (std::size_t i = 0; i < workers; ++i) {
      threads_.emplace_back([loop = loops_[i].get()] { loop->run(); });
      loops_[i]->post([limits = limits_[i].get()] { limits->start(); });
    }
  }
  ~Site() {
    for (auto& loop : loops_) loop->stop();
    for (auto& thread : threads_) thread.join();
  }

  // On one of the workers; `done` counts there.
  void ask(std::size_t worker) {
    auto& asked = asked_.emplace_back(std::make_unique<Asked>());
    loops_[worker]->post([this, worker, a = asked.get()] {
      control::Waiting waiting{&a->estimate, &a->ticket, 0, [this, a](auto refusal) {
                                 EXPECT_NE(a->ticket.held, refusal.has_value());
                                 (refusal ? refused : passed).fetch_add(1);
                               }};
      limits_[worker]->admit(account_, std::move(waiting));
    });
  }
  bool is_ready() { return memory_.health.state().links == static_cast<int>(loops_.size()); }
  Health::State health() { return memory_.health.state(); }
  std::string log() { return log_.all(); }
  control::Account& account() { return *account_; }

  std::atomic<int> passed{0}, refused{0};

 private:
  struct Asked {
    control::Estimate estimate{1, 1};
    control::Ticket ticket;
  };
  SystemClock clock_;
  Telemetry telemetry_;
  CapturingLog log_;
  control::Limiter limiter_;
  std::shared_ptr<control::Account> account_;
  Memory memory_;
  std::deque<std::unique_ptr<Asked>> asked_;
  std::vector<std::unique_ptr<net::Loop>> loops_;
  std::vector<std::unique_ptr<Limits>> limits_;
  std::vector<std::thread> threads_;
};

control::ClientLimits requests(std::int64_t n) {
  control::ClientLimits out;
  out.requests_per_minute = n;
  return out;
}

TEST(Limits, OfAThousandAtOnceOverTwoGatewaysExactlyAHundredPass) {
  RealRedis redis;
  Site a(at(redis.port()), "a", requests(100)), b(at(redis.port()), "b", requests(100));
  ASSERT_TRUE(eventually([&] { return a.is_ready() && b.is_ready(); }));
  for (std::size_t i = 0; i < 500; ++i) {
    a.ask(i % 2);
    b.ask(i % 2);
  }
  ASSERT_TRUE(eventually([&] { return a.passed + a.refused + b.passed + b.refused == 1'000; }));
  EXPECT_EQ(a.passed + b.passed, 100);
  EXPECT_EQ(a.health().alone + b.health().alone, 0);
  EXPECT_GT(a.health().round_trips, 0);
}

// What it had been asked before it stopped is still done afterwards, and then replaced.
TEST(Limits, AServerThatStoppedIsDoneWithoutAndWhatWasUsedIsToldAfterwards) {
  RealRedis redis;
  Site a(at(redis.port(), 100 * kMillisecond), "a", requests(10));
  ASSERT_TRUE(eventually([&] { return a.is_ready(); }));
  redis.pause();
  for (std::size_t i = 0; i < 15; ++i) a.ask(i % 2);
  ASSERT_TRUE(eventually([&] { return a.passed + a.refused == 15; })) << "nobody waits for ever";
  EXPECT_EQ(a.passed, 10) << "its own use is known";
  EXPECT_FALSE(a.health().ok);
  EXPECT_GT(a.health().alone, 0);
  EXPECT_NE(a.log().find("does not answer in time"), std::string::npos) << a.log();
  redis.resume();
  ASSERT_TRUE(eventually([&] { return a.is_ready() && a.health().ok; }));
  Site b(at(redis.port()), "b", requests(10));
  ASSERT_TRUE(eventually([&] { return b.is_ready(); }));
  ASSERT_TRUE(eventually([&] {
    const auto told = redis.call({"HGET", "t:limits:{app}:requests", "a"}).text;
    return control::MinuteSum::sum_of_text(told, 0) == 10;
  }));
  b.ask(0);
  ASSERT_TRUE(eventually([&] { return b.refused == 1; }));
}

TEST(Limits, AServerThatForgotEverythingIsToldAnew) {
  RealRedis redis;
  Site a(at(redis.port()), "a", requests(100));
  ASSERT_TRUE(eventually([&] { return a.is_ready(); }));
  for (std::size_t i = 0; i < 30; ++i) a.ask(i % 2);
  ASSERT_TRUE(eventually([&] { return a.passed == 30; }));
  redis.kill();
  ASSERT_TRUE(eventually([&] { return a.health().links == 0; }));
  for (std::size_t i = 0; i < 10; ++i) a.ask(i % 2);
  ASSERT_TRUE(eventually([&] { return a.passed == 40; })) << "requests go on";
  redis.start();
  // Without any further request.
  ASSERT_TRUE(eventually([&] {
    const auto told = redis.call({"HGET", "t:limits:{app}:requests", "a"}).text;
    return control::MinuteSum::sum_of_text(told, 0) == 40;
  }));
  EXPECT_NE(a.log().find("limits are shared again"), std::string::npos) << a.log();
}

TEST(Limits, AWrongPasswordIsNamedAndNotShown) {
  RealRedis redis({"--requirepass", "the-right-one"});
  for (const std::string given : {"the-wrong-one", ""}) {
    auto options = at(redis.port());
    options.password = given;
    Site a(options, "a", requests(2));
    ASSERT_TRUE(eventually([&] { return !a.log().empty(); }));
    EXPECT_NE(a.health().problem.find("check username and password"), std::string::npos);
    for (std::size_t i = 0; i < 3; ++i) a.ask(i % 2);
    ASSERT_TRUE(eventually([&] { return a.passed == 2 && a.refused == 1; }));
    EXPECT_EQ(a.log().find("one\n"), std::string::npos);
    EXPECT_EQ(a.log().find("the-wrong"), std::string::npos);
  }
  auto options = at(redis.port());
  options.password = "the-right-one";
  Site a(options, "a", requests(2));
  EXPECT_TRUE(eventually([&] { return a.is_ready(); }));
}

TEST(Limits, WhatIsNoRedisIsDoneWithout) {
  const auto say = [](const std::string& text) {
    return std::vector<net::ScriptedServer::Script>(40, [text](net::ScriptedPeer& peer) {
      peer.read_until("\r\n");
      peer.send(text);
      peer.read_to_end();
    });
  };
  const std::pair<std::string, std::string> kinds[] = {
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak Redis"},
      {"+OK\r\n+OK\r\n+OK\r\n", "does not speak Redis"},
      {"-LOADING Redis is loading the dataset in memory\r\n", "it said LOADING"}};
  for (const auto& kind : kinds) {
    const std::string& sentence = kind.second;
    net::ScriptedServer server(say(kind.first));
    Site a(at(server.port()), "a", requests(2), 1);
    ASSERT_TRUE(eventually([&] { return a.log().find(sentence) != std::string::npos; })) << a.log();
    for (std::size_t i = 0; i < 3; ++i) a.ask(0);
    ASSERT_TRUE(eventually([&] { return a.passed == 2 && a.refused == 1; }));
    EXPECT_EQ(a.health().links, 0);
  }
}

}  // namespace
}  // namespace sightglass::redis
