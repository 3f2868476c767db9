#include "app/live_stream.h"

#include <algorithm>
#include <utility>

#include "app/workers.h"

namespace sightglass::app {

namespace {

// Under load requests start and end thousands of times a second; nobody can see that.
constexpr Nanos kShortestGap = 50 * kMillisecond;
constexpr Nanos kLongestWait = 200 * kMillisecond;  // so that stop() is prompt

http::Frame share(std::string text) { return std::make_shared<const std::string>(std::move(text)); }

}  // namespace

LiveStream::LiveStream(const AllGateways& all, std::vector<net::Loop*> loops,
                       LiveStreamOptions options, Telemetry& telemetry)
    : everywhere_(all.everywhere),
      requests_(everywhere_.requests),
      others_(all.elsewhere),
      options_(options),
      feed_(requests_),
      all_feed_(everywhere_),
      broadcast_(loops, {.name = "active_requests", .heartbeat_ns = options.heartbeat_ns},
                 telemetry),
      all_broadcast_(std::move(loops),
                     {.name = "active_requests_all", .heartbeat_ns = options.heartbeat_ns},
                     telemetry) {
  if (!off()) return;
  const auto frame = share(live::disabled_frame(
      options_.request_metrics ? live::DisabledBy::kSse : live::DisabledBy::kRequestMetrics));
  broadcast_.finish(frame);
  all_broadcast_.finish(frame);
}

http::HandlerFactory LiveStream::factory() {
  if (off()) return broadcast_.route();
  return broadcast_.route([this] {
    live::Feed now(requests_);
    now.refresh();
    return share(now.frame());
  });
}

// A newcomer's first frame has what is known already; whoever looks makes the rest come.
http::HandlerFactory LiveStream::all_factory() {
  if (off()) return all_broadcast_.route();
  return all_broadcast_.route([this] {
    if (others_ != nullptr) others_->watch();
    live::Feed now(everywhere_);
    now.refresh();
    return share(now.frame());
  });
}

void LiveStream::start() {
  if (off()) return;
  thread_ = std::thread([this] {
    name_thread("live-stream");
    loop();
  });
}

void LiveStream::stop() {
  stopping_ = true;
  if (thread_.joinable()) thread_.join();
  if (off()) return;
  broadcast_.finish(nullptr);
  all_broadcast_.finish(nullptr);
}

void LiveStream::loop() {
  const Clock& clock = requests_.clock();
  std::uint64_t seen = requests_.version();
  std::uint64_t others_seen = 0;
  Nanos published_ns = clock.monotonic_ns();
  while (!stopping_) {
    const Nanos due = published_ns + options_.interval_ns;
    const Nanos left = due - clock.monotonic_ns();
    const auto version = requests_.wait_change(seen, std::clamp<Nanos>(left, 0, kLongestWait));
    if (others_ != nullptr && all_broadcast_.viewers() > 0) others_->watch();
    const auto others = others_ != nullptr ? others_->version() : 0;
    const bool changed = version != seen || std::exchange(others_seen, others) != others;
    if (!changed && clock.monotonic_ns() < due) continue;
    const Nanos since = clock.monotonic_ns() - published_ns;
    if (since < kShortestGap) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(kShortestGap - since));
    }
    seen = requests_.version();
    published_ns = clock.monotonic_ns();
    publish();
  }
}

void LiveStream::publish() {
  if (broadcast_.viewers() > 0 && feed_.refresh()) broadcast_.publish(share(feed_.frame()));
  if (all_broadcast_.viewers() > 0 && all_feed_.refresh()) {
    all_broadcast_.publish(share(all_feed_.frame()));
  }
}

}  // namespace sightglass::app
