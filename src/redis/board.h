// What each gateway says of its requests in flight, where the others read it.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/loop.h"
#include "redis/limits.h"
#include "redis/link.h"

namespace sightglass::redis {

inline constexpr Nanos kBoardKeeps = 10 * kSecond;  // what a gateway says that is no more heard
inline constexpr std::size_t kMostRead = 128;       // gateways of which the words are read
inline constexpr std::size_t kMostHeard = 1'000;    // gateways that are known at all

// Two kinds of keys, both of which go by themselves: "<prefix>gateways", a sorted set of who was
// heard when, and "<prefix>inflight:<gateway>", "milliseconds:words". All times are by Redis'
// clock, so that those of gateways do not matter. One script writes the own words and names all
// others; their words are then read in small pieces, so that nobody waits behind them in Redis.
//
// Ownership: everything passed in outlives it. Threads: its loop's; made and destroyed while the
// loop does not run. Bounds: one exchange at a time; kMostHeard names, kMostRead words at once.
class Board {
 public:
  Board(Memory& memory, net::Loop& loop, std::string gateway);

  void start() { link_.start(); }
  bool ready() const { return link_.ready(); }
  // Changes with each connection: what was said before may be forgotten.
  std::uint64_t connection() const { return connection_; }

  // Another gateway, heard so long ago; its words where they were asked for.
  struct Heard {
    std::string gateway;
    Nanos age_ns = 0;
    std::optional<std::string> words;
    Nanos words_age_ns = 0;
  };
  // Null: there was no answer.
  using Done = std::function<void(std::vector<Heard>*)>;
  // Says `words` (nullopt: as before) and asks who is there; with `read`, what each says. False: no
  // link, or the last exchange is still on its way; `done` is not called then.
  bool exchange(const std::optional<std::string>& words, bool read, Done done);
  // This gateway is no more. `done`: it was said, or there is nobody to say it to.
  void leave(std::function<void()> done);

 private:
  struct Exchange {
    Done done;
    bool read = false;
    std::vector<Heard> heard;
    std::size_t next = 0;  // of those whose words are still to be read
    std::int64_t now_ms = 0;
  };
  void on_named(const std::shared_ptr<Exchange>& exchange, const Reply* reply);
  void read_on(const std::shared_ptr<Exchange>& exchange);
  void on_words(const std::shared_ptr<Exchange>& exchange, std::size_t count, const Reply* reply);
  void finish(const std::shared_ptr<Exchange>& exchange, bool answered);

  const std::string prefix_, gateway_, set_key_, own_key_;
  Options patient_;
  Counter &exchanged_, &failed_, &left_out_;
  Link link_;
  std::string script_;
  std::uint64_t connection_ = 0;
  bool busy_ = false;
};

// The answers, taken apart. `own` is left out; at most kMostHeard. False: no such answer.
bool read_named(const Reply& reply, std::string_view own, std::int64_t& now_ms,
                std::vector<Board::Heard>& out);
// "milliseconds:words" into one that was heard; what is no such text leaves it without words.
void read_words(std::string_view text, std::int64_t now_ms, Board::Heard& out);
std::string_view board_script();

}  // namespace sightglass::redis
