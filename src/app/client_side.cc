#include "app/client_side.h"

#include <set>

#include "app/export_side.h"
#include "base/text.h"
#include "control/client_health.h"

namespace sightglass::app {
namespace {

constexpr int kOutputsEvery = 10;  // seconds between two looks at how long outputs are

std::string hex(const Digest& digest) {
  return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

control::ClientRecord record_of(const ClientConfig& client) {
  control::ClientRecord out;
  out.id = client.id;
  out.description = client.description;
  out.allowed_providers = client.allowed_providers;
  out.allowed_models = client.allowed_models;
  out.limits = client.limits;
  out.expires_ns = client.expires_ns;
  out.key = sha256(client.key);
  return out;
}

gateway::ClientConfig gateway_client(const control::ClientRecord& record) {
  gateway::ClientConfig out;
  out.id = record.id;
  out.key_sha256 = hex(record.key);
  out.allowed_providers = record.allowed_providers;
  out.allowed_models = record.allowed_models;
  out.expires_ns = record.expires_ns;
  out.limits = record.limits;
  return out;
}

std::string_view budget_name(control::Period period) {
  switch (period) {
    case control::Period::kHour:
      return "usd_per_hour";
    case control::Period::kDay:
      return "usd_per_day";
    case control::Period::kMonth:
      return "usd_per_month";
  }
  return "";
}

bool names(const Config& config, std::string_view id) {
  for (const auto& client : config.clients) {
    if (client.id == id) return true;
  }
  return false;
}

std::shared_ptr<const std::vector<control::ClientRecord>> records_of(const Config& config) {
  auto out = std::make_shared<std::vector<control::ClientRecord>>();
  for (const auto& client : config.clients) out->push_back(record_of(client));
  return out;
}

control::Registry::Configured known_by(const std::vector<control::ClientRecord>& clients) {
  control::Registry::Configured out;
  for (const auto& client : clients) {
    out.ids.insert(client.id);
    out.keys.insert(client.key);
  }
  return out;
}

// While it is away nobody is served the worse for it, so it does not make the gateway unwell.
admin::HealthCheck health_of(const directory::SharedRegistry::State& state) {
  admin::HealthCheck check;
  check.name = "clients_registry";
  check.vital = false;
  check.ok = state.problem.empty();
  check.problem = state.problem;
  check.numbers = {{"revision", state.revision},
                   {"age_seconds", state.age_ns / kSecond},
                   {"unreadable_rows", state.unreadable}};
  if (!check.ok) check.words = {{"reason", std::string(state.reason)}};
  return check;
}

}  // namespace

ClientSide::ClientSide(const Config& config, const Clock& clock)
    : clock_(clock), configured_(records_of(config)) {}

Result<std::unique_ptr<ClientSide>> ClientSide::open(const Parts& parts) {
  std::unique_ptr<ClientSide> side(new ClientSide(parts.config, parts.clock));
  const auto& registry = parts.config.clients_registry;
  control::Registry::Options options;
  options.path = parts.path;
  options.configured = known_by(*side->configured_);
  options.shared = registry.has_value();
  SG_ASSIGN(side->registry_,
            control::Registry::open(std::move(options), parts.clock, side->random_));
  if (!registry) return side;
  directory::SharedRegistry::Options of;
  of.link = postgres_options(*registry);
  of.gateway = parts.gateway;
  of.poll_ns = registry->poll_ns;
  of.configured = known_by(*side->configured_);
  auto shared =
      directory::SharedRegistry::open(std::move(of), std::move(side->registry_), parts.clock,
                                      side->shared_random_, parts.telemetry, parts.log);
  if (!shared) return fail("storage.clients", std::move(shared).error());
  side->shared_ = shared->get();
  side->registry_ = std::move(*shared);
  return side;
}

std::shared_ptr<const ClientSide::Records> ClientSide::configured() const {
  const std::scoped_lock lock(mutex_);
  return configured_;
}

Status ClientSide::configure(const Config& config) {
  auto next = records_of(config);
  SG_TRY(registry_->configure(known_by(*next)));
  const std::scoped_lock lock(mutex_);
  configured_ = std::move(next);
  return {};
}

// A client of the file stands before one of the database with its id; a key that the file gives
// again is no longer revoked.
std::vector<gateway::ClientConfig> ClientSide::merge(const Config& config,
                                                     const control::Clients& made) {
  std::vector<gateway::ClientConfig> out;
  std::set<Digest> keys;
  for (const auto& client : config.clients) {
    const auto record = record_of(client);
    keys.insert(record.key);
    out.push_back(gateway_client(record));
  }
  for (const auto& client : made.clients) {
    if (names(config, client.id) || !keys.insert(client.key).second) continue;
    out.push_back(gateway_client(client));
  }
  for (const auto& key : made.revoked) {
    if (!keys.insert(key).second) continue;
    gateway::ClientConfig revoked;
    revoked.key_sha256 = hex(key);
    revoked.revoked = true;
    out.push_back(std::move(revoked));
  }
  return out;
}

void ClientSide::tend(journal::Position folded) {
  if (!restored_ && folded >= count_from_) {
    restored_ = true;
    limiter_.restore([this](const std::string& id) { return fold_.spending(id); });
  }
  if (ticks_++ % kOutputsEvery == 0) limiter_.publish(fold_.usual_outputs(clock_.wall_ns()));
}

std::vector<ClientSide::NearLimit> ClientSide::newly_near_limits() {
  const auto now = clock_.wall_ns();
  std::erase_if(told_near_, [now](const auto& told) { return told.second <= now; });
  std::vector<NearLimit> out;
  const auto look_at = [&](const std::string& id) {
    const auto account = limiter_.find(id);
    if (account == nullptr || !account->has_money_limit()) return;
    for (const auto& budget :
         control::assess(control::ClientUse{}, account->state(now), now).budgets) {
      const auto name = budget_name(budget.period);
      if (!budget.near || !told_near_.try_emplace({id, name}, budget.resets_ns).second) continue;
      out.push_back({id, name});
    }
  };
  for (const auto& client : *configured()) look_at(client.id);
  for (const auto& client : registry_->clients()->clients) look_at(client.id);
  return out;
}

std::vector<http::Route> ClientSide::routes(admin::Cancel cancel, store::Queries* queries,
                                            http::WorkPool& pool) {
  const admin::ClientSources sources{
      *registry_, limiter_, fold_, clock_, [this] { return configured(); }, queries};
  auto routes = admin::client_routes(sources, pool);
  for (auto& route : admin::client_health_routes(sources, pool)) routes.push_back(std::move(route));
  routes.push_back(admin::cancel_route(std::move(cancel), pool));
  return routes;
}

std::vector<admin::HealthCheck> ClientSide::health() const {
  const auto made = registry_->clients();
  const auto configured_count = static_cast<std::int64_t>(configured()->size());
  std::vector<admin::HealthCheck> checks = {
      {"clients",
       true,
       true,
       "",
       {{"configured", configured_count},
        {"made", static_cast<std::int64_t>(made->clients.size())},
        {"revoked_keys", static_cast<std::int64_t>(made->revoked.size())}}}};
  if (shared_ != nullptr) checks.push_back(health_of(shared_->state()));
  return checks;
}

}  // namespace sightglass::app
