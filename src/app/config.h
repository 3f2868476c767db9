// The configuration file, `sightglass.yaml`, as structs; and the seeds' environment flags.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "app/binder.h"
#include "app/storage_runtime.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "control/clients.h"

namespace sightglass::app {

struct ProviderConfig {
  std::string id;
  std::string kind = "openai";  // openai, anthropic, other
  std::string base_url;
  std::vector<std::string> api_keys;
  std::vector<std::string> models;  // known names, for routing and labels
  friend bool operator==(const ProviderConfig&, const ProviderConfig&) = default;
};

struct ClientConfig {
  std::string id;
  std::string key;
  std::string description;
  std::vector<std::string> allowed_providers;  // empty: all
  std::vector<std::string> allowed_models;
  Nanos expires_ns = 0;  // 0: never
  control::ClientLimits limits;
  friend bool operator==(const ClientConfig&, const ClientConfig&) = default;
};

// How requests find their way where there is a choice: the Administration seed's words.
struct PolicyConfig {
  std::string algorithm = "round_robin";  // round_robin, random, least_loaded
  std::string priority = "balanced";      // the only one
  bool cache_enabled = false;             // always
  std::int64_t cache_ttl_seconds = 0;     // says nothing while there is no cache
  friend bool operator==(const PolicyConfig&, const PolicyConfig&) = default;
};

struct FollowConfig {
  static constexpr std::size_t kMostFiles = 64;
  std::string path;
  std::string source;           // part of its sources' names; empty: the file alone says what it is
  std::string format = "auto";  // events, lines, auto
  friend bool operator==(const FollowConfig&, const FollowConfig&) = default;
};

struct FileLogConfig {
  bool enabled = false;
  std::string path = "./logs/llm.log";
  std::int64_t max_size_mb = 100;
  std::int64_t max_backups = 5;
  Nanos max_age_ns = 0;  // 0: rotated by size alone
};

struct ActivityLogConfig {
  bool enabled = false;  // by FEATURE_METRICS_LOGGING_ENABLED alone
  std::string path;      // empty: application.log beside the JSON log
  std::int64_t max_size_mb = 100;
  std::int64_t max_backups = 5;
  std::string users = "pseudonym";  // pseudonym, plain
  bool strict = false;
};

struct AuditConfig {
  bool enabled = true;
  std::string path;  // empty: audit/audit.jsonl in the data folder
  std::int64_t max_size_mb = 100;
  std::int64_t max_backups = 100;
};

struct Config {
  std::string listen = "127.0.0.1:2906";
  std::string listen_admin;  // a second listener for admin API and page; empty: the same
  std::string port_file;     // the bound port is written here
  std::int64_t workers = 0;  // 0: one per core
  std::string data = "data";
  std::string admin_id = "admin";
  std::string admin_key;  // empty: made at the first start, stored hashed
  std::string scrape_token;
  std::vector<std::string> ingest_keys;
  std::vector<std::string> ingest_rum_origins;
  std::uint64_t ingest_body_bytes = 64ull << 20;
  std::uint64_t ingest_memory_bytes = 256ull << 20;
  std::int64_t ingest_threads = 2;
  bool ingest_local_sockets = true;
  std::string ingest_socket_folder;  // empty: the data folder
  std::vector<FollowConfig> follow;
  std::vector<std::string> allowed_hosts;
  std::vector<std::string> allowed_origins;
  std::vector<std::string> admin_origins;
  std::vector<std::string> trusted_proxies;
  std::string tls_certificate, tls_key;
  std::string keyring;  // empty: beside the user's configuration, outside the data folder
  Nanos pseudonym_epoch_ns = 30 * 86'400 * kSecond;
  Nanos pseudonym_overlap_ns = 7 * 86'400 * kSecond;
  Nanos pseudonym_keep_ns = 0;  // 0: as long as the store keeps rows
  std::string gateway;          // its name in what is exported; empty: the data folder's id
  std::string service = "gateway";
  std::string environment = "production";
  bool dumpable = false;

  std::vector<ProviderConfig> providers;
  std::map<std::string, std::string> model_aliases;
  std::vector<ClientConfig> clients;
  PolicyConfig policy;
  std::string pass_through = "loopback";  // loopback, on, off
  std::string upstream_ca_file;
  Nanos upstream_connect_ns = 10 * kSecond;
  Nanos upstream_head_ns = 600 * kSecond;
  Nanos upstream_idle_ns = 300 * kSecond;
  std::string prices_file;
  std::vector<std::string> packs;  // further pack files
  std::string packs_dir;           // a folder of them; empty: none

  std::uint64_t journal_max_bytes = 0;
  std::uint64_t journal_segment_bytes = 64ull << 20;
  std::uint64_t journal_commit_bytes = 1ull << 20;
  Nanos journal_commit_delay_ns = 5 * kMillisecond;
  bool reset_counters = false;                 // from the command line: --reset-counters
  std::uint64_t snapshot_bytes = 64ull << 20;  // of journal folded between two snapshots

  bool store_enabled = true;
  std::int64_t store_seal_rows = 32'768;
  Nanos store_seal_age_ns = 60 * kSecond;
  std::uint64_t store_memory_bytes = 128ull << 20;
  Nanos store_retention_ns = 0;
  Nanos store_retention_events_ns = 0;
  std::map<std::string, std::string> store_retention_types;  // event type or pack:NAME: duration
  std::uint64_t store_max_bytes = 0;
  Nanos store_rollup_minutes_ns = 7 * 86'400 * kSecond;
  Nanos store_rollup_hours_ns = 400 * 86'400 * kSecond;
  Nanos store_rollup_days_ns = 0;

  StorageRuntime storage;                          // engines beside it
  std::optional<RegistryConfig> clients_registry;  // none: clients are each gateway's own

  Level log_level = Level::kInfo;
  bool log_console = true;
  bool log_syslog = false;
  std::string log_profile = "coachup";
  FileLogConfig log_file;
  ActivityLogConfig activity_log;
  AuditConfig audit;

  std::map<std::string, std::string> sampling;  // event type: N

  std::uint64_t limit_body_bytes = 64ull << 20;
  std::uint64_t limit_header_bytes = 32ull << 10;
  std::int64_t limit_header_fields = 100;
  std::int64_t limit_connections = 16 << 10;
  std::int64_t limit_connections_per_address = 64;

  // The Live seed's flags.
  bool log_request_metrics = true;
  std::int64_t log_summary_interval = 100;
  bool sse_enabled = true;
  Nanos sse_interval_ns = 2 * kSecond;
  Nanos sse_heartbeat_ns = 30 * kSecond;
};

// `yaml` may be empty: every key has a default. Errors: every fault, one a line, with file, line
// and the nearest known key.
Result<Config> parse_config(std::string_view yaml, std::string_view file,
                            const Environment& environment);

// The keys whose values differ, by their paths in the file. Both must have passed parse_config.
std::vector<std::string> changed_keys(const Config& before, const Config& after);

// The reference in Markdown, from the same declarations that read the file.
std::string config_reference();

const char* process_environment(const char* name);  // getenv

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
};
// "127.0.0.1:2906", ":2906" (all addresses), "[::1]:2906", "localhost:0".
Result<HostPort> parse_listen(std::string_view text);

}  // namespace sightglass::app
