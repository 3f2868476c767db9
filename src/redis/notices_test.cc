// Revoked keys over a real redis-server, and what other words in their stream do.
#include "redis/notices.h"

#include <gtest/gtest.h>

#include <thread>

#include "base/text.h"
#include "redis/real_site.h"

namespace sightglass::redis {
namespace {

// A gateway that knows revoked keys and learns of others.
class Site {
 public:
  explicit Site(std::uint16_t port)
      : memory_(options_at(port), "t:", "x", limiter_, clock_, telemetry_, log_),
        loop_(std::move(*net::Loop::make(clock_))),
        notices_(memory_, *loop_, [this](const auto& keys) {
          const std::scoped_lock lock(mutex_);
          if (refusals_ > 0) return --refusals_, false;
          learnt_.insert(keys.begin(), keys.end());
          return true;
        }) {
    thread_ = std::thread([this] { loop_->run(); });
    loop_->post([this] { notices_.start(); });
  }
  ~Site() {
    loop_->stop();
    thread_.join();
  }
  void revoke(const std::vector<std::string>& names) {
    auto clients = std::make_shared<control::Clients>();
    for (const auto& name : names) clients->revoked.push_back(sha256(name));
    notices_.revoked(clients);
  }
  bool knows(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    return learnt_.contains(sha256(name));
  }
  void refuse(int times) {
    const std::scoped_lock lock(mutex_);
    refusals_ = times;
  }

 private:
  SystemClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  control::Limiter limiter_;
  Memory memory_;
  std::mutex mutex_;
  std::set<Digest> learnt_;
  int refusals_ = 0;
  std::unique_ptr<net::Loop> loop_;
  Notices notices_;
  std::thread thread_;
};

TEST(Notices, AKeyThatIsRevokedIsLearntByTheOthersAndByWhoComesLater) {
  RealRedis redis;
  Site a(redis.port()), b(redis.port());
  a.revoke({"one"});
  EXPECT_TRUE(eventually([&] { return b.knows("one"); }));
  b.refuse(1);
  a.revoke({"one", "two"});
  EXPECT_TRUE(eventually([&] { return b.knows("two"); }))
      << "told again when it could not be taken";
  Site c(redis.port());
  EXPECT_TRUE(eventually([&] { return c.knows("one") && c.knows("two"); }));
  EXPECT_EQ(redis.call({"XLEN", "t:revoked"}).integer, 2) << "each stands there once";
}

TEST(Notices, WhatRedisForgotIsAddedAgainAndWhatWasMissedIsRead) {
  RealRedis redis;
  Site a(redis.port());
  a.revoke({"one"});
  EXPECT_TRUE(eventually([&] { return redis.call({"XLEN", "t:revoked"}).integer == 1; }));
  redis.kill();
  a.revoke({"one", "two"});  // while it is away
  redis.start();
  EXPECT_TRUE(eventually([&] { return redis.call({"XLEN", "t:revoked"}).integer == 2; }));
  Site b(redis.port());
  EXPECT_TRUE(eventually([&] { return b.knows("one") && b.knows("two"); }));
}

TEST(Notices, OtherWordsInTheStreamSayNothing) {
  RealRedis redis;
  redis.call({"XADD", "t:revoked", "*", "key", "no-digest"});
  redis.call({"XADD", "t:revoked", "*", "other", std::string(64, 'a')});
  redis.call({"XADD", "t:revoked", "*", "key", std::string(64, 'A')});
  Site a(redis.port()), b(redis.port());
  a.revoke({"one"});
  EXPECT_TRUE(eventually([&] { return b.knows("one"); }));
  EXPECT_FALSE(b.knows("two"));

  Reply reply;
  std::string last;
  std::vector<Digest> keys;
  EXPECT_TRUE(read_notices(reply, last, keys)) << "nothing new";
  reply.type = Reply::Type::kText;
  EXPECT_FALSE(read_notices(reply, last, keys));
}

}  // namespace
}  // namespace sightglass::redis
