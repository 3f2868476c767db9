// Feeds the stream of active requests: one thread that waits for changes and serialises one frame
// for all viewers.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/telemetry.h"
#include "http/sse.h"
#include "live/feed.h"

namespace sightglass::app {

struct LiveStreamOptions {
  bool request_metrics = true;
  bool enabled = true;
  Nanos interval_ns = 2 * kSecond;
  Nanos heartbeat_ns = 30 * kSecond;
};

// Ownership: requests and loops must outlive it. Threads: start and stop from one.
// Cost: nothing while nobody watches but a wake-up per interval; at most 20 frames a second.
class LiveStream {
 public:
  LiveStream(const live::Requests& requests, std::vector<net::Loop*> loops,
             LiveStreamOptions options, Telemetry& telemetry);
  ~LiveStream() { stop(); }
  http::HandlerFactory factory();
  void start();
  void stop();

 private:
  void loop();
  const live::Requests& requests_;
  const LiveStreamOptions options_;
  live::Feed feed_;
  http::Broadcast broadcast_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sightglass::app
