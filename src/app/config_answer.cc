#include "app/config_answer.h"

#include <functional>
#include <vector>

#include "base/json_writer.h"

namespace sightglass::app {
namespace {

constexpr std::string_view kMasked = "****";

void secret(JsonWriter& json, std::string_view key, bool is_set) {
  json.key(key).string(is_set ? kMasked : std::string_view());
}

void texts(JsonWriter& json, std::string_view key, const std::vector<std::string>& values) {
  json.key(key).begin_array();
  for (const auto& value : values) json.string(value);
  json.end_array();
}

void append_server(JsonWriter& json, const Config& config) {
  json.key("Server").begin_object().key("Listen").string(config.listen);
  // The key that was made at the first start is stored hashed: there always is one.
  secret(json, "AdminAPIKey", true);
  json.key("WebUI").begin_object().key("Enabled").boolean(true);
  json.key("AdminID").string(config.admin_id);
  secret(json, "AdminPassword", false);
  json.key("WebUIPath").string("/").end_object();
  json.key("CORS").begin_object();
  texts(json, "AllowedOrigins", config.admin_origins);
  json.key("AllowCredentials").boolean(false).end_object().end_object();
}

void append_logging(JsonWriter& json, const Config& config) {
  const auto& file = config.log_file;
  json.key("Logging").begin_object().key("File").begin_object();
  json.key("Enabled").boolean(file.enabled).key("Path").string(file.path);
  json.key("MaxSizeMB").integer(file.max_size_mb).key("MaxBackups").integer(file.max_backups);
  json.end_object().key("Prometheus").begin_object().key("Enabled").boolean(true);
  json.key("Endpoint").string("/metrics").end_object().end_object();
}

void append_providers(JsonWriter& json, const Config& config) {
  json.key("LLMProviders").begin_array();
  for (const auto& provider : config.providers) {
    json.begin_object().key("ID").string(provider.id).key("Type").string(provider.kind);
    texts(json, "APIKeys",
          std::vector<std::string>(provider.api_keys.size(), std::string(kMasked)));
    json.key("BaseURL").string(provider.base_url);
    texts(json, "Models", provider.models);
    json.end_object();
  }
  json.end_array();
}

void append_clients(JsonWriter& json, const Config& config) {
  json.key("APIKeys").begin_array();
  for (const auto& client : config.clients) {
    json.begin_object().key("ID").string(client.id);
    secret(json, "Key", true);
    texts(json, "AllowedProviders", client.allowed_providers);
    json.end_object();
  }
  json.end_array();
}

void append_influx(JsonWriter& json, const InfluxConfig& influx) {
  json.begin_object().key("Type").string("influxdb").key("Addr").string(influx.addr);
  secret(json, "APIKey", !influx.token.empty());
  json.key("Org").string(influx.org).key("Bucket").string(influx.bucket);
  json.key("Database").string(influx.database);
  secret(json, "Password", !influx.password.empty());
  json.end_object();
}

void append_redis(JsonWriter& json, const RedisConfig& redis) {
  json.begin_object().key("Type").string("redis").key("Addr").string(redis.addr);
  secret(json, "Password", !redis.password.empty());
  json.end_object();
}

void append_postgres(JsonWriter& json, const PostgresConnection& postgres) {
  json.begin_object().key("Type").string("postgres").key("Addr").string(postgres.addr);
  json.key("Database").string(postgres.database).key("Username").string(postgres.username);
  secret(json, "Password", !postgres.password.empty());
  json.end_object();
}

void append_clickhouse(JsonWriter& json, const ClickHouseConfig& clickhouse) {
  json.begin_object().key("Type").string("clickhouse").key("Shards").begin_array();
  for (const auto& shard : clickhouse.all_shards()) {
    json.begin_array();
    for (const auto& replica : shard) json.string(replica);
    json.end_array();
  }
  json.end_array().key("Database").string(clickhouse.database);
  json.key("Username").string(clickhouse.username);
  secret(json, "Password", !clickhouse.password.empty());
  json.end_object();
}

// `Runtime` keeps its printed shape, of one engine; where there are several, `Runtimes` has all.
void append_storage(JsonWriter& json, const Config& config) {
  const auto& storage = config.storage;
  std::vector<std::function<void()>> engines;
  if (storage.influx) engines.emplace_back([&] { append_influx(json, *storage.influx); });
  if (storage.redis) engines.emplace_back([&] { append_redis(json, *storage.redis); });
  if (storage.postgres) engines.emplace_back([&] { append_postgres(json, *storage.postgres); });
  if (storage.clickhouse) {
    engines.emplace_back([&] { append_clickhouse(json, *storage.clickhouse); });
  }
  json.key("Storage").begin_object().key("Runtime");
  if (engines.empty()) {
    json.begin_object().key("Type").string(config.store_enabled ? "embedded" : "none");
    json.end_object();
  } else {
    engines.front()();
  }
  if (config.clients_registry) {
    json.key("Clients");
    append_postgres(json, *config.clients_registry);
  }
  if (engines.size() > 1) {
    json.key("Runtimes").begin_array();
    for (const auto& engine : engines) engine();
    json.end_array();
  }
  json.end_object();
}

}  // namespace

std::string config_json(const Config& config) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("Version").string("1");
  append_server(json, config);
  append_logging(json, config);
  append_storage(json, config);
  append_providers(json, config);
  append_clients(json, config);
  json.key("ModelAliases").begin_object();
  for (const auto& [alias, model] : config.model_aliases) json.key(alias).string(model);
  json.end_object();
  const auto& policy = config.policy;
  json.key("Policy").begin_object().key("Algorithm").string(policy.algorithm);
  json.key("Priority").string(policy.priority);
  json.key("Cache").begin_object().key("Enabled").boolean(policy.cache_enabled);
  json.key("TTLSeconds").integer(policy.cache_ttl_seconds).end_object().end_object();
  json.end_object();
  return out;
}

std::string policy_json(const Config& config) {
  std::string out;
  const auto& policy = config.policy;
  JsonWriter json(out);
  json.begin_object().key("algorithm").string(policy.algorithm);
  json.key("priority").string(policy.priority);
  json.key("cache").begin_object().key("enabled").boolean(policy.cache_enabled);
  json.key("ttl_seconds").integer(policy.cache_ttl_seconds).end_object().end_object();
  return out;
}

Status validate_config(std::string_view text) {
  // A variable that the text names stands for some value; flags of this process' environment for
  // none.
  const auto environment = [text](const char* name) -> const char* {
    const bool named = text.find("${" + std::string(name) + "}") != std::string_view::npos;
    return named ? "a-value-of-more-than-20-characters" : nullptr;
  };
  SG_TRY(parse_config(text, "config", environment));
  return {};
}

}  // namespace sightglass::app
