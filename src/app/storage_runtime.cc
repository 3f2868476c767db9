#include "app/storage_runtime.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "base/text.h"

namespace sightglass::app {
namespace {

// Addresses are printed in messages and configuration answers; what is secret has keys of its own.
void refuse_userinfo(Binder& b, const std::string& addr) {
  if (addr.find('@') == std::string::npos) return;
  b.refuse("addr must not hold a name or password; username and password have their own keys");
}

// They become header fields of one line.
void refuse_control(Binder& b, const char* key, const std::string& value) {
  for (const char c : value) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) continue;
    return b.refuse(std::string(key) + " holds a line feed or another control character");
  }
}

bool is_web_address(const std::string& addr) {
  return addr.starts_with("http://") || addr.starts_with("https://");
}

void bind_influx(Binder& b, InfluxConfig& influx) {
  b.text("addr", influx.addr, "where it is: http://HOST:PORT or https://HOST:PORT");
  b.text("token", influx.token, "version 2: a token that may write to the bucket; ${ENV} works");
  b.text("org", influx.org, "version 2: the organisation");
  b.text("bucket", influx.bucket, "version 2: the bucket; for version 1 where database is empty");
  b.integer("version", influx.version, 0, 2,
            "1: /write, 2: /api/v2/write, 0: 2 if the server has it, else 1");
  b.text("database", influx.database, "version 1: the database");
  b.text("retention_policy", influx.retention_policy, "version 1; empty: the database's default");
  b.text("username", influx.username, "version 1; empty: none is sent");
  b.text("password", influx.password, "version 1; ${ENV} works");
  b.text("measurement", influx.measurement, "what its points are called");
  b.text("ca_file", influx.ca_file, "PEM bundle instead of the system's");
  b.integer("batch_points", influx.batch_points, 1, 100'000, "a batch is sent with so many points");
  b.bytes("batch_bytes", influx.batch_bytes, "or of this size");
  b.duration("batch_age", influx.batch_age_ns, "or when its oldest point is so old");
  b.duration("timeout", influx.timeout_ns, "of one call");
  b.bytes("max_lag_bytes", influx.max_lag_bytes,
          "of journal that waits for it; past it the oldest are given up and counted");
  if (!is_web_address(influx.addr)) b.refuse("addr must begin with http:// or https://");
  refuse_userinfo(b, influx.addr);
  refuse_control(b, "token", influx.token);
  if (influx.measurement.empty()) b.refuse("measurement must not be empty");
  if (influx.version == 2 && influx.bucket.empty()) b.refuse("version 2 needs bucket");
  if (influx.bucket.empty() && influx.database.empty()) {
    b.refuse("influxdb needs token, org and bucket (version 2), or database (version 1)");
  }
}

void bind_redis(Binder& b, RedisConfig& redis) {
  b.text("addr", redis.addr, "where it is: HOST:PORT");
  b.text("password", redis.password, "empty: none is sent; ${ENV} works");
  b.text("username", redis.username, "of Redis' access lists; empty: the default user");
  b.integer("db", redis.db, 0, 1'000'000, "number of its database");
  b.flag("tls", redis.tls, "talk TLS to it");
  b.text("ca_file", redis.ca_file, "PEM bundle instead of the system's");
  b.text("prefix", redis.prefix, "with which all keys begin");
  b.duration("timeout", redis.timeout_ns,
             "of one answer; past it a request is decided without Redis");
  refuse_userinfo(b, redis.addr);
  const auto colon = redis.addr.rfind(':');
  if (colon == 0 || colon == std::string::npos || colon + 1 == redis.addr.size() ||
      redis.addr.find('/') != std::string::npos) {
    b.refuse("addr must be HOST:PORT such as localhost:6379");
  }
}

constexpr std::array<std::string_view, 3> kSslModes = {"disable", "verify-ca", "verify-full"};
constexpr std::uint16_t kPostgresPort = 5432;
constexpr Nanos kLongestTimeout = 3'600 * kSecond;

// `timeout`: what it is of.
void bind_connection(Binder& b, PostgresConnection& to, const char* member, const char* timeout) {
  b.text("addr", to.addr, "where it is: HOST:PORT, or the folder of a Unix socket");
  b.text("database", to.database, "the database that has the tables");
  b.text("username", to.username, member);
  b.text("password", to.password, "empty: none is sent; ${ENV} works");
  b.text("sslmode", to.sslmode, "disable, verify-ca or verify-full, as libpq means them");
  b.text("ca_file", to.ca_file, "PEM bundle instead of the system's");
  b.duration("timeout", to.timeout_ns, timeout);
}

void check_connection(Binder& b, const PostgresConnection& to) {
  refuse_userinfo(b, to.addr);
  if (!split_address(to.addr, kPostgresPort)) {
    b.refuse(
        "addr must be HOST:PORT such as localhost:5432, or a folder such as "
        "/var/run/postgresql");
  }
  if (to.database.empty()) b.refuse("database must not be empty");
  if (to.username.empty()) b.refuse("username must not be empty");
  if (to.timeout_ns < kMillisecond || to.timeout_ns > kLongestTimeout) {
    b.refuse("timeout must be from 1ms to 1h");
  }
  if (std::ranges::find(kSslModes, to.sslmode) == kSslModes.end()) {
    b.refuse(
        "sslmode must be disable, verify-ca or verify-full; there is none that encrypts "
        "without verifying");
  }
}

void bind_postgres(Binder& b, PostgresConfig& postgres) {
  bind_connection(b, postgres, "a member of sightglass_writer",
                  "of connecting, and of each statement");
  b.integer("batch_requests", postgres.batch_requests, 1, 20'000,
            "a transaction takes so many requests");
  b.duration("batch_age", postgres.batch_age_ns, "or begins when the oldest is so old");
  b.bytes("max_lag_bytes", postgres.max_lag_bytes,
          "of journal that waits for it; past it the oldest are given up and counted");
  check_connection(b, postgres);
}

// They stand in SQL as they are.
bool is_plain_name(const std::string& name) {
  return !name.empty() && name.find_first_not_of(
                              "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVW"
                              "XYZ0123456789_") == std::string::npos;
}

void check_clickhouse(Binder& b, const ClickHouseConfig& clickhouse) {
  for (const auto& shard : clickhouse.all_shards()) {
    if (shard.empty()) b.refuse("each shard needs replicas, a list of http://HOST:PORT");
    for (const auto& addr : shard) {
      if (!is_web_address(addr)) b.refuse("each address must begin with http:// or https://");
      refuse_userinfo(b, addr);
    }
    if (clickhouse.insert_quorum > static_cast<std::int64_t>(shard.size())) {
      b.refuse("insert_quorum must not be more than the replicas of each shard");
    }
  }
  if (!is_plain_name(clickhouse.database) || !is_plain_name(clickhouse.table)) {
    b.refuse("database and table must be of letters, digits and _");
  }
}

void bind_clickhouse(Binder& b, ClickHouseConfig& clickhouse) {
  std::string addr = clickhouse.addr;
  b.text("addr", addr, "of one server without shards: http://HOST:PORT or https://HOST:PORT");
  b.list("shards", "in place of addr; a gateway's rows go to one of them, by its id",
         [&](Binder& shard) {
           std::vector<std::string> replicas;
           shard.texts("replicas", replicas, "the addresses of its replicas, tried in this order");
           clickhouse.shards.push_back(std::move(replicas));
         });
  if (addr != clickhouse.addr && !clickhouse.shards.empty()) {
    b.refuse("clickhouse takes addr or shards, not both");
  }
  clickhouse.addr = std::move(addr);
  b.text("database", clickhouse.database, "where deploy/clickhouse made its tables");
  b.text("table", clickhouse.table, "the table of rows");
  b.text("username", clickhouse.username, "empty: the server's default user");
  b.text("password", clickhouse.password, "${ENV} works");
  b.text("ca_file", clickhouse.ca_file, "PEM bundle instead of the system's");
  b.integer("insert_quorum", clickhouse.insert_quorum, 0, 16,
            "so many replicas have a block before it counts; 0: 2 where a shard has replicas");
  b.integer("batch_rows", clickhouse.batch_rows, 1, 100'000, "a block is sent with so many rows");
  b.bytes("batch_bytes", clickhouse.batch_bytes, "or of this size");
  b.duration("batch_age", clickhouse.batch_age_ns, "or when its oldest row is so old");
  b.duration("timeout", clickhouse.timeout_ns, "of one call");
  b.bytes("max_lag_bytes", clickhouse.max_lag_bytes,
          "of journal that waits for it, within journal.max_bytes; past it the oldest are given up "
          "and counted");
  b.flag("hourly", clickhouse.hourly, "also send sums by the hour, to the table `hourly`");
  check_clickhouse(b, clickhouse);
}

template <typename T>
void bind_once(Binder& b, const char* type, std::optional<T>& slot, void (*bind)(Binder&, T&)) {
  if (slot) b.refuse(std::string("storage.runtime names ") + type + " twice; once is enough");
  T engine;
  bind(b, engine);
  slot = std::move(engine);
}

}  // namespace

std::optional<HostAndPort> split_address(const std::string& addr, std::uint16_t default_port) {
  HostAndPort out{addr, default_port};
  const auto colon = addr.rfind(':');
  if (colon != std::string::npos) {
    const auto port = parse_int(std::string_view(addr).substr(colon + 1));
    if (!port || *port < 1 || *port > 65'535) return std::nullopt;
    out = {addr.substr(0, colon), static_cast<std::uint16_t>(*port)};
  }
  if (out.host.starts_with('/')) return out;
  if (out.host.starts_with('[') && out.host.ends_with(']')) {
    out.host = out.host.substr(1, out.host.size() - 2);
  } else if (out.host.find(':') != std::string::npos) {
    return std::nullopt;  // an address of version 6 stands in brackets
  }
  const bool plain = out.host.find_first_of("/, \t") == std::string::npos;
  if (out.host.empty() || !plain || colon == std::string::npos) return std::nullopt;
  return out;
}

void bind_storage_runtime(Binder& b, StorageRuntime& runtime) {
  // Lists are compared as a whole; their documentation shows the defaults.
  StorageRuntime fresh;
  auto& into = b.documents() ? fresh : runtime;
  b.variant(
      "type",
      {{"influxdb", [&](Binder& x) { bind_once(x, "influxdb", into.influx, bind_influx); }},
       {"redis", [&](Binder& x) { bind_once(x, "redis", into.redis, bind_redis); }},
       {"postgres", [&](Binder& x) { bind_once(x, "postgres", into.postgres, bind_postgres); }},
       {"clickhouse",
        [&](Binder& x) { bind_once(x, "clickhouse", into.clickhouse, bind_clickhouse); }}},
      "which engine: influxdb, redis, postgres, clickhouse");
}

void bind_clients_registry(Binder& b, std::optional<RegistryConfig>& registry) {
  constexpr Nanos kShortestPoll = 100 * kMillisecond;
  constexpr Nanos kLongestPoll = 3'600 * kSecond;
  std::string type = registry ? "postgres" : "embedded";
  auto config = registry.value_or(RegistryConfig());
  b.text("type", type,
         "where clients made over the admin API are kept: embedded (each gateway its own) or "
         "postgres (one registry for several gateways)");
  bind_connection(b, config, "a member of sightglass_registry",
                  "of one change or one poll, all together");
  b.duration("poll", config.poll_ns,
             "the longest that a change made on another gateway stays unknown here while the "
             "database answers");
  if (b.documents()) return;
  if (type == "embedded") {
    if (config != RegistryConfig()) b.refuse("these keys are for type: postgres; name the type");
    return registry.reset();
  }
  if (type != "postgres") b.refuse("type must be embedded or postgres");
  check_connection(b, config);
  if (config.poll_ns < kShortestPoll || config.poll_ns > kLongestPoll) {
    b.refuse("poll must be from 100ms to 1h");
  }
  registry = std::move(config);
}

}  // namespace sightglass::app
