// Ending requests of other gateways over a real redis-server.
#include "redis/cancels.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <mutex>

#include "redis/real_site.h"

namespace sightglass::redis {
namespace {

using Kind = CancelOutcome::Kind;

// A gateway on which some requests run.
class Gateway {
 public:
  Gateway(std::uint16_t port, const std::string& name, std::set<std::string> running = {},
          Nanos answer_within_ns = 300 * kSecond)
      : running_(std::move(running)),
        site_(port, name),
        cancels_(
            site_.memory, *site_.loop, name,
            [this](const std::string& id, const std::string& asker) {
              const std::scoped_lock lock(mutex_);
              asked_ += asker + ":" + id + " ";
              return running_.erase(id);
            },
            answer_within_ns) {
    site_.begin([this] { cancels_.start(); });
    wait_ready();
  }
  void wait_ready() {
    EXPECT_TRUE(eventually([this] {
      std::promise<bool> ready;
      site_.loop->post([&] { ready.set_value(cancels_.ready()); });
      return ready.get_future().get();
    }));
  }
  ~Gateway() { site_.end(); }

  CancelOutcome ask(const std::string& id, const std::vector<std::string>& gateways) {
    std::promise<CancelOutcome> done;
    site_.loop->post([&] {
      cancels_.ask(id, gateways,
                   [&](CancelOutcome outcome) { done.set_value(std::move(outcome)); });
    });
    return done.get_future().get();
  }
  std::string asked() {
    const std::scoped_lock lock(mutex_);
    return asked_;
  }
  std::uint64_t counted(const std::string& name, const Labels& labels = {}) {
    return site_.counted(name, labels);
  }

 private:
  std::mutex mutex_;
  std::set<std::string> running_;
  std::string asked_;
  RealSite site_;
  Cancels cancels_;
};

TEST(Cancels, ARequestEndsOnTheGatewayWhereItRuns) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"two"}), c(redis.port(), "c", {"one"});
  EXPECT_EQ(a.ask("nobody's", {"b", "c"}).kind, Kind::kNotFound);
  const auto ended = a.ask("one", {"b", "c"});
  EXPECT_EQ(ended.kind, Kind::kEnded);
  EXPECT_EQ(ended.gateway, "c");
  EXPECT_EQ(a.ask("one", {"b", "c"}).kind, Kind::kNotFound) << "it has ended";
  EXPECT_EQ(c.ask("two", {"a", "b"}).gateway, "b");
  EXPECT_NE(b.asked().find("c:two"), std::string::npos);
  EXPECT_EQ(a.ask("one", {}).kind, Kind::kNotFound) << "there are no others";
  EXPECT_EQ(c.counted("sightglass_redis_cancels_served_total"), 1u);
  EXPECT_EQ(a.counted("sightglass_redis_cancels_total", {{"result", "ended"}}), 1u);
  EXPECT_GT(redis.call({"PTTL", "t:cancel:b"}).integer, 0);
}

TEST(Cancels, WhoDoesNotAnswerIsNamed) {
  RealRedis redis;
  Gateway a(redis.port(), "a", {}, kSecond), b(redis.port(), "b");
  EXPECT_TRUE(eventually([&] {  // where the machine stands still, b is late, too
    const auto outcome = a.ask("one", {"b", "dead"});
    EXPECT_EQ(outcome.kind, Kind::kUnanswered);
    return outcome.silent == std::vector<std::string>{"dead"};
  }));
}

TEST(Cancels, WithoutRedisItIsSaidAtOnceThatNobodyWasAsked) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"one"});
  redis.kill();
  EXPECT_EQ(a.ask("one", {"b"}).kind, Kind::kUndelivered);
  EXPECT_EQ(a.ask("one", {"b"}).kind, Kind::kUndelivered);
  EXPECT_EQ(b.asked(), "");
  redis.start();
  a.wait_ready();
  b.wait_ready();
  EXPECT_EQ(a.ask("one", {"b"}).gateway, "b");
}

// What was asked of an earlier process of the same name is not done by a later one.
TEST(Cancels, AnOldWishIsNotServed) {
  RealRedis redis;
  redis.call({"XADD", "t:cancel:b", "1-0", "cancel", "one", "by", "a", "call", "7"});
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"one"});
  EXPECT_EQ(a.ask("nobody's", {"b"}).kind, Kind::kNotFound);
  EXPECT_EQ(b.asked(), "a:nobody's ");
}

TEST(Cancels, OtherWordsInTheStreamAreCountedAndSayNothing) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"one"});
  redis.call({"XADD", "t:cancel:b", "*", "cancel", "one"});
  redis.call({"XADD", "t:cancel:b", "*", "cancel", "one", "by", "a", "call", "x"});
  redis.call({"XADD", "t:cancel:b", "*", "end", "one", "by", "a", "call", "1"});
  redis.call({"XADD", "t:cancel:b", "*", "cancel", "o n e", "by", "a", "call", "1"});
  redis.call({"XADD", "t:cancel:a", "*", "ended", "-1", "by", "b", "call", "1"});
  redis.call({"XADD", "t:cancel:a", "*", "ended", "5", "by", "b", "call", "1"});  // never asked
  EXPECT_EQ(a.ask("nobody's", {"b"}).kind, Kind::kNotFound);
  EXPECT_EQ(b.asked(), "a:nobody's ");
  EXPECT_EQ(b.counted("sightglass_redis_cancels_nonsense_total"), 4u);
  EXPECT_EQ(a.counted("sightglass_redis_cancels_nonsense_total"), 1u);
}

}  // namespace
}  // namespace sightglass::redis
