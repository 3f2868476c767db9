#include "control/client_rules.h"

#include <utility>

namespace sightglass::control {

std::unexpected<Error> no_such_client(const std::string& id) {
  return fail(Code::kNotFound,
              "there is no client \"" + id + "\"; GET /admin/v1/clients lists all");
}

std::unexpected<Error> client_exists(const std::string& id) {
  return fail(Code::kExists, "there is a client \"" + id +
                                 "\" already; choose another id, or change or delete that one");
}

std::unexpected<Error> key_exists() {
  return fail(Code::kExists, "this api_key is or was another client's; choose a new one");
}

Status check_room(std::size_t clients) {
  if (clients < kMaxClients) return {};
  return fail(Code::kTooLarge, "there are 10,000 clients, which is the most; delete one first");
}

Status check_key_room(std::int64_t keys) {
  if (keys < static_cast<std::int64_t>(kMaxKeys)) return {};
  return fail(Code::kTooLarge, "100,000 keys were made here, revoked ones included; no more fit");
}

Result<Digest> choose_key(std::string key, Random& random, std::string& made) {
  if (key.empty()) {
    made = "sg_" + random_hex(random, 24);
    key = made;
  }
  SG_TRY(check_client_key(key));
  return sha256(key);
}

Status apply(ClientChange change, ClientRecord& client) {
  if (change.description) client.description = std::move(*change.description);
  if (change.allowed_providers) client.allowed_providers = std::move(*change.allowed_providers);
  if (change.allowed_models) client.allowed_models = std::move(*change.allowed_models);
  if (change.limits) client.limits = *change.limits;
  if (change.expires_ns) client.expires_ns = *change.expires_ns;
  return check_client(client);
}

}  // namespace sightglass::control
