#include "app/room_options.h"

#include <algorithm>

#include "app/process.h"
#include "base/text.h"

namespace sightglass::app {

logs::Options log_options(const Config& config, const Clock& clock, bool to_file) {
  logs::Options options;
  options.file.enabled = to_file && config.log_file.enabled;
  options.file.path = config.log_file.path;
  options.file.max_size_bytes = static_cast<std::uint64_t>(config.log_file.max_size_mb) * 1'000'000;
  options.file.max_backups = static_cast<std::uint32_t>(config.log_file.max_backups);
  options.file.max_age_ns = config.log_file.max_age_ns;
  options.level = config.log_level;
  options.console = config.log_console;
  options.syslog = config.log_syslog;
  if (const char* stream = process_environment("JOURNAL_STREAM")) options.journal_stream = stream;
  options.profile = config.log_profile;
  options.service = config.service;
  options.env = config.environment;
  options.console_since_ns = clock.wall_ns();
  return options;
}

// Beside the JSON log, where no path is given.
logs::ActivityOptions activity_options(const Config& config, journal::Position begin_at) {
  const auto& from = config.activity_log;
  const auto& beside = config.log_file.path;
  const auto slash = beside.rfind('/');
  const auto folder = slash == std::string::npos ? std::string() : beside.substr(0, slash + 1);
  logs::ActivityOptions options;
  options.file.path = from.path.empty() ? folder + "application.log" : from.path;
  options.file.max_size_bytes = static_cast<std::uint64_t>(from.max_size_mb) * 1'000'000;
  options.file.max_backups = static_cast<std::uint32_t>(from.max_backups);
  options.strict = from.strict;
  options.begin_at = begin_at;
  return options;
}

namespace {

constexpr std::string_view kPackPrefix = "pack:";

// 0 for a name, 1 for a pattern, 2 for a pack; the longer pattern first.
std::pair<int, std::size_t> order_of(const std::string& types) {
  if (types.starts_with(kPackPrefix)) return {2, 0};
  if (types.find_first_of("*?") != types.npos) return {1, 1'000'000 - types.size()};
  return {0, 0};
}

Result<std::vector<std::string>> types_named(const std::string& types,
                                             const event::Catalogue& catalogue) {
  std::vector<std::string> out;
  if (types.starts_with(kPackPrefix)) {
    for (const auto& pack : catalogue.packs()) {
      if (pack.name != types.substr(kPackPrefix.size())) continue;
      for (const auto id : pack.event_types) out.push_back(catalogue.event_types()[id].name);
      return out;
    }
    return fail(Code::kInvalid, "store.retention_types: no pack is called '" +
                                    types.substr(kPackPrefix.size()) +
                                    "'; `sightglass pack list` shows them");
  }
  const bool known =
      std::any_of(catalogue.event_types().begin(), catalogue.event_types().end(),
                  [&](const auto& type) { return glob_match(types, type.name, false); });
  if (!known || types.find_first_of("[]{}\\") != types.npos) {
    return fail(Code::kInvalid, "store.retention_types: no pack declares an event type '" + types +
                                    "'; write a type, a pattern with * and ?, or pack:NAME");
  }
  out.push_back(types);
  return out;
}

}  // namespace

Result<store::Retention> retention_options(const Config& config,
                                           const event::Catalogue& catalogue) {
  store::Retention out;
  out.all_ns = config.store_retention_ns;
  out.ingested_ns = config.store_retention_events_ns;
  out.max_bytes = config.store_max_bytes;
  out.minutes_ns = config.store_rollup_minutes_ns;
  out.hours_ns = config.store_rollup_hours_ns;
  out.days_ns = config.store_rollup_days_ns;
  const auto shorter = [](Nanos coarse, Nanos fine) {
    return coarse != 0 && (fine == 0 || coarse < fine);
  };
  if (shorter(out.hours_ns, out.minutes_ns) || shorter(out.days_ns, out.hours_ns)) {
    return fail(Code::kInvalid,
                "store: rollup_hours must be at least rollup_minutes, and rollup_days at least "
                "rollup_hours (0s is for ever)");
  }
  std::vector<std::pair<std::string, std::string>> rules(config.store_retention_types.begin(),
                                                         config.store_retention_types.end());
  std::sort(rules.begin(), rules.end(), [](const auto& a, const auto& b) {
    return std::pair(order_of(a.first), a.first) < std::pair(order_of(b.first), b.first);
  });
  for (const auto& [types, keep] : rules) {
    const auto keep_ns = parse_duration_ns(keep);
    if (!keep_ns) {
      return fail(Code::kInvalid, "store.retention_types: '" + types +
                                      "' needs a duration such as 7d, not '" + keep + "'");
    }
    SG_ASSIGN(auto names, types_named(types, catalogue));
    out.types.push_back({std::move(names), *keep_ns});
  }
  return out;
}

logs::FileOptions audit_options(const Config& config) {
  logs::FileOptions options;
  options.path = config.audit.path.empty() ? config.data + "/audit/audit.jsonl" : config.audit.path;
  options.max_size_bytes = static_cast<std::uint64_t>(config.audit.max_size_mb) * 1'000'000;
  options.max_backups = static_cast<std::uint32_t>(config.audit.max_backups);
  return options;
}

Result<http::ServerOptions> server_options(const Config& config, const std::string& socket_path) {
  http::ServerOptions options;
  SG_ASSIGN(const auto where, parse_listen(config.listen));
  std::shared_ptr<net::TlsContext> tls;
  if (!config.tls_certificate.empty()) {
    SG_ASSIGN(tls, net::TlsContext::server({config.tls_certificate, config.tls_key}));
  }
  auto& main = options.listens.emplace_back();
  main.address = {where.host, where.port};
  main.tls = tls;
  if (!config.listen_admin.empty()) {
    main.realms = {http::Realm::kOpen, http::Realm::kGateway, http::Realm::kIngest};
    SG_ASSIGN(const auto second, parse_listen(config.listen_admin));
    auto& doors = options.listens.emplace_back();
    doors.address = {second.host, second.port};
    doors.tls = tls;
    doors.realms = {http::Realm::kOpen, http::Realm::kScrape, http::Realm::kAdmin,
                    http::Realm::kPage};
  }
  options.listens.emplace_back().unix_path = socket_path;
  options.limits.body_bytes = config.limit_body_bytes;
  options.limits.head.head_bytes = config.limit_header_bytes;
  options.limits.head.fields = static_cast<std::size_t>(config.limit_header_fields);
  options.limits.connections = static_cast<std::size_t>(config.limit_connections);
  options.limits.connections_per_address =
      static_cast<std::size_t>(config.limit_connections_per_address);
  options.allowed_hosts = config.allowed_hosts;
  options.trusted_proxies = config.trusted_proxies;
  options.gateway_origins = config.allowed_origins;
  options.admin_origins = config.admin_origins;
  return options;
}

http::AuthOptions auth_options(const Config& config, bool loopback) {
  http::AuthOptions options;
  options.data_folder = config.data;
  options.reach =
      loopback ? http::AuthOptions::Reach::kLoopback : http::AuthOptions::Reach::kNetwork;
  if (!config.admin_key.empty()) options.admin_keys = {config.admin_key};
  options.admin_id = config.admin_id;
  if (!config.scrape_token.empty()) options.scrape_tokens = {config.scrape_token};
  options.ingest_keys = config.ingest_keys;
  return options;
}

}  // namespace sightglass::app
