// Redis as the program uses it: what gateways share of their clients' limits, revoked keys and
// requests in flight.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "admin/health.h"
#include "app/shared_view.h"
#include "app/storage_runtime.h"
#include "app/workers.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "control/limiter.h"
#include "control/registry.h"

namespace sightglass::app {

// Ownership: what Parts names must outlive it. Threads: make, start and destroy from the one that
// owns the server; health from any; what limits() gives, that worker's.
class RedisSide {
 public:
  struct Parts {
    const RedisConfig& config;
    std::string gateway;  // this one's id
    std::string name;     // and what it is called in the view of requests in flight
    const live::Requests& requests;
    std::function<std::size_t(const std::string& request_id)> cancel;  // from start() to stop()
    control::Limiter& limiter;
    control::Registry& clients;
    Workers& workers;
    const Clock& clock;
    Telemetry& telemetry;
    Log& log;
  };
  // Errors: of the configuration; a server that is away is none.
  static Result<std::unique_ptr<RedisSide>> make(Parts parts);
  virtual ~RedisSide() = default;

  // Once the loops run: connects, and waits a little for it, so that the first requests are not
  // decided without the others.
  virtual void start() = 0;
  virtual void stop() = 0;  // before the loops stop
  virtual control::SharedLimits* limits(std::size_t worker) = 0;
  // Tells the other gateways which keys are revoked here. Any thread.
  virtual void revoked(std::shared_ptr<const control::Clients> clients) = 0;
  virtual SharedView& view() = 0;
  virtual admin::HealthCheck health() const = 0;
};

}  // namespace sightglass::app
