#include "app/redis_side.h"

#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "redis/limits.h"
#include "redis/notices.h"

namespace sightglass::app {
namespace {

constexpr int kStartSteps = 100;  // of 10 ms

Result<redis::Options> options_of(const RedisConfig& config) {
  redis::Options out;
  const auto colon = config.addr.rfind(':');
  const auto port = parse_int(std::string_view(config.addr).substr(colon + 1));
  if (!port || *port < 1 || *port > 65'535) {
    return fail(Code::kInvalid,
                "storage.runtime: addr must be HOST:PORT such as localhost:6379, with a port from "
                "1 to 65535");
  }
  out.host = config.addr.substr(0, colon);
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  }
  out.port = static_cast<std::uint16_t>(*port);
  out.username = config.username;
  out.password = config.password;
  out.database = config.db;
  out.timeout_ns = config.timeout_ns;
  if (config.tls) {
    auto tls = net::TlsContext::client({config.ca_file});
    if (!tls) return fail("storage.runtime", std::move(tls).error());
    out.tls = std::move(*tls);
  }
  return out;
}

class Side final : public RedisSide {
 public:
  Side(const Parts& parts, redis::Options options)
      : workers_(parts.workers),
        memory_(std::move(options), parts.config.prefix, parts.gateway, parts.limiter, parts.clock,
                parts.telemetry, parts.log),
        notices_(memory_, workers_.loop(0), [&clients = parts.clients](const auto& keys) {
          return clients.revoke_soon(keys);
        }) {
    const auto post = [this](std::size_t worker, std::function<void()> task) {
      workers_.loop(worker).post(std::move(task));
    };
    for (std::size_t i = 0; i < workers_.count(); ++i) {
      limits_.push_back(std::make_unique<redis::Limits>(memory_, workers_.loop(i), i, post));
    }
  }

  Status make_view(const Parts& parts) {
    SG_ASSIGN(view_, SharedView::make({memory_, parts.name, parts.requests, parts.cancel,
                                       parts.clock, parts.telemetry, parts.log}));
    return {};
  }

  void start() override {
    view_->start();
    for (std::size_t i = 0; i < limits_.size(); ++i) {
      workers_.loop(i).post([limits = limits_[i].get()] { limits->start(); });
    }
    workers_.loop(0).post([this] { notices_.start(); });
    const auto all = static_cast<std::int64_t>(limits_.size());
    for (int i = 0; i < kStartSteps && memory_.health.state().links < all; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  void stop() override { view_->stop(); }

  SharedView& view() override { return *view_; }

  control::SharedLimits* limits(std::size_t worker) override { return limits_[worker].get(); }

  void revoked(std::shared_ptr<const control::Clients> clients) override {
    notices_.revoked(std::move(clients));
  }

  admin::HealthCheck health() const override {
    const auto state = memory_.health.state();
    const auto problem = state.ok ? view_->problem() : state.problem;
    const auto others = view_->elsewhere().gateways().size();
    return {"redis",
            problem.empty(),
            false,
            problem,
            {{"since", state.since_s},
             {"links", state.links},
             {"round_trips", state.round_trips},
             {"errors", state.errors},
             {"decided_alone", state.alone},
             {"gateways", 1 + static_cast<std::int64_t>(others)}}};
  }

 private:
  Workers& workers_;
  redis::Memory memory_;
  redis::Notices notices_;
  std::vector<std::unique_ptr<redis::Limits>> limits_;
  std::unique_ptr<SharedView> view_;
};

}  // namespace

Result<std::unique_ptr<RedisSide>> RedisSide::make(Parts parts) {
  SG_ASSIGN(auto options, options_of(parts.config));
  auto side = std::make_unique<Side>(parts, std::move(options));
  SG_TRY(side->make_view(parts));
  return side;
}

}  // namespace sightglass::app
