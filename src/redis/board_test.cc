// What gateways say and hear over a real redis-server, and what other words there do.
#include "redis/board.h"

#include <gtest/gtest.h>

#include <future>

#include "redis/real_site.h"

namespace sightglass::redis {
namespace {

class Gateway {
 public:
  Gateway(std::uint16_t port, const std::string& name)
      : site_(port, name), board_(site_.memory, *site_.loop, name) {
    site_.begin([this] { board_.start(); });
  }
  ~Gateway() { site_.end(); }

  // One exchange, tried again until there is an answer.
  std::vector<Board::Heard> exchange(const std::optional<std::string>& words, bool read = true) {
    std::vector<Board::Heard> heard;
    EXPECT_TRUE(eventually([&] { return once(words, read, heard); }));
    return heard;
  }
  void try_once(const std::string& words) {
    std::vector<Board::Heard> heard;
    once(words, true, heard);
  }
  void leave() {
    std::promise<void> left;
    site_.loop->post([&] { board_.leave([&] { left.set_value(); }); });
    left.get_future().get();
  }
  std::uint64_t counted(const std::string& name, const Labels& labels = {}) {
    return site_.counted(name, labels);
  }

 private:
  bool once(const std::optional<std::string>& words, bool read, std::vector<Board::Heard>& out) {
    std::promise<bool> done;
    site_.loop->post([&] {
      const bool begun = board_.exchange(words, read, [&](std::vector<Board::Heard>* heard) {
        if (heard != nullptr) out = std::move(*heard);
        done.set_value(heard != nullptr);
      });
      if (!begun) done.set_value(false);
    });
    return done.get_future().get();
  }

  RealSite site_;
  Board board_;
};

const Board::Heard* find(const std::vector<Board::Heard>& all, const std::string& name) {
  for (const auto& one : all) {
    if (one.gateway == name) return &one;
  }
  return nullptr;
}

TEST(Board, GatewaysHearWhatOthersSayAndNotThemselves) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b");
  EXPECT_TRUE(a.exchange(std::string("of \n\0 a", 7)).empty());
  auto heard = b.exchange("of b");
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].gateway, "a");
  EXPECT_EQ(heard[0].words, std::string("of \n\0 a", 7));
  EXPECT_LT(heard[0].words_age_ns, kBoardKeeps);
  // Only who is there, where nobody looks.
  heard = a.exchange(std::nullopt, false);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_FALSE(heard[0].words);
  a.leave();
  EXPECT_TRUE(b.exchange(std::nullopt).empty());
  EXPECT_EQ(redis.call({"EXISTS", "t:inflight:a"}).integer, 0);
}

TEST(Board, WhatIsSaidGoesByItself) {
  RealRedis redis;
  Gateway a(redis.port(), "a");
  a.exchange("of a");
  for (const char* key : {"t:inflight:a", "t:gateways"}) {
    const auto left_ms = redis.call({"PTTL", key}).integer;
    EXPECT_GT(left_ms, 0) << key;
    EXPECT_LE(left_ms, 6 * kBoardKeeps / kMillisecond) << key;
  }
  // One that was not heard for as long as words are kept is named no more; nor is one of a future
  // that a clock which was set back has left.
  redis.call({"ZADD", "t:gateways", "1", "dead"});
  redis.call({"ZADD", "t:gateways", "4000000000000", "of-the-future"});
  Gateway b(redis.port(), "b");
  const auto heard = b.exchange(std::nullopt);
  ASSERT_EQ(heard.size(), 1u);
  EXPECT_EQ(heard[0].gateway, "a");
}

TEST(Board, MoreThanAreReadAreCountedAndNamed) {
  RealRedis redis;
  Gateway a(redis.port(), "a");
  const auto time = redis.call({"TIME"});
  const auto now_ms = time.items[0].text + "000";
  for (int i = 0; i < 300; ++i) {
    const auto name = "g" + std::to_string(1'000 + i);
    redis.call({"ZADD", "t:gateways", now_ms, name});
    redis.call({"SET", "t:inflight:" + name, now_ms + ":of " + name});
  }
  const auto heard = a.exchange("of a");
  ASSERT_EQ(heard.size(), 300u);
  for (std::size_t i = 0; i < heard.size(); ++i) {
    EXPECT_EQ(heard[i].words.has_value(), i < kMostRead) << i;
    if (i < kMostRead) {
      EXPECT_EQ(*heard[i].words, "of " + heard[i].gateway);
    }
  }
  EXPECT_EQ(a.counted("sightglass_redis_inflight_unread_total"), 300 - kMostRead);
}

TEST(Board, WordsThatAreNoneSayNothing) {
  RealRedis redis;
  Gateway a(redis.port(), "a");
  const auto now_ms = redis.call({"TIME"}).items[0].text + "000";
  for (const char* name : {"no-colon", "no-time", "none", "other-type"}) {
    redis.call({"ZADD", "t:gateways", now_ms, name});
  }
  redis.call({"ZADD", "t:gateways", now_ms, "a name with blanks"});
  redis.call({"SET", "t:inflight:no-colon", "12345"});
  redis.call({"SET", "t:inflight:no-time", "x:words"});
  redis.call({"HSET", "t:inflight:other-type", "a", "b"});
  const auto heard = a.exchange("of a");
  EXPECT_EQ(heard.size(), 4u);
  for (const auto& one : heard) EXPECT_FALSE(one.words) << one.gateway;
}

TEST(Board, AfterAKillItIsSaidAnewAndFailuresAreCounted) {
  RealRedis redis;
  Gateway a(redis.port(), "a"), b(redis.port(), "b");
  a.exchange("of a");
  redis.kill();
  redis.start();
  a.exchange("of a again");
  const auto heard = b.exchange("of b");
  ASSERT_NE(find(heard, "a"), nullptr);
  EXPECT_EQ(find(heard, "a")->words, "of a again");
  // A value of another type where the names stand: refused, counted, and over when it has gone.
  redis.call({"SET", "t:gateways", "x"});
  EXPECT_TRUE(eventually([&] {
    a.try_once("of a");
    return a.counted("sightglass_redis_inflight_exchanges_total", {{"result", "failed"}}) > 0;
  }));
  redis.call({"DEL", "t:gateways"});
  a.exchange("of a");
  EXPECT_EQ(redis.call({"ZCARD", "t:gateways"}).integer, 1);
}

}  // namespace
}  // namespace sightglass::redis
