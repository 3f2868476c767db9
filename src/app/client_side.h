// The clients as the program keeps them: those of the configuration file, those of the control
// database or of a registry of several gateways, their limits and what they have used.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "admin/clients.h"
#include "admin/health.h"
#include "app/config.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "control/clients_fold.h"
#include "control/limiter.h"
#include "control/registry.h"
#include "directory/shared_registry.h"
#include "gateway/config.h"
#include "http/route.h"
#include "journal/journal.h"

namespace sightglass::app {

// Threads: opened and destroyed by the one that owns the server; the rest from any.
class ClientSide {
 public:
  // Errors: those of the control database, with the next step; clients of file and database that
  // share a key.
  struct Parts {
    const Config& config;
    std::string path;     // of the control database
    std::string gateway;  // what this one is called beside its changes in a registry of several
    const Clock& clock;
    Telemetry& telemetry;
    Log& log;
  };
  static Result<std::unique_ptr<ClientSide>> open(const Parts& parts);

  control::ClientsFold& fold() { return fold_; }
  control::Registry& registry() { return *registry_; }
  control::Limiter& limiter() { return limiter_; }

  // Limits hold from here on what everything up to `position` used: until it is folded, clients
  // with limits are refused.
  void count_from(journal::Position position) { count_from_ = position; }
  // For the housekeeper, every second. `folded`: how far fold() has come.
  void tend(journal::Position folded);
  // Clients that have spent four fifths of a budget since it was asked last: each budget once in
  // its hour, day or month, and again after a restart. For the housekeeper.
  struct NearLimit {
    std::string client;
    std::string_view budget;  // "usd_per_day"
  };
  std::vector<NearLimit> newly_near_limits();

  std::vector<http::Route> routes(admin::Cancel cancel, store::Queries* queries,
                                  http::WorkPool& pool);
  std::vector<admin::HealthCheck> health() const;

  // Those of the configuration file are these from now on; the registry's listener is told. Errors:
  // the registry's; nothing has changed then.
  Status configure(const Config& config);

  // All of them, revoked keys too, as the gateway is told.
  static std::vector<gateway::ClientConfig> merge(const Config& config,
                                                  const control::Clients& made);

 private:
  ClientSide(const Config& config, const Clock& clock);

  const Clock& clock_;
  SystemRandom random_, shared_random_;  // each registry's thread's
  using Records = std::vector<control::ClientRecord>;
  std::shared_ptr<const Records> configured() const;

  mutable std::mutex mutex_;
  std::shared_ptr<const Records> configured_;
  control::ClientsFold fold_;
  control::Limiter limiter_;
  std::unique_ptr<control::Registry> registry_;
  directory::SharedRegistry* shared_ = nullptr;  // the same; null: clients are this gateway's own
  journal::Position count_from_ = 0;
  bool restored_ = false;
  int ticks_ = 0;
  // When the period ends for which it was told, by client and budget; the housekeeper's.
  std::map<std::pair<std::string, std::string_view>, Nanos> told_near_;
};

}  // namespace sightglass::app
