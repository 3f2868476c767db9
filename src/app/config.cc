#include "app/config.h"

#include <algorithm>
#include <cstdlib>
#include <set>

#include "app/config_keys.h"
#include "app/dotenv.h"
#include "base/text.h"
#include "codec/time.h"
#include "logs/logs.h"

namespace sightglass::app {
namespace {

bool is_plain_id(std::string_view id) {
  return !id.empty() && id.size() <= 64 &&
         id.find_first_not_of(
             "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") ==
             std::string_view::npos;
}

void bind_level(Binder& b, Level& level) {
  std::string name(level_name(level));
  b.text("level", name, "debug, info, warn or error; what is below it is not written");
  const auto word = to_lower(trim(name.substr(0, name.find(' '))));
  if (word == "debug")
    level = Level::kDebug;
  else if (word == "info")
    level = Level::kInfo;
  else if (word == "warn" || word == "warning")
    level = Level::kWarn;
  else if (word == "error" || word == "critical")
    level = Level::kError;
  else
    b.refuse("level must be debug, info, warn or error, not '" + name + "'");
}

void bind_provider(Binder& b, Config& config) {
  ProviderConfig provider;
  b.text("id", provider.id, "its name in paths, labels and reports");
  b.text("kind", provider.kind, "the wire format it speaks: openai, anthropic or other");
  b.text("base_url", provider.base_url, "where it is, up to and including /v1 for kind openai");
  b.texts("api_keys", provider.api_keys,
          "keys sent upstream for authenticated clients; ${ENV} works");
  b.texts("models", provider.models, "models it serves: route here without a prefix");
  if (!is_plain_id(provider.id)) b.refuse("id must be 1 to 64 letters, digits, '.', '_' or '-'");
  if (provider.kind != "openai" && provider.kind != "anthropic" && provider.kind != "other") {
    b.refuse("kind must be openai, anthropic or other");
  }
  if (!provider.base_url.starts_with("http://") && !provider.base_url.starts_with("https://")) {
    b.refuse("base_url must begin with https:// or http://");
  }
  config.providers.push_back(std::move(provider));
}

void bind_expiry(Binder& b, Nanos& expires_ns) {
  std::string expires;
  b.text("expires", expires, "its key is refused from this moment on: 2027-01-31T12:00:00Z");
  if (expires.empty()) return;
  if (const auto time = codec::parse_time(expires); time && *time > 0) {
    expires_ns = *time;
  } else {
    b.refuse("expires must be a time such as 2027-01-31T12:00:00Z, not '" + expires + "'");
  }
}

void bind_limits(Binder& b, control::ClientLimits& limits) {
  constexpr auto kMost = control::kMaxCount;
  b.integer("requests_per_minute", limits.requests_per_minute, 0, kMost,
            "0: no limit; in any minute, wherever it begins");
  b.integer("tokens_per_minute", limits.tokens_per_minute, 0, kMost,
            "0: no limit; requests that run count by their estimate");
  b.integer("parallel_requests", limits.parallel_requests, 0, kMost, "0: no limit");
  b.dollars("usd_per_hour", limits.nanousd_per_hour, "0: no limit; hours, days and months are UTC");
  b.dollars("usd_per_day", limits.nanousd_per_day, "0: no limit");
  b.dollars("usd_per_month", limits.nanousd_per_month, "0: no limit");
}

void bind_client(Binder& b, Config& config) {
  ClientConfig client;
  b.text("id", client.id, "its name in reports and the label client_id");
  b.text("key", client.key, "what it sends as its API key; at least 20 characters");
  b.texts("allowed_providers", client.allowed_providers, "empty: all");
  b.texts("allowed_models", client.allowed_models, "empty: all; * and ? are wildcards");
  b.text("description", client.description, "for people");
  bind_expiry(b, client.expires_ns);
  b.section("limits", [&](Binder& limits) { bind_limits(limits, client.limits); });
  if (!is_plain_id(client.id)) b.refuse("id must be 1 to 64 letters, digits, '.', '_' or '-'");
  if (client.key.size() < 20) {
    b.refuse("key must have at least 20 characters; `openssl rand -hex 24` makes a good one");
  }
  config.clients.push_back(std::move(client));
}

// The original's words, of which the ones that could not be kept are refused with the reason.
void bind_policy(Binder& b, PolicyConfig& policy) {
  b.text("algorithm", policy.algorithm,
         "which of a provider's api_keys a request takes: round_robin, random or least_loaded");
  b.text("priority", policy.priority,
         "balanced: a model goes to the provider that its name, alias or a provider's list says");
  b.section("cache", [&](Binder& cache) {
    cache.flag("enabled", policy.cache_enabled, "false: no answer is kept");
    cache.integer("ttl_seconds", policy.cache_ttl_seconds, 0, 1 << 30, "without effect");
  });
  std::replace(policy.algorithm.begin(), policy.algorithm.end(), '-', '_');
  if (policy.algorithm == "weighted") {
    b.refuse("algorithm weighted needs weights, which api_keys do not have; take round_robin");
  } else if (policy.algorithm != "round_robin" && policy.algorithm != "random" &&
             policy.algorithm != "least_loaded") {
    b.refuse("algorithm must be round_robin, random or least_loaded");
  }
  if (policy.priority != "balanced") {
    b.refuse(
        "priority must be balanced: a model's provider is chosen by name, never by "
        "latency, cost, availability or quality");
  }
  if (policy.cache_enabled)
    b.refuse("cache.enabled must be false: answers are content, and none is kept");
}

void bind_doors(Binder& b, Config& config) {
  b.text("listen", config.listen, "address and port; \":2906\" is every address");
  b.text("listen_admin", config.listen_admin,
         "a second listener for the admin API and the page; then the first serves neither");
  b.text("port_file", config.port_file, "file that gets the bound port; for port 0");
  b.integer("workers", config.workers, 0, 256, "I/O threads; 0: one per core");
  b.text("data", config.data, "folder of journal, snapshots and store");
  b.text("admin_id", config.admin_id, "the admin's name at the page's login");
  b.text("admin_key", config.admin_key,
         "the admin key; empty: made at the first start, shown once, stored hashed");
  b.text("scrape_token", config.scrape_token, "lets Prometheus read /metrics from elsewhere");
  b.texts("allowed_hosts", config.allowed_hosts, "further Host names that are answered");
  b.texts("allowed_origins", config.allowed_origins, "web origins that may call the gateway");
  b.texts("admin_origins", config.admin_origins,
          "web origins whose pages may call the admin API with a login's token or the admin key");
  b.texts("trusted_proxies", config.trusted_proxies, "addresses whose X-Forwarded-For counts");
  b.section("tls", [&](Binder& tls) {
    tls.text("certificate", config.tls_certificate, "PEM file; empty: plain HTTP");
    tls.text("key", config.tls_key, "PEM file");
  });
  b.section("keys", [&](Binder& keys) {
    keys.text("path", config.keyring,
              "the pseudonyms' key ring; keep it outside data and its backup");
    keys.duration("epoch", config.pseudonym_epoch_ns,
                  "pseudonyms change so often, at midnight UTC; whole days");
    keys.duration("overlap", config.pseudonym_overlap_ns,
                  "so long an event also carries the pseudonym of the epoch before");
    keys.duration(
        "keep", config.pseudonym_keep_ns,
        "an epoch's key is deleted so long after its end; 0: as the longest retention of the "
        "store");
  });
}

void bind_traffic(Binder& b, Config& config) {
  b.list("providers", "where requests go; none: OpenAI and Anthropic with the caller's own keys",
         [&](Binder& item) { bind_provider(item, config); });
  b.text_map("model_aliases", config.model_aliases, "alias: model, or alias: provider:model");
  b.list("clients", "who may use the configured keys",
         [&](Binder& item) { bind_client(item, config); });
  b.section("policy", [&](Binder& policy) { bind_policy(policy, config.policy); });
  b.text("pass_through", config.pass_through,
         "callers' own provider keys: loopback (until clients exist), on, or off");
  if (config.pass_through != "loopback" && config.pass_through != "on" &&
      config.pass_through != "off") {
    b.refuse("pass_through must be loopback, on or off");
  }
  b.section("upstream", [&](Binder& upstream) {
    upstream.text("ca_file", config.upstream_ca_file, "PEM bundle instead of the system's");
    upstream.duration("connect_timeout", config.upstream_connect_ns, "to connect to a provider");
    upstream.duration("head_timeout", config.upstream_head_ns,
                      "from the request sent to the head of the answer");
    upstream.duration("idle_timeout", config.upstream_idle_ns, "between two pieces of an answer");
  });
  b.section("prices", [&](Binder& prices) {
    prices.text("file", config.prices_file, "a price list in the field's usual JSON schema");
  });
  b.texts("packs", config.packs, "further pack files");
  b.text("packs_dir", config.packs_dir, "folder whose *.yaml files are further packs, by name");
}

void bind_follow(Binder& b, Config& config) {
  FollowConfig file;
  b.text("path", file.path, "a log file that the server follows itself, through rotation");
  b.text("source", file.source,
         "a word that makes its sources' names other ones; a new word sends the file again");
  b.text("format", file.format,
         "events (one JSON object a line), lines (text and JSON), or auto, by its first line");
  if (file.path.empty()) b.refuse("follow needs the path of a file");
  if (!file.source.empty() && !is_plain_id(file.source)) {
    b.refuse("source must be 1 to 64 letters, digits, '.', '_' or '-'");
  }
  if (file.format != "events" && file.format != "lines" && file.format != "auto") {
    b.refuse("format must be events, lines or auto");
  }
  if (config.follow.size() == FollowConfig::kMostFiles) {
    b.refuse("follow takes at most 64 files; `sightglass ingest --follow` takes further ones");
  }
  config.follow.push_back(std::move(file));
}

void bind_logging(Binder& b, Config& config) {
  bind_level(b, config.log_level);
  b.flag("console", config.log_console, "text lines on standard error");
  b.flag("syslog", config.log_syslog, "to /dev/log when it is there, else the console");
  b.text("profile", config.log_profile, "shape of the JSON lines: coachup, coo-llm or morpheus");
  if (!logs::is_profile(config.log_profile)) {
    b.refuse("profile is coachup, coo-llm or morpheus");
  }
  b.section("file", [&](Binder& file) {
    file.flag("enabled", config.log_file.enabled, "write JSON lines to a file");
    file.text("path", config.log_file.path, "the file");
    file.integer("max_size_mb", config.log_file.max_size_mb, 1, 1 << 20, "rotate past this size");
    file.integer("max_backups", config.log_file.max_backups, 0, 1000, "older files kept");
    file.duration("max_age", config.log_file.max_age_ns,
                  "rotate, too, this long after the file's first line; 0: by size alone");
  });
}

void bind_activity_log(Binder& b, ActivityLogConfig& log) {
  b.text("path", log.path,
         "the `[METRIC]` lines' file; empty: application.log beside the JSON log");
  b.integer("max_size_mb", log.max_size_mb, 1, 1 << 20, "rotate past this size");
  b.integer("max_backups", log.max_backups, 0, 1000, "older files kept");
  b.text("users", log.users, "who is printed: pseudonym, or plain as the identifier came");
  if (log.users != "pseudonym" && log.users != "plain") b.refuse("users is pseudonym or plain");
  b.flag("strict", log.strict, "quote values that hold blanks, `=` or quotes");
}

void bind_audit(Binder& b, AuditConfig& audit) {
  b.flag("enabled", audit.enabled, "keep the chain of audit lines that `audit verify` checks");
  b.text("path", audit.path, "its file; empty: audit/audit.jsonl in the data folder");
  b.integer("max_size_mb", audit.max_size_mb, 1, 1 << 20, "rotate past this size");
  b.integer("max_backups", audit.max_backups, 1, 1000, "older files kept");
}

void bind_config(Binder& b, Config& config) {
  bind_doors(b, config);
  b.section("gateway", [&](Binder& gateway) {
    gateway.text("id", config.gateway,
                 "this gateway's name in what `storage.runtime` gets; each needs its own; empty: "
                 "the data folder's random id");
    if (!config.gateway.empty() && !is_plain_id(config.gateway)) {
      gateway.refuse("id must be 1 to 64 letters, digits, '.', '_' or '-'");
    }
  });
  b.text("service", config.service, "`service` of our own events");
  b.text("environment", config.environment, "`env` of our own events");
  b.flag("dumpable", config.dumpable, "allow core dumps and debuggers; keys may then leak");
  bind_traffic(b, config);
  b.section("journal", [&](Binder& journal) {
    journal.bytes("max_bytes", config.journal_max_bytes,
                  "0: the smaller of 8 GiB and 20 % of the volume");
    journal.bytes("segment_bytes", config.journal_segment_bytes, "size of one segment file");
    journal.bytes("commit_bytes", config.journal_commit_bytes, "a batch is committed at this size");
    journal.duration("commit_delay", config.journal_commit_delay_ns, "or at this age");
    journal.bytes("snapshot_bytes", config.snapshot_bytes,
                  "folds are snapshot after this much journal");
  });
  b.section("store", [&](Binder& store) {
    store.flag("enabled", config.store_enabled, "keep a queryable history");
    store.integer("seal_rows", config.store_seal_rows, 1, 1 << 24, "rows per new Parquet file");
    store.duration("seal_age", config.store_seal_age_ns, "or this age of its oldest row");
    store.bytes("memory_limit", config.store_memory_bytes, "the query engine's own limit");
    store.duration("retention", config.store_retention_ns,
                   "rows stay so long if nothing below says otherwise; 0: for ever");
    store.duration("retention_events", config.store_retention_events_ns,
                   "rows that applications sent; 0: as `store.retention`");
    store.text_map("retention_types", config.store_retention_types,
                   "event type, with * and ?, or pack:NAME: how long such rows stay; 0s: for ever; "
                   "a name goes before a pattern, a longer pattern before a shorter one, all of "
                   "them before packs");
    store.bytes("max_bytes", config.store_max_bytes,
                "of all history files; past it the oldest go; 0: no bound");
    store.duration("rollup_minutes", config.store_rollup_minutes_ns,
                   "sums of requests by the minute stay so long; 0: for ever");
    store.duration("rollup_hours", config.store_rollup_hours_ns, "those by the hour");
    store.duration("rollup_days", config.store_rollup_days_ns, "those by the day");
  });
  b.section("storage", [&](Binder& storage) {
    storage.one_or_list("runtime", "engines beside the embedded store, each with its type",
                        [&](Binder& item) { bind_storage_runtime(item, config.storage); });
    storage.section("clients", [&](Binder& clients) {
      bind_clients_registry(clients, config.clients_registry);
    });
  });
  b.section("ingest", [&](Binder& ingest) {
    ingest.texts("keys", config.ingest_keys,
                 "keys that may send events from elsewhere, as Bearer tokens; on loopback none is "
                 "needed");
    ingest.texts("rum_origins", config.ingest_rum_origins,
                 "web origins whose pages may send beacons to /ingest/v1/rum; none: no such path");
    ingest.bytes("body_bytes", config.ingest_body_bytes,
                 "largest body of one request, as it is sent");
    ingest.bytes("memory_bytes", config.ingest_memory_bytes,
                 "of all bodies that are being taken; past it 429");
    ingest.integer("threads", config.ingest_threads, 1, 64, "threads that read bodies");
    ingest.flag("local_sockets", config.ingest_local_sockets,
                "take lines of local applications on ingest.sock (datagrams) and "
                "ingest-stream.sock");
    ingest.text("socket_folder", config.ingest_socket_folder,
                "where these sockets are (mode 0660); empty: the data folder, which only its owner "
                "may enter");
  });
  b.list("follow", "log files of this machine that become events",
         [&](Binder& item) { bind_follow(item, config); });
  b.section("logging", [&](Binder& logging) { bind_logging(logging, config); });
  b.text_map("sampling", config.sampling,
             "event type: N; one in N becomes a row and a line, metrics count all");
  b.section("activity_log", [&](Binder& log) { bind_activity_log(log, config.activity_log); });
  b.section("audit", [&](Binder& audit) { bind_audit(audit, config.audit); });
  b.section("limits", [&](Binder& limits) {
    limits.bytes("body_bytes", config.limit_body_bytes, "largest request body");
    limits.bytes("header_bytes", config.limit_header_bytes, "all header fields of a request");
    limits.integer("header_fields", config.limit_header_fields, 1, 1000, "their number");
    limits.integer("connections", config.limit_connections, 1, 1 << 20, "open connections in all");
    limits.integer("connections_per_address", config.limit_connections_per_address, 1, 1 << 20,
                   "open connections per address off loopback");
  });
  b.section("live", [&](Binder& live) {
    live.flag("request_metrics", config.log_request_metrics, "also LOG_REQUEST_METRICS");
    live.integer("summary_interval", config.log_summary_interval, 1, 1 << 30,
                 "requests between two summary lines; also LOG_SUMMARY_INTERVAL");
    live.flag("sse_enabled", config.sse_enabled, "also VDM_ACTIVE_REQUESTS_SSE_ENABLED");
    live.duration("sse_interval", config.sse_interval_ns,
                  "also VDM_ACTIVE_REQUESTS_SSE_INTERVAL (seconds)");
    live.duration("sse_heartbeat", config.sse_heartbeat_ns,
                  "also VDM_ACTIVE_REQUESTS_SSE_HEARTBEAT (seconds)");
  });
}

// The Live seed's variables, by their printed names. True is true/1/yes/on, anything else false.
Status read_seed_flags(const Environment& env, Config& config) {
  const auto flag = [&](const char* name, bool& value) {
    if (const char* text = env(name)) value = parse_bool(text).value_or(false);
  };
  flag("LOG_REQUEST_METRICS", config.log_request_metrics);
  flag("VDM_ACTIVE_REQUESTS_SSE_ENABLED", config.sse_enabled);
  const auto seconds = [&](const char* name, Nanos& value) -> Status {
    const char* text = env(name);
    if (text == nullptr) return {};
    const auto parsed = parse_double(trim(text));
    if (!parsed || !(*parsed > 0) || *parsed > 86'400) {
      return fail(Code::kInvalid,
                  std::string(name) + ": expected seconds above 0, not '" + text + "'");
    }
    value = static_cast<Nanos>(*parsed * 1e9);
    return {};
  };
  SG_TRY(seconds("VDM_ACTIVE_REQUESTS_SSE_INTERVAL", config.sse_interval_ns));
  SG_TRY(seconds("VDM_ACTIVE_REQUESTS_SSE_HEARTBEAT", config.sse_heartbeat_ns));
  if (const char* text = env("LOG_SUMMARY_INTERVAL")) {
    const auto parsed = parse_int(trim(text));
    if (!parsed || *parsed < 1) {
      return fail(
          Code::kInvalid,
          std::string("LOG_SUMMARY_INTERVAL: expected a whole number above 0, not '") + text + "'");
    }
    config.log_summary_interval = *parsed;
  }
  // Off where it is not set, as in the original; a spelling that could mean either is refused.
  if (const char* text = env(kMetricsLoggingFlag)) {
    const auto enabled = parse_bool(trim(text));
    if (!enabled) {
      return fail(Code::kInvalid, std::string(kMetricsLoggingFlag) +
                                      ": expected true/1/yes/on or false/0/no/off, not '" + text +
                                      "'");
    }
    config.activity_log.enabled = *enabled;
  }
  if (const char* text = env("LOG_LEVEL")) {
    const std::string all(trim(text));
    const auto word = to_lower(all.substr(0, all.find_first_of(" \t")));
    if (word == "debug")
      config.log_level = Level::kDebug;
    else if (word == "info")
      config.log_level = Level::kInfo;
    else if (word == "warn" || word == "warning")
      config.log_level = Level::kWarn;
    else if (word == "error" || word == "critical")
      config.log_level = Level::kError;
    else
      return fail(Code::kInvalid,
                  "LOG_LEVEL: expected DEBUG, INFO, WARNING or ERROR, not '" + all + "'");
  }
  return {};
}

template <typename Items>
Status refuse_doubles(const Items& items, std::string_view what, std::string_view file) {
  std::set<std::string> seen;
  for (const auto& item : items) {
    if (!seen.insert(item.id).second) {
      return fail(Code::kInvalid, std::string(file) + ": two " + std::string(what) +
                                      " have the id '" + item.id + "'; give each its own");
    }
  }
  return {};
}

}  // namespace

const char* process_environment(const char* name) { return std::getenv(name); }

Result<Config> parse_config(std::string_view yaml, std::string_view file,
                            const Environment& environment) {
  Config config;
  SG_TRY(bind_document(yaml, file, environment, [&](Binder& b) { bind_config(b, config); }));
  SG_TRY(read_seed_flags(environment, config));
  SG_TRY(refuse_doubles(config.providers, "providers", file));
  SG_TRY(refuse_doubles(config.clients, "clients", file));
  std::set<std::string> followed;
  for (const auto& log : config.follow) {
    if (followed.insert(log.path).second) continue;
    return fail(Code::kInvalid,
                std::string(file) + ": follow names " + log.path + " twice; once is enough");
  }
  SG_TRY(parse_listen(config.listen));
  if (!config.listen_admin.empty()) SG_TRY(parse_listen(config.listen_admin));
  if (config.tls_certificate.empty() != config.tls_key.empty()) {
    return fail(Code::kInvalid, std::string(file) + ": tls needs both certificate and key");
  }
  return config;
}

std::string config_reference() {
  Config defaults;
  const auto docs = document_keys([&](Binder& b) { bind_config(b, defaults); });
  std::string out =
      "# Configuration reference\n\n"
      "Generated by `sightglass check --reference`; do not edit. Every scalar key can be "
      "overridden by\n"
      "the environment: `logging.file.path` by `SIGHTGLASS_LOGGING_FILE_PATH`. `${NAME}` in a "
      "value is\n"
      "replaced from the environment. Unknown keys are refused with their line.\n\n"
      "*Changes*: `reload` is in force with the next reload or change over the admin API, "
      "`restart` "
      "with\n"
      "the next start; `file` says that the admin API may not change it.\n\n"
      "| Key | Type | Default | Changes | Meaning |\n| --- | --- | --- | --- | --- |\n";
  for (const auto& doc : docs) {
    out += "| `" + doc.path + "` | " + doc.type + " | " +
           (doc.default_value.empty() ? "" : "`" + doc.default_value + "`") + " | " +
           (takes_effect_at_once(doc.path) ? "reload" : "restart") +
           (stands_in_the_file_only(doc.path) ? ", file" : "") + " | " + doc.meaning + " |\n";
  }
  return out;
}

std::vector<std::string> changed_keys(const Config& before, const Config& after) {
  const auto values = [](Config config) {
    return document_keys([&](Binder& b) { bind_config(b, config); });
  };
  const auto old_values = values(before);
  const auto new_values = values(after);
  std::vector<std::string> changed;
  for (std::size_t i = 0; i < old_values.size() && i < new_values.size(); ++i) {
    const bool of_list = old_values[i].path.find("[]") != std::string::npos;  // compared below
    if (of_list || old_values[i].default_value == new_values[i].default_value) continue;
    changed.push_back(old_values[i].path);
  }
  if (before.providers != after.providers) changed.emplace_back("providers");
  if (before.clients != after.clients) changed.emplace_back("clients");
  if (before.storage != after.storage) changed.emplace_back("storage.runtime");
  if (before.follow != after.follow) changed.emplace_back("follow");
  return changed;
}

Result<HostPort> parse_listen(std::string_view text) {
  const auto bad = [&] {
    return fail(Code::kInvalid,
                "listen: expected address:port such as 127.0.0.1:2906 or :2906, not '" +
                    std::string(text) + "'");
  };
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad();
  const auto port = parse_int(text.substr(colon + 1));
  if (!port || *port < 0 || *port > 65'535) return bad();
  auto host = text.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']'))
    host = host.substr(1, host.size() - 2);
  else if (host.find(':') != std::string_view::npos)
    return bad();
  if (host == "localhost") host = "127.0.0.1";
  return HostPort{host.empty() ? "0.0.0.0" : std::string(host), static_cast<std::uint16_t>(*port)};
}

}  // namespace sightglass::app
