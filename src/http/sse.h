// Server-sent events (WHATWG HTML, section 9.2) from one source to many viewers.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/telemetry.h"
#include "http/route.h"
#include "net/loop.h"

namespace sightglass::http {

using Frame = std::shared_ptr<const std::string>;

// "event: update\ndata: {…}\n\n". `data` is one line or several; no line may hold CR.
Frame sse_frame(std::string_view event, std::string_view data);

// One stream that all its viewers share: a frame is serialised once and never copied per viewer.
//
// A viewer gets the newest frame when it connects, then each as it is published. One whose socket
// is behind skips to the newest when it has caught up; nothing piles up for it. A comment keeps
// silent connections alive.
//
// Ownership: the loops must outlive it; destroy it when they do not run any more. Threads: publish,
// finish and viewers from any. Bounds: `viewers` at once, then 503; per viewer at most one frame
// is unsent. Cost: publishing costs one task per loop, however many frames wait for it.
class Broadcast {
 public:
  struct Options {
    std::string name;  // label of its gauge
    Nanos heartbeat_ns = 30 * kSecond;
    std::size_t viewers = 10'000;
    std::string cache_control = "no-cache";
  };
  Broadcast(std::vector<net::Loop*> loops, Options options, Telemetry& telemetry);
  ~Broadcast();
  Broadcast(const Broadcast&) = delete;
  Broadcast& operator=(const Broadcast&) = delete;

  void publish(Frame frame);
  // The last frame, then the end of the stream for all viewers and for every later one
  // ("disabled", or the server stops: then `frame` may be null).
  void finish(Frame frame);
  // Open again after finish().
  void reopen();

  std::size_t viewers() const { return viewers_.load(std::memory_order_relaxed); }
  // For a route's `make`. `first`, when given, makes a newcomer's first frame on the worker, in
  // place of the newest published one; it must not wait.
  HandlerFactory route(std::function<Frame()> first = {});

 private:
  class Viewer;
  struct Hub;  // one loop's viewers
  Hub& hub_of(const net::Loop& loop);

  const Options options_;
  Gauge& gauge_;
  Counter& skipped_;
  Counter& refused_;
  std::atomic<std::size_t> viewers_{0};
  std::vector<std::shared_ptr<Hub>> hubs_;
};

}  // namespace sightglass::http
