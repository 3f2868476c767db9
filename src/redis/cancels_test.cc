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
  Gateway(std::uint16_t port, const std::string& name, std::set<std::string> running = {})
      : running_(std::move(running)),
        site_(port, name),
        cancels_(site_.memory, *site_.loop, name,
                 [this](const std::string& id, const std::string& asker) {
                   const std::scoped_lock lock(mutex_);
                   asked_ += asker + ":" + id + " ";
                   return running_.erase(id);
                 }) {
    site_.begin([this] { cancels_.start(); });
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
  // Asked again while its links, or those of the others, are still being made.
  CancelOutcome ask_until(Kind kind, const std::string& id,
                          const std::vector<std::string>& gateways) {
    CancelOutcome outcome;
    EXPECT_TRUE(eventually([&] {
      outcome = ask(id, gateways);
      return outcome.kind == kind;
    })) << static_cast<int>(outcome.kind);
    return outcome;
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
  // All links are made once each has answered.
  a.ask_until(Kind::kNotFound, "nobody's", {"b", "c"});
  EXPECT_EQ(a.ask_until(Kind::kEnded, "one", {"b", "c"}).gateway, "c");
  EXPECT_EQ(a.ask("one", {"b", "c"}).kind, Kind::kNotFound) << "it has ended";
  EXPECT_EQ(c.ask_until(Kind::kEnded, "two", {"a", "b"}).gateway, "b");
  EXPECT_NE(b.asked().find("c:two"), std::string::npos);
  EXPECT_EQ(a.ask("one", {}).kind, Kind::kNotFound) << "there are no others";
  EXPECT_EQ(c.counted("sightglass_redis_cancels_served_total"), 1u);
  EXPECT_EQ(a.counted("sightglass_redis_cancels_total", {{"result", "ended"}}), 1u);
  EXPECT_GT(redis.call({"PTTL", "t:cancel:b"}).integer, 0);
}

TEST(Cancels, WhoDoesNotAnswerIsNamed) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b");
  a.ask_until(Kind::kNotFound, "nobody's", {"b"});
  const auto outcome = a.ask("one", {"b", "dead"});
  EXPECT_EQ(outcome.kind, Kind::kUnanswered);
  EXPECT_EQ(outcome.silent, std::vector<std::string>{"dead"});
}

TEST(Cancels, WithoutRedisItIsSaidAtOnceThatNobodyWasAsked) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"one"});
  a.ask_until(Kind::kNotFound, "nobody's", {"b"});
  redis.kill();
  a.ask_until(Kind::kUndelivered, "one", {"b"});
  EXPECT_EQ(b.asked().find("one"), std::string::npos);
  redis.start();
  EXPECT_EQ(a.ask_until(Kind::kEnded, "one", {"b"}).gateway, "b");
}

// What was asked of an earlier process of the same name is not done by a later one.
TEST(Cancels, AnOldWishIsNotServed) {
  RealRedis redis;
  redis.call({"XADD", "t:cancel:b", "1-0", "cancel", "one", "by", "a", "call", "7"});
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"one"});
  a.ask_until(Kind::kNotFound, "nobody's", {"b"});
  EXPECT_EQ(b.asked().find("one"), std::string::npos);
}

TEST(Cancels, OtherWordsInTheStreamAreCountedAndSayNothing) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b", {"one"});
  a.ask_until(Kind::kNotFound, "nobody's", {"b"});
  redis.call({"XADD", "t:cancel:b", "*", "cancel", "one"});
  redis.call({"XADD", "t:cancel:b", "*", "cancel", "one", "by", "a", "call", "x"});
  redis.call({"XADD", "t:cancel:b", "*", "end", "one", "by", "a", "call", "1"});
  redis.call({"XADD", "t:cancel:b", "*", "cancel", "o n e", "by", "a", "call", "1"});
  redis.call({"XADD", "t:cancel:a", "*", "ended", "-1", "by", "b", "call", "1"});
  redis.call({"XADD", "t:cancel:a", "*", "ended", "5", "by", "b", "call", "1"});  // never asked
  EXPECT_EQ(a.ask("nobody's", {"b"}).kind, Kind::kNotFound);
  EXPECT_EQ(b.asked().find("one"), std::string::npos);
  EXPECT_EQ(b.counted("sightglass_redis_cancels_nonsense_total"), 4u);
  EXPECT_EQ(a.counted("sightglass_redis_cancels_nonsense_total"), 1u);
}

}  // namespace
}  // namespace sightglass::redis
