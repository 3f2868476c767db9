#include "app/export_side.h"

#include <algorithm>
#include <cmath>
#include <thread>
#include <utility>

#include "app/all_gateways.h"
#include "export/clickhouse_hourly.h"
#include "export/influx.h"
#include "export/points.h"
#include "export/postgres.h"
#include "export/rows.h"
#include "export/sqlstate.h"
#include "export/text_destination.h"

namespace sightglass::app {
namespace {

constexpr Nanos kCloseWithin = 3 * kSecond;
constexpr Nanos kHourlyAges = 12;                       // of a block of rows: by default a minute
constexpr std::size_t kPostgresBatchBytes = 32u << 20;  // in memory; the number is what counts

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

// What every engine's configuration names alike. `batch`: so many entries, or so many bytes.
template <typename EngineConfig>
exporting::OutboxOptions outbox_options(const EngineConfig& config, std::string engine,
                                        exporting::ReasonSentence sentence, std::int64_t batch,
                                        std::uint64_t batch_bytes) {
  exporting::OutboxOptions options;
  options.engine = std::move(engine);
  options.sentence = sentence;
  options.batch_points = static_cast<std::size_t>(batch);
  options.batch_bytes = batch_bytes;
  options.batch_age_ns = config.batch_age_ns;
  options.max_lag_bytes = config.max_lag_bytes;
  return options;
}

exporting::OutboxOptions outbox_options(const InfluxConfig& config) {
  return outbox_options(config, "influxdb", exporting::reason_sentence, config.batch_points,
                        config.batch_bytes);
}

exporting::OutboxOptions outbox_options(const PostgresConfig& config) {
  return outbox_options(config, "postgres", exporting::postgres_sentence, config.batch_requests,
                        kPostgresBatchBytes);
}

exporting::OutboxOptions outbox_options(const ClickHouseConfig& config) {
  auto options = outbox_options(config, "clickhouse", exporting::clickhouse_sentence,
                                config.batch_rows, config.batch_bytes);
  options.exact = true;
  return options;
}

// Sums are few, and ClickHouse likes few inserts.
exporting::OutboxOptions hourly_outbox_options(const ClickHouseConfig& config) {
  auto options = outbox_options(config);
  options.engine = "clickhouse_hourly";
  options.batch_points = 20'000;
  options.batch_bytes = 32u << 20;  // in memory; the number is what counts
  options.batch_age_ns = kHourlyAges * config.batch_age_ns;
  return options;
}

// The shard that this gateway's rows go to.
exporting::ClickHouseOptions clickhouse_of(const ExportSide::Parts& parts) {
  const auto& config = *parts.config.storage.clickhouse;
  const auto gateway = gateway_name(parts.config, parts.gateway);
  const auto shards = config.all_shards();
  return clickhouse_options(config, shards[exporting::shard_of(gateway, shards.size())], gateway);
}

void show_lag(Telemetry& telemetry, const std::string& engine, const exporting::Outbox& outbox) {
  const Labels labels = {{"engine", engine}};
  telemetry.gauge_function(
      "sightglass_export_lag_records", "Records of the journal that an engine does not have yet.",
      Telemetry::Kind::kGauge, [&outbox] { return static_cast<double>(outbox.lag().records); },
      labels);
  telemetry.gauge_function(
      "sightglass_export_lag_seconds", "Age of what an engine has last, while it lags.",
      Telemetry::Kind::kGauge, [&outbox] { return outbox.lag().seconds; }, labels);
}

admin::HealthCheck health_of(const std::string& engine, const exporting::Outbox& outbox) {
  const auto health = outbox.health();
  const auto lag = outbox.lag();
  admin::HealthCheck check;
  check.name = "export." + engine;
  check.vital = false;
  check.ok = health.ok;
  if (!check.ok) {
    check.problem = std::string(health.sentence);
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

exporting::PgOptions postgres_options(const PostgresConnection& config) {
  exporting::PgOptions options;
  if (const auto where = split_address(config.addr, options.port)) {
    options.host = where->host;
    options.port = where->port;
  }
  options.database = config.database;
  options.username = config.username;
  options.password = config.password;
  options.sslmode = config.sslmode;
  options.ca_file = config.ca_file;
  options.timeout_ns = config.timeout_ns;
  return options;
}

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

Result<std::unique_ptr<exporting::Destination>> ExportSide::influx(const Parts& parts) {
  const auto& config = *parts.config.storage.influx;
  SG_ASSIGN(auto sink, exporting::make_influx(influx_options(config), parts.clock));
  return exporting::make_destination(
      std::make_unique<exporting::PointWriter>(config.measurement,
                                               gateway_name(parts.config, parts.gateway)),
      std::move(sink));
}

Result<std::unique_ptr<exporting::Destination>> ExportSide::clickhouse(const Parts& parts) {
  SG_ASSIGN(auto sink, exporting::make_clickhouse(clickhouse_of(parts), parts.clock));
  return exporting::make_destination(
      std::make_unique<exporting::RowWriter>(gateway_name(parts.config, parts.gateway)),
      std::move(sink));
}

Result<std::unique_ptr<exporting::Destination>> ExportSide::postgres(const Parts& parts) {
  return exporting::make_postgres(postgres_options(*parts.config.storage.postgres),
                                  gateway_name(parts.config, parts.gateway), parts.gateway,
                                  parts.clock);
}

Status ExportSide::add(const Parts& parts, exporting::OutboxOptions options,
                       Result<std::unique_ptr<exporting::Destination>> to) {
  const auto engine = options.engine;
  if (!to) return fail("storage.runtime " + engine, std::move(to).error());
  options.directory = parts.data_folder + "/export";
  const auto max_lag_bytes = options.max_lag_bytes;
  auto random = std::make_unique<SystemRandom>();
  SG_ASSIGN(auto outbox,
            exporting::Outbox::open(std::move(options), std::move(*to), parts.journal, parts.fs,
                                    parts.clock, *random, parts.telemetry, parts.log));
  show_lag(parts.telemetry, engine, *outbox);
  SG_ASSIGN(auto carrier, exporting::Carrier::make(
                              {parts.journal_options, parts.data_folder + "/snapshots",
                               parts.journal, parts.fs, parts.clock, parts.telemetry, parts.log},
                              std::move(outbox), max_lag_bytes));
  lanes_.push_back({engine, std::move(random), std::move(carrier)});
  return {};
}

Result<std::unique_ptr<ExportSide>> ExportSide::open(const Parts& parts) {
  const auto& storage = parts.config.storage;
  if (!storage.influx && !storage.postgres && !storage.clickhouse) return nullptr;
  std::unique_ptr<ExportSide> side(new ExportSide);
  if (storage.influx) {
    SG_TRY(side->add(parts, outbox_options(*storage.influx), influx(parts)));
  }
  if (storage.postgres) {
    SG_TRY(side->add(parts, outbox_options(*storage.postgres), postgres(parts)));
  }
  if (storage.clickhouse) {
    SG_TRY(side->add(parts, outbox_options(*storage.clickhouse), clickhouse(parts)));
    if (storage.clickhouse->hourly) {
      SG_TRY(side->add(parts, hourly_outbox_options(*storage.clickhouse),
                       exporting::make_clickhouse_hourly(clickhouse_of(parts), parts.clock)));
    }
    SG_ASSIGN(side->forgetting_,
              exporting::ClickHouseForgetting::make(clickhouse_of(parts), parts.clock));
  }
  return side;
}

// Rows that are still on their way would come after what took them out.
std::vector<admin::Forgetting::Parts::Engine> ExportSide::forgetters(ExportSide* side) {
  if (side == nullptr || side->forgetting_ == nullptr) return {};
  const auto lane = std::find_if(side->lanes_.begin(), side->lanes_.end(),
                                 [](const Lane& one) { return one.name == "clickhouse"; });
  return {{"clickhouse",
           [side, &outbox = lane->carrier->outbox()](const journal::Forget& texts,
                                                     journal::Position up_to) -> Result<bool> {
             if (outbox.confirmed() < up_to) return false;
             return side->forgetting_->forget(texts, up_to);
           },
           [side] { side->forgetting_->stop_by(0); }}};
}

void ExportSide::start() {
  for (const auto& lane : lanes_) lane.carrier->start();
}

// At the same time: each may use all of it.
Status ExportSide::stop() {
  std::vector<Status> ended(lanes_.size());
  std::vector<std::thread> stopping;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    stopping.emplace_back([&, i] { ended[i] = lanes_[i].carrier->stop(kCloseWithin); });
  }
  for (auto& thread : stopping) thread.join();
  for (auto& status : ended) SG_TRY(std::move(status));
  return {};
}

std::vector<admin::HealthCheck> ExportSide::health() const {
  std::vector<admin::HealthCheck> checks;
  for (const auto& lane : lanes_) checks.push_back(health_of(lane.name, lane.carrier->outbox()));
  return checks;
}

}  // namespace sightglass::app
