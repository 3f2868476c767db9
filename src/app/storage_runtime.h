// `storage.runtime`: the engines beside the embedded store, as the administration seed prints them
// (one map with `type`), or several of them as a list.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "app/binder.h"
#include "base/clock.h"

namespace sightglass::app {

struct InfluxConfig {
  std::string addr = "http://127.0.0.1:8086";
  std::string token, org, bucket;            // version 2
  std::string database, username, password;  // version 1
  std::string retention_policy;              // version 1; empty: the database's default
  std::int64_t version = 0;                  // 0: asked of the server
  std::string measurement = "llm_request";
  std::string ca_file;  // empty: the system's
  std::int64_t batch_points = 5'000;
  std::uint64_t batch_bytes = 1ull << 20;
  Nanos batch_age_ns = kSecond;
  Nanos timeout_ns = 30 * kSecond;
  std::uint64_t max_lag_bytes = 1ull << 30;  // of journal; past it the oldest are given up
  friend bool operator==(const InfluxConfig&, const InfluxConfig&) = default;
};

struct RedisConfig {
  std::string addr = "localhost:6379";  // host:port
  std::string username, password;
  std::int64_t db = 0;
  bool tls = false;
  std::string ca_file;  // empty: the system's
  std::string prefix = "sightglass:";
  Nanos timeout_ns = 20 * kMillisecond;  // of one answer, for which a request waits
  friend bool operator==(const RedisConfig&, const RedisConfig&) = default;
};

struct PostgresConnection {
  std::string addr = "localhost:5432";  // host:port, or the folder of a Unix socket
  std::string database = "sightglass";
  std::string username = "sightglass";
  std::string password;
  std::string sslmode = "verify-full";  // libpq's; no mode that encrypts without verifying
  std::string ca_file;                  // empty: the system's
  Nanos timeout_ns = 30 * kSecond;      // of connecting, and of each statement
  friend bool operator==(const PostgresConnection&, const PostgresConnection&) = default;
};

struct PostgresConfig : PostgresConnection {
  std::int64_t batch_requests = 5'000;
  Nanos batch_age_ns = kSecond;
  std::uint64_t max_lag_bytes = 1ull << 30;  // of journal; past it the oldest are given up
  friend bool operator==(const PostgresConfig&, const PostgresConfig&) = default;
};

// `storage.clients`: the clients of several gateways.
struct RegistryConfig : PostgresConnection {
  RegistryConfig() { timeout_ns = 5 * kSecond; }  // of one change or poll, all together
  Nanos poll_ns = 2 * kSecond;
  friend bool operator==(const RegistryConfig&, const RegistryConfig&) = default;
};

// Where an addr that passed the configuration points to.
struct HostAndPort {
  std::string host;  // beginning with '/': the folder of a Unix socket
  std::uint16_t port = 0;
};
std::optional<HostAndPort> split_address(const std::string& addr, std::uint16_t default_port);
struct ClickHouseConfig {
  std::string addr = "http://127.0.0.1:8123";    // without shards
  std::vector<std::vector<std::string>> shards;  // each with its replicas' addresses
  std::string database = "sightglass", table = "events";
  std::string username, password;
  std::string ca_file;             // empty: the system's
  std::int64_t insert_quorum = 0;  // 0: 2 where a shard has replicas, else 1
  std::int64_t batch_rows = 20'000;
  std::uint64_t batch_bytes = 8ull << 20;
  Nanos batch_age_ns = 5 * kSecond;  // ClickHouse likes few inserts
  Nanos timeout_ns = 30 * kSecond;
  std::uint64_t max_lag_bytes = 8ull << 30;
  bool hourly = true;  // sums by the hour, too
  // The shards, also where there is one only.
  std::vector<std::vector<std::string>> all_shards() const {
    return shards.empty() ? std::vector<std::vector<std::string>>{{addr}} : shards;
  }
  friend bool operator==(const ClickHouseConfig&, const ClickHouseConfig&) = default;
};

// At most one engine of each type.
struct StorageRuntime {
  std::optional<InfluxConfig> influx;
  std::optional<RedisConfig> redis;
  std::optional<PostgresConfig> postgres;
  std::optional<ClickHouseConfig> clickhouse;
  friend bool operator==(const StorageRuntime&, const StorageRuntime&) = default;
};

// Binds one engine's map.
void bind_storage_runtime(Binder& b, StorageRuntime& runtime);
// Binds `storage.clients`; none: each gateway keeps its own.
void bind_clients_registry(Binder& b, std::optional<RegistryConfig>& registry);

}  // namespace sightglass::app
