// Ending a request that runs on another gateway: who is asked, what they answer.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "net/loop.h"
#include "redis/limits.h"
#include "redis/link.h"

namespace sightglass::redis {

// One entry of a gateway's stream: a request that it shall end, or an answer to what it asked.
struct CancelWord {
  bool is_answer = false;
  std::int64_t call = 0;   // a number of the asking gateway's
  std::string gateway;     // who asks, or who answers
  std::string request_id;  // of what shall end
  std::int64_t ended = 0;  // of an answer: how many requests
};

struct CancelOutcome {
  enum class Kind : std::uint8_t { kEnded, kNotFound, kUnanswered, kUndelivered };
  Kind kind = Kind::kNotFound;
  std::string gateway;              // where it ended
  std::vector<std::string> silent;  // who did not answer
};

// Each gateway waits in Redis for the next entry of a stream of its own,
// "<prefix>cancel:<gateway>", as it does for revoked keys. Whoever looks for a request asks all of
// them.
//
// Ownership: everything passed in outlives it. Threads: its loop's; made and destroyed while the
// loop does not run. Bounds: 64 questions at once, then kUndelivered; about 1,000 entries in a
// stream, which goes a minute after the last one.
class Cancels {
 public:
  static constexpr Nanos kAnswerWithin = 3 * kSecond;
  // Ends what runs here under this id; how many there were. May wait.
  using Serve = std::function<std::size_t(const std::string& request_id, const std::string& asker)>;
  using Done = std::function<void(CancelOutcome)>;
  Cancels(Memory& memory, net::Loop& loop, std::string gateway, Serve serve,
          Nanos answer_within_ns = kAnswerWithin);

  void start();
  bool ready() const { return reader_.ready() && writer_.ready(); }
  // Answers within `answer_within_ns` of the constructor.
  void ask(const std::string& request_id, const std::vector<std::string>& gateways, Done done);

 private:
  struct Question {
    std::set<std::string> silent;
    Done done;
    std::unique_ptr<net::Timer> patience;
  };
  void read();
  void on_read(const Reply* reply);
  void serve(const CancelWord& word);
  void learn(const CancelWord& word);
  void send(const std::string& to, const std::vector<std::string_view>& fields, Link::Done done);
  void finish(std::int64_t call, CancelOutcome::Kind kind, const std::string& gateway = {});
  std::string stream_of(const std::string& gateway) const { return prefix_ + gateway; }

  net::Loop& loop_;
  const std::string prefix_, gateway_;
  const Serve serve_;
  const Nanos answer_within_ns_;
  Options patient_, writing_;
  std::array<Counter*, 4> outcomes_{};  // by CancelOutcome::Kind
  Counter &served_, &nonsense_;
  Link reader_, writer_;
  std::string run_id_, last_;
  std::int64_t next_call_;
  std::map<std::int64_t, Question> open_;
};

// The entries of an answer to XREAD; `last` becomes the newest one's id, `nonsense` grows with
// those that say nothing. False: it is no such answer.
bool read_cancels(const Reply& reply, std::string& last, std::vector<CancelWord>& out,
                  std::size_t& nonsense);

}  // namespace sightglass::redis
