#include "app/live_stream.h"

#include <algorithm>

#include "app/workers.h"

namespace sightglass::app {

namespace {

// Under load requests start and end thousands of times a second; nobody can see that.
constexpr Nanos kShortestGap = 50 * kMillisecond;
constexpr Nanos kLongestWait = 200 * kMillisecond;  // so that stop() is prompt

http::Frame share(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

LiveStream::LiveStream(const live::Requests& requests, std::vector<net::Loop*> loops,
                       LiveStreamOptions options, Telemetry& telemetry)
    : requests_(requests),
      options_(options),
      feed_(requests),
      broadcast_(std::move(loops),
                 {.name = "active_requests", .heartbeat_ns = options.heartbeat_ns}, telemetry) {
  if (!options_.request_metrics || !options_.enabled) {
    broadcast_.finish(share(live::disabled_frame(
        options_.request_metrics ? live::DisabledBy::kSse : live::DisabledBy::kRequestMetrics)));
  }
}

http::HandlerFactory LiveStream::factory() {
  if (!options_.request_metrics || !options_.enabled) return broadcast_.route();
  return broadcast_.route([this] {
    live::Feed now(requests_);
    now.refresh();
    return share(now.frame());
  });
}

void LiveStream::start() {
  if (!options_.request_metrics || !options_.enabled) return;
  thread_ = std::thread([this] {
    name_thread("live-stream");
    loop();
  });
}

void LiveStream::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  if (options_.request_metrics && options_.enabled) broadcast_.finish(nullptr);
}

void LiveStream::loop() {
  const Clock& clock = requests_.clock();
  std::uint64_t seen = requests_.version();
  Nanos published_ns = clock.monotonic_ns();
  while (!stopping_) {
    const Nanos due = published_ns + options_.interval_ns;
    const Nanos left = due - clock.monotonic_ns();
    const auto version = requests_.wait_change(seen, std::clamp<Nanos>(left, 0, kLongestWait));
    const bool changed = version != seen;
    if (!changed && clock.monotonic_ns() < due) continue;
    const Nanos since = clock.monotonic_ns() - published_ns;
    if (since < kShortestGap) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(kShortestGap - since));
    }
    seen = requests_.version();
    published_ns = clock.monotonic_ns();
    if (broadcast_.viewers() > 0 && feed_.refresh()) broadcast_.publish(share(feed_.frame()));
  }
}

}  // namespace sightglass::app
