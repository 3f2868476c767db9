// The gateway as the server sees it: its configuration, its workers' parts, its routes.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "admin/health.h"
#include "app/config.h"
#include "app/redis_side.h"
#include "app/workers.h"
#include "control/limiter.h"
#include "control/registry.h"
#include "guard/door.h"
#include "http/server.h"
#include "journal/journal.h"
#include "live/requests.h"

namespace sightglass::app {

// Ownership: what Parts names must outlive it. Threads: make, stop and destroy from the one that
// owns the server; reachability from any.
class TrafficSide {
 public:
  struct Parts {
    const Config& config;
    const Clock& clock;
    Telemetry& telemetry;
    Log& log;
    guard::KeyRing& keys;
    journal::Journal& journal;
    live::Requests& requests;
    Workers& workers;
    bool loopback = true;
    std::size_t in_flight_per_worker = 0;
    FileSystem& fs;
    std::function<std::unique_ptr<guard::Door>()> make_door;
    control::Registry& clients;
    control::Limiter& limiter;
    RedisSide* redis = nullptr;  // null: limits are this gateway's own
  };
  static Result<std::unique_ptr<TrafficSide>> make(const Parts& parts);
  virtual ~TrafficSide() = default;

  virtual std::vector<http::Route> routes() = 0;
  virtual http::ErrorShape error_shape() = 0;
  // Whether `config` could be put in force. Errors: a provider's address, two clients of one key.
  virtual Status try_config(const Config& config) = 0;
  // What it says of providers, aliases, clients, pass-through and policy holds from the registry's
  // next word on, for requests that begin then.
  virtual void use_config(std::shared_ptr<const Config> config) = 0;
  // Whether each configured provider's address takes a connection, within a second.
  virtual std::vector<admin::HealthCheck> reachability() = 0;
  // Runs `change` while no worker is between its door and the journal: all of them wait for it,
  // as long as one commit takes. When it succeeds, each door becomes a fresh one. Any thread but a
  // worker's. Errors: the change's own; kTimeout when the workers did not pause.
  virtual Status with_no_one_inside(const std::function<Status()>& change) = 0;
  // Ends the running requests with this id; how many there were. Any thread but a worker's.
  virtual std::size_t cancel(const std::string& request_id) = 0;
  virtual void stop() = 0;  // before the loops stop
};

}  // namespace sightglass::app
