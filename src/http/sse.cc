#include "http/sse.h"

#include <mutex>

namespace sightglass::http {

Frame sse_frame(std::string_view event, std::string_view data) {
  auto out = std::make_shared<std::string>();
  out->reserve(event.size() + data.size() + 24);
  out->append("event: ").append(event).append("\n");
  for (;;) {
    const auto end = data.find('\n');
    out->append("data: ").append(data.substr(0, end)).append("\n");
    if (end == std::string_view::npos) break;
    data.remove_prefix(end + 1);
  }
  out->append("\n");
  return out;
}

// Shared with the tasks on their way to the loop, which may outlive the Broadcast.
struct Broadcast::Hub {
  explicit Hub(net::Loop& l) : loop(l) {}

  net::Loop& loop;
  std::vector<Viewer*> viewers;  // the loop's thread only

  std::mutex mutex;  // of what follows: written by any thread, read by the loop
  Frame newest;
  bool finished = false;
  bool task_waits = false;
};

class Broadcast::Viewer final : public Handler {
 public:
  Viewer(Broadcast& owner, std::function<Frame()> first)
      : owner_(owner), first_(std::move(first)) {}

  void on_request(Exchange& exchange) override {
    auto& hub = owner_.hub_of(exchange.loop());
    if (owner_.viewers_.fetch_add(1, std::memory_order_relaxed) >= owner_.options_.viewers) {
      owner_.viewers_.fetch_sub(1, std::memory_order_relaxed);
      owner_.refused_.add();
      auto full = error_response(503, "overloaded_error", "Too many viewers watch this already.",
                                 exchange.request_id());
      full.headers.emplace_back("Retry-After", "5");
      return exchange.respond(std::move(full));
    }
    owner_.gauge_.add(1);
    exchange_ = &exchange;
    hub_ = &hub;
    slot_ = hub.viewers.size();
    hub.viewers.push_back(this);
    exchange.set_body_limit(0);
    exchange.set_write_bound(0);  // any unsent byte means: behind
    exchange.start("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: " +
                       owner_.options_.cache_control + "\r\nX-Accel-Buffering: no\r\n",
                   std::nullopt);
    heartbeat_ = std::make_unique<net::Timer>(exchange.loop(), [this] { beat(); });
    heartbeat_->arm(owner_.options_.heartbeat_ns);
    Frame newest;
    bool finished = false;
    {
      const std::scoped_lock lock(hub.mutex);
      newest = hub.newest;
      finished = hub.finished;
    }
    if (first_ && !finished) newest = first_();
    offer(newest);
    if (finished) exchange_->end();
  }
  void on_body(Exchange&, std::string_view) override {}
  void on_body_end(Exchange&) override {}

  void on_writable(Exchange&) override {
    if (auto frame = std::exchange(waiting_, nullptr)) offer(frame);
    if (ending_) exchange_->end();
  }

  void on_close(Exchange&, bool) override {
    if (hub_ == nullptr) return;
    auto& list = hub_->viewers;
    list[slot_] = list.back();
    list[slot_]->slot_ = slot_;
    list.pop_back();
    owner_.viewers_.fetch_sub(1, std::memory_order_relaxed);
    owner_.gauge_.add(-1);
  }

  // Now, or, when the socket is behind, in place of what waits already.
  void offer(const Frame& frame) {
    if (!frame) return;
    if (!exchange_->writable()) {
      if (waiting_) owner_.skipped_.add();
      waiting_ = frame;
      return;
    }
    exchange_->write_shared(frame);
    heartbeat_->arm(owner_.options_.heartbeat_ns);
  }

  void finish(const Frame& frame) {
    offer(frame);
    ending_ = true;
    if (!waiting_) exchange_->end();
  }

 private:
  void beat() {
    if (exchange_->writable()) exchange_->write(": heartbeat\n\n");
    heartbeat_->arm(owner_.options_.heartbeat_ns);
  }

  Broadcast& owner_;
  std::function<Frame()> first_;
  Exchange* exchange_ = nullptr;
  Hub* hub_ = nullptr;
  std::size_t slot_ = 0;
  Frame waiting_;
  bool ending_ = false;
  std::unique_ptr<net::Timer> heartbeat_;
};

Broadcast::Broadcast(std::vector<net::Loop*> loops, Options options, Telemetry& telemetry)
    : options_(std::move(options)),
      gauge_(telemetry.gauge("sightglass_sse_viewers", "Open event streams.",
                             {{"stream", options_.name}})),
      skipped_(telemetry.counter("sightglass_sse_frames_skipped_total",
                                 "Frames that a slow viewer passed over for a newer one.",
                                 {{"stream", options_.name}})),
      refused_(telemetry.counter("sightglass_sse_refused_total",
                                 "Event streams refused because there were too many.",
                                 {{"stream", options_.name}})) {
  for (auto* loop : loops) hubs_.push_back(std::make_shared<Hub>(*loop));
}

Broadcast::~Broadcast() = default;

Broadcast::Hub& Broadcast::hub_of(const net::Loop& loop) {
  for (const auto& hub : hubs_) {
    if (&hub->loop == &loop) return *hub;
  }
  return *hubs_.front();
}

void Broadcast::publish(Frame frame) {
  for (const auto& hub : hubs_) {
    {
      const std::scoped_lock lock(hub->mutex);
      if (hub->finished) continue;
      hub->newest = frame;
      if (std::exchange(hub->task_waits, true)) continue;
    }
    hub->loop.post([hub] {
      Frame newest;
      {
        const std::scoped_lock lock(hub->mutex);
        hub->task_waits = false;
        if (hub->finished) return;
        newest = hub->newest;
      }
      for (auto* viewer : hub->viewers) viewer->offer(newest);
    });
  }
}

void Broadcast::finish(Frame frame) {
  for (const auto& hub : hubs_) {
    {
      const std::scoped_lock lock(hub->mutex);
      hub->newest = frame;
      hub->finished = true;
    }
    hub->loop.post([hub, frame] {
      for (auto* viewer : hub->viewers) viewer->finish(frame);
    });
  }
}

void Broadcast::reopen() {
  for (const auto& hub : hubs_) {
    const std::scoped_lock lock(hub->mutex);
    hub->finished = false;
    hub->newest = nullptr;
  }
}

HandlerFactory Broadcast::route(std::function<Frame()> first) {
  return [this, first = std::move(first)](const std::vector<std::string>&) {
    return std::make_unique<Viewer>(*this, first);
  };
}

}  // namespace sightglass::http
