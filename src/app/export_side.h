// The engines of `storage.runtime` that get what happened: their folds and their runners.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/forgetting.h"
#include "admin/health.h"
#include "app/config.h"
#include "base/file_system.h"
#include "base/random.h"
#include "export/carrier.h"
#include "export/clickhouse.h"
#include "export/clickhouse_forget.h"
#include "export/pg_link.h"

namespace sightglass::app {

class ExportSide {
 public:
  struct Parts {
    const Config& config;
    std::string gateway;  // unless the configuration names another
    std::string data_folder;
    journal::Options journal_options;
    journal::Journal& journal;
    FileSystem& fs;
    const Clock& clock;
    Telemetry& telemetry;
    Log& log;
  };
  // Null where the configuration names none. Errors: of an address or a file of authorities.
  static Result<std::unique_ptr<ExportSide>> open(const Parts& parts);
  void start();
  Status stop();  // sends for a short time what is left; the rest waits for the next start
  std::vector<admin::HealthCheck> health() const;  // one for each engine
  // Those that have rows of persons; borrowed from it. `side` may be null.
  static std::vector<admin::Forgetting::Parts::Engine> forgetters(ExportSide* side);

 private:
  ExportSide() = default;
  static Result<std::unique_ptr<exporting::Destination>> influx(const Parts& parts);
  static Result<std::unique_ptr<exporting::Destination>> postgres(const Parts& parts);
  static Result<std::unique_ptr<exporting::Destination>> clickhouse(const Parts& parts);
  Status add(const Parts& parts, exporting::OutboxOptions options,
             Result<std::unique_ptr<exporting::Destination>> to);

  // Each outbox draws from a source of its own, on its own thread.
  struct Lane {
    std::string name;
    std::unique_ptr<SystemRandom> random;
    std::unique_ptr<exporting::Carrier> carrier;
  };
  std::vector<Lane> lanes_;
  std::unique_ptr<exporting::ClickHouseForgetting> forgetting_;  // null: without that engine
};

exporting::PgOptions postgres_options(const PostgresConnection& config);

// Of one of its shards. `gateway`: whose rows they are.
exporting::ClickHouseOptions clickhouse_options(const ClickHouseConfig& config,
                                                const std::vector<std::string>& replicas,
                                                const std::string& gateway);

}  // namespace sightglass::app
