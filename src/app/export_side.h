// The engines of `storage.runtime` that get what happened: their folds and their runners.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "admin/health.h"
#include "app/config.h"
#include "base/file_system.h"
#include "base/random.h"
#include "export/carrier.h"
#include "export/clickhouse.h"

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
  std::vector<admin::HealthCheck> health() const;

 private:
  ExportSide() = default;
  Status add(const Parts& parts, exporting::OutboxOptions options,
             std::unique_ptr<exporting::Writer> writer,
             Result<std::unique_ptr<exporting::Sink>> sink);
  Status add_influx(const Parts& parts, const std::string& gateway);
  Status add_clickhouse(const Parts& parts, const std::string& gateway);

  struct Engine {
    std::string name;
    std::unique_ptr<exporting::Carrier> carrier;
  };
  SystemRandom random_;
  std::vector<Engine> engines_;
};

// Of one of its shards. `gateway`: whose rows they are.
exporting::ClickHouseOptions clickhouse_options(const ClickHouseConfig& config,
                                                const std::vector<std::string>& replicas,
                                                const std::string& gateway);

}  // namespace sightglass::app
