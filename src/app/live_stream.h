// Feeds the stream of active requests: one thread that waits for changes and serialises one frame
// for all viewers.
#pragma once

#include <atomic>
#include <memory>
#include <thread>
#include <vector>

#include "app/all_gateways.h"
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

// Two streams: this gateway's own requests as printed, and with ?gateways=all those of every
// gateway.
//
// Ownership: requests, loops and what Everywhere names must outlive it. Threads: start and stop
// from one. Cost: nothing while nobody watches but a wake-up per interval; at most 20 frames a
// second.
class LiveStream {
 public:
  LiveStream(const AllGateways& all, std::vector<net::Loop*> loops, LiveStreamOptions options,
             Telemetry& telemetry);
  ~LiveStream() { stop(); }
  http::HandlerFactory factory();      // of the own ones
  http::HandlerFactory all_factory();  // of all
  void start();
  void stop();

 private:
  void loop();
  void publish();
  bool off() const { return !options_.request_metrics || !options_.enabled; }
  const live::Everywhere everywhere_;
  const live::Requests& requests_;
  live::Elsewhere* const others_;  // null: there are none
  const LiveStreamOptions options_;
  live::Feed feed_, all_feed_;
  http::Broadcast broadcast_, all_broadcast_;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sightglass::app
