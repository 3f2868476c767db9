// One connection to Redis on one event loop, made again whenever it breaks.
#pragma once

#include <algorithm>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/telemetry.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/stream.h"
#include "redis/health.h"
#include "redis/reply.h"

namespace sightglass::redis {

struct Options {
  std::string host = "localhost";
  std::uint16_t port = 6379;
  std::string username, password;  // empty: none
  std::int64_t database = 0;
  std::shared_ptr<net::TlsContext> tls;  // null: plain
  Nanos timeout_ns = 20 * kMillisecond;  // for an answer; after it the link is made anew
  // For a link whose answers may take that long, since no request waits for them.
  Options with_patience(Nanos least_ns) const {
    auto out = *this;
    out.timeout_ns = std::max(timeout_ns, least_ns);
    return out;
  }
};

// Commands are answered in their order; many may be on their way. When the link fails, each of them
// gets no answer at once, and a new connection is tried after a pause that doubles from 100 ms to 5
// s until a command was answered. Ownership: everything passed in outlives it. Threads: the loop's;
// made and destroyed while the loop does not run. Bounds: 8 MiB of an answer; what is on its way is
// bounded by its callers.
class Link final : public net::IoHandler {
 public:
  // Null: none will come. The view ends with the call.
  using Done = std::function<void(const Reply*)>;
  struct Greeting {
    std::string run_id;  // another one: the server has started anew, and may have forgotten all
    Nanos now_ns = 0;    // by its clock, and what ours showed when it was asked
    Nanos asked_ns = 0;
    std::string script;  // the name that it has for the script, where there is one
  };
  using Ready = std::function<void(const Greeting&)>;

  // `script`: loaded with the greeting; empty: none. `health`: null where another link tells it.
  Link(net::Loop& loop, const Options& options, std::string_view script, Health* health,
       Telemetry& telemetry, Ready ready);
  ~Link() override;

  void start();
  bool ready() const { return phase_ == Phase::kReady; }
  // Only when ready().
  void send(const std::vector<std::string_view>& words, Done done);
  std::size_t on_their_way() const { return sent_.size(); }
  // What was answered makes no sense: the link is made anew.
  void distrust() { fail(Fault::kNonsense); }

 private:
  enum class Phase : std::uint8_t {
    kDown,
    kResolving,
    kConnecting,
    kHandshaking,
    kGreeting,
    kReady
  };
  struct Sent {
    Done done;
    Nanos at_ns = 0;
  };

  void on_io(std::uint32_t events) override;
  void on_timer();
  void connect();
  void open(const std::string& host);
  void go_on_with_handshake();
  void greet();
  enum Step : std::uint8_t;
  void greeted(const Reply& reply, Step step);
  void enqueue(const std::vector<std::string_view>& words, Done done);
  void flush();
  void read();
  bool take();
  void fail(Fault fault, std::string_view why = {});
  void watch_oldest();

  net::Loop& loop_;
  const Options& options_;
  const std::string script_;
  Health* health_;
  Ready on_ready_;
  net::Resolver resolver_;
  net::Timer timer_;  // the next try, the greeting's end, or the oldest answer's
  net::Later flush_;  // once for all that a round has said
  std::unique_ptr<net::Stream> stream_;
  Phase phase_ = Phase::kDown;
  Greeting greeting_;
  std::deque<Sent> sent_;
  std::string out_, in_;
  std::uint64_t serial_ = 0;
  Nanos pause_ns_ = 0;
};

}  // namespace sightglass::redis
