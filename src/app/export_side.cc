#include "app/export_side.h"

#include <cmath>
#include <thread>
#include <utility>

#include "export/influx.h"
#include "export/points.h"
#include "export/rows.h"

namespace sightglass::app {
namespace {

constexpr Nanos kCloseWithin = 3 * kSecond;

exporting::InfluxOptions influx_options(const InfluxConfig& config) {
  exporting::InfluxOptions options;
  options.addr = config.addr;
  options.token = config.token;
  options.org = config.org;
  options.bucket = config.bucket;
  options.database = config.database;
  options.retention_policy = config.retention_policy;
  options.username = config.username;
  options.password = config.password;
  options.version = static_cast<int>(config.version);
  options.ca_file = config.ca_file;
  options.timeout_ns = config.timeout_ns;
  return options;
}

admin::HealthCheck health_of(const std::string& engine, const exporting::Outbox& outbox) {
  const auto health = outbox.health();
  const auto lag = outbox.lag();
  admin::HealthCheck check;
  check.name = "export." + engine;
  check.vital = false;
  check.ok = health.ok;
  if (!check.ok) {
    check.problem = std::string(exporting::reason_sentence(health.reason));
    check.words = {{"reason", std::string(exporting::reason_name(health.reason))}};
  }
  check.numbers = {{"sent_points", static_cast<std::int64_t>(health.sent)},
                   {"dropped_points", static_cast<std::int64_t>(health.dropped)},
                   {"gap_records", static_cast<std::int64_t>(health.gap_records)},
                   {"lag_records", static_cast<std::int64_t>(lag.records)},
                   {"lag_seconds", std::llround(lag.seconds)},
                   {"failing_seconds", health.failing_ns / kSecond}};
  return check;
}

}  // namespace

exporting::ClickHouseOptions clickhouse_options(const ClickHouseConfig& config,
                                                const std::vector<std::string>& replicas,
                                                const std::string& gateway) {
  exporting::ClickHouseOptions options;
  options.replicas = replicas;
  options.database = config.database;
  options.table = config.table;
  options.username = config.username;
  options.password = config.password;
  options.ca_file = config.ca_file;
  options.gateway = gateway;
  options.quorum = config.insert_quorum != 0 ? config.insert_quorum : replicas.size() > 1 ? 2 : 1;
  options.timeout_ns = config.timeout_ns;
  return options;
}

Result<std::unique_ptr<ExportSide>> ExportSide::open(const Parts& parts) {
  const auto& storage = parts.config.storage;
  if (!storage.influx && !storage.clickhouse) return nullptr;
  const auto& gateway = parts.config.gateway.empty() ? parts.gateway : parts.config.gateway;
  std::unique_ptr<ExportSide> side(new ExportSide);
  if (storage.influx) SG_TRY(side->add_influx(parts, gateway));
  if (storage.clickhouse) SG_TRY(side->add_clickhouse(parts, gateway));
  return side;
}

Status ExportSide::add_influx(const Parts& parts, const std::string& gateway) {
  const auto& config = *parts.config.storage.influx;
  exporting::OutboxOptions options;
  options.engine = "influxdb";
  options.batch_points = static_cast<std::size_t>(config.batch_points);
  options.batch_bytes = config.batch_bytes;
  options.batch_age_ns = config.batch_age_ns;
  options.max_lag_bytes = config.max_lag_bytes;
  return add(parts, std::move(options),
             std::make_unique<exporting::PointWriter>(config.measurement, gateway),
             exporting::make_influx(influx_options(config), parts.clock));
}

Status ExportSide::add_clickhouse(const Parts& parts, const std::string& gateway) {
  const auto& config = *parts.config.storage.clickhouse;
  exporting::OutboxOptions options;
  options.engine = "clickhouse";
  options.exact = true;
  options.batch_points = static_cast<std::size_t>(config.batch_rows);
  options.batch_bytes = config.batch_bytes;
  options.batch_age_ns = config.batch_age_ns;
  options.max_lag_bytes = config.max_lag_bytes;
  const auto shards = config.all_shards();
  const auto& replicas = shards[exporting::shard_of(gateway, shards.size())];
  return add(
      parts, std::move(options), std::make_unique<exporting::RowWriter>(gateway),
      exporting::make_clickhouse(clickhouse_options(config, replicas, gateway), parts.clock));
}

Status ExportSide::add(const Parts& parts, exporting::OutboxOptions options,
                       std::unique_ptr<exporting::Writer> writer,
                       Result<std::unique_ptr<exporting::Sink>> sink) {
  const auto name = options.engine;
  const auto max_lag_bytes = options.max_lag_bytes;
  options.directory = parts.data_folder + "/export";
  if (!sink) return fail("storage.runtime " + name, std::move(sink).error());
  SG_ASSIGN(auto outbox, exporting::Outbox::open(std::move(options), std::move(writer),
                                                 std::move(*sink), parts.journal, parts.fs,
                                                 parts.clock, random_, parts.telemetry, parts.log));
  const auto* carried = outbox.get();
  const Labels engine = {{"engine", name}};
  parts.telemetry.gauge_function(
      "sightglass_export_lag_records", "Records of the journal that an engine does not have yet.",
      Telemetry::Kind::kGauge, [carried] { return static_cast<double>(carried->lag().records); },
      engine);
  parts.telemetry.gauge_function(
      "sightglass_export_lag_seconds", "Age of what an engine has last, while it lags.",
      Telemetry::Kind::kGauge, [carried] { return carried->lag().seconds; }, engine);
  SG_ASSIGN(auto carrier, exporting::Carrier::make(
                              {parts.journal_options, parts.data_folder + "/snapshots",
                               parts.journal, parts.fs, parts.clock, parts.telemetry, parts.log},
                              std::move(outbox), max_lag_bytes));
  engines_.push_back({name, std::move(carrier)});
  return {};
}

void ExportSide::start() {
  for (auto& engine : engines_) engine.carrier->start();
}

// At the same time: each may use all of it.
Status ExportSide::stop() {
  std::vector<Status> ended(engines_.size());
  std::vector<std::thread> stopping;
  for (std::size_t i = 0; i < engines_.size(); ++i) {
    stopping.emplace_back([&, i] { ended[i] = engines_[i].carrier->stop(kCloseWithin); });
  }
  for (auto& thread : stopping) thread.join();
  for (auto& status : ended) SG_TRY(std::move(status));
  return {};
}

std::vector<admin::HealthCheck> ExportSide::health() const {
  std::vector<admin::HealthCheck> checks;
  for (const auto& engine : engines_) {
    checks.push_back(health_of(engine.name, engine.carrier->outbox()));
  }
  return checks;
}

}  // namespace sightglass::app
