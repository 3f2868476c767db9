#include "app/export_side.h"

#include <cmath>

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

exporting::OutboxOptions outbox_options(const ExportSide::Parts& parts,
                                        const InfluxConfig& config) {
  exporting::OutboxOptions options;
  options.directory = parts.data_folder + "/export";
  options.measurement = config.measurement;
  options.gateway = parts.config.gateway.empty() ? parts.gateway : parts.config.gateway;
  options.batch_points = static_cast<std::size_t>(config.batch_points);
  options.batch_bytes = config.batch_bytes;
  options.batch_age_ns = config.batch_age_ns;
  options.max_lag_bytes = config.max_lag_bytes;
  return options;
}

}  // namespace

Result<std::unique_ptr<ExportSide>> ExportSide::open(const Parts& parts) {
  if (!parts.config.storage.influx) return nullptr;
  const auto& influx = *parts.config.storage.influx;
  std::unique_ptr<ExportSide> side(new ExportSide);
  auto sink = exporting::make_influx(influx_options(influx), parts.clock);
  if (!sink) return fail("storage.runtime influxdb", std::move(sink).error());
  SG_ASSIGN(auto outbox, exporting::Outbox::open(outbox_options(parts, influx), std::move(*sink),
                                                 parts.journal, parts.fs, parts.clock,
                                                 side->random_, parts.telemetry, parts.log));
  const auto* carried = outbox.get();
  const Labels engine = {{"engine", "influxdb"}};
  parts.telemetry.gauge_function(
      "sightglass_export_lag_records", "Records of the journal that an engine does not have yet.",
      Telemetry::Kind::kGauge, [carried] { return static_cast<double>(carried->lag().records); },
      engine);
  parts.telemetry.gauge_function(
      "sightglass_export_lag_seconds", "Age of what an engine has last, while it lags.",
      Telemetry::Kind::kGauge, [carried] { return carried->lag().seconds; }, engine);
  SG_ASSIGN(side->influx_, exporting::Carrier::make(
                               {parts.journal_options, parts.data_folder + "/snapshots",
                                parts.journal, parts.fs, parts.clock, parts.telemetry, parts.log},
                               std::move(outbox), influx.max_lag_bytes));
  return side;
}

Status ExportSide::stop() { return influx_->stop(kCloseWithin); }

admin::HealthCheck ExportSide::health() const {
  const auto health = influx_->outbox().health();
  const auto lag = influx_->outbox().lag();
  admin::HealthCheck check;
  check.name = "export.influxdb";
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

}  // namespace sightglass::app
