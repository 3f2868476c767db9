// Asks the engines of `storage.runtime` what a gateway would find out later.
#include <algorithm>
#include <cstdio>

#include "app/commands.h"
#include "app/config_file.h"
#include "app/export_side.h"
#include "export/clickhouse_doctor.h"
#include "export/clickhouse_hourly.h"

namespace sightglass::app {
namespace {

constexpr Nanos kMostPatience = 10 * kSecond;  // somebody sits there and waits

bool report(const std::string& url, const Result<std::vector<exporting::Finding>>& findings) {
  if (!findings) {
    std::printf("FAIL  %s: %s\n", url.c_str(), findings.error().message.c_str());
    return false;
  }
  bool well = true;
  for (const auto& finding : *findings) {
    std::printf("%s  %s: %s\n", finding.ok ? "ok  " : "FAIL", url.c_str(), finding.text.c_str());
    well = well && finding.ok;
  }
  return well;
}

bool examine(const ClickHouseConfig& config, const std::string& gateway) {
  const SystemClock clock;
  bool well = true;
  const auto shards = config.all_shards();
  for (std::size_t i = 0; i < shards.size(); ++i) {
    auto options = clickhouse_options(config, shards[i], gateway);
    options.timeout_ns = std::min(options.timeout_ns, kMostPatience);
    for (const auto& url : shards[i]) {
      well = report(url, exporting::examine_clickhouse(options, url, clock)) && well;
      if (!config.hourly) continue;
      const auto hourly = exporting::hourly_options(options);
      well = report(url, exporting::examine_clickhouse(hourly, url, clock)) && well;
    }
  }
  if (shards.size() > 1 && !gateway.empty()) {
    std::printf("ok    the rows of gateway %s go to shard %zu of %zu\n", gateway.c_str(),
                exporting::shard_of(gateway, shards.size()) + 1, shards.size());
  }
  return well;
}

}  // namespace

int doctor_command(const DoctorArguments& arguments) {
  const auto config = load_config(arguments.config_file);
  if (!config) {
    std::fprintf(stderr, "sightglass doctor: %s\n", config.error().message.c_str());
    return 2;
  }
  if (!config->storage.clickhouse) {
    std::printf("ok    storage.runtime names no clickhouse, the one engine that doctor asks\n");
    return 0;
  }
  return examine(*config->storage.clickhouse, config->gateway) ? 0 : 1;
}

}  // namespace sightglass::app
