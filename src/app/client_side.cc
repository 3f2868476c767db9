#include "app/client_side.h"

#include <set>

#include "base/text.h"

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

bool names(const Config& config, std::string_view id) {
  for (const auto& client : config.clients) {
    if (client.id == id) return true;
  }
  return false;
}

}  // namespace

ClientSide::ClientSide(const Config& config, const Clock& clock) : clock_(clock) {
  for (const auto& client : config.clients) configured_.push_back(record_of(client));
}

Result<std::unique_ptr<ClientSide>> ClientSide::open(const Config& config, const std::string& path,
                                                     const Clock& clock) {
  std::unique_ptr<ClientSide> side(new ClientSide(config, clock));
  control::Registry::Options options;
  options.path = path;
  for (const auto& client : side->configured_) {
    options.configured_ids.insert(client.id);
    options.configured_keys.insert(client.key);
  }
  SG_ASSIGN(side->registry_, control::Registry::open(std::move(options), clock, side->random_));
  return side;
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

std::vector<http::Route> ClientSide::routes(std::function<std::size_t(const std::string&)> cancel,
                                            store::Queries* queries, http::WorkPool& pool) {
  const admin::ClientSources sources{*registry_, limiter_, fold_, clock_, configured_, queries};
  auto routes = admin::client_routes(sources, pool);
  for (auto& route : admin::client_health_routes(sources, pool)) routes.push_back(std::move(route));
  routes.push_back(admin::cancel_route(std::move(cancel), pool));
  return routes;
}

admin::HealthCheck ClientSide::health() const {
  const auto made = registry_->clients();
  return {"clients",
          true,
          true,
          "",
          {{"configured", static_cast<std::int64_t>(configured_.size())},
           {"made", static_cast<std::int64_t>(made->clients.size())},
           {"revoked_keys", static_cast<std::int64_t>(made->revoked.size())}}};
}

}  // namespace sightglass::app
