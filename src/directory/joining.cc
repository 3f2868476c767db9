#include "directory/joining.h"

#include <algorithm>
#include <map>

namespace sightglass::directory {
namespace {

using control::ClientRecord;
using control::SharedKey;

}  // namespace

Joining plan_joining(const control::Clients& here, const control::SharedClients& there,
                     Nanos now_ns) {
  std::map<std::string_view, const ClientRecord*> by_id;
  for (const auto& client : there.clients) by_id.emplace(client.id, &client);
  std::map<Digest, const SharedKey*> by_key;
  for (const auto& key : there.keys) by_key.emplace(key.digest, &key);

  Joining out;
  for (const auto& client : here.clients) {
    const auto key = by_key.find(client.key);
    if (key != by_key.end()) {
      const bool revoked = key->second->revoked_ns != 0;
      if (!revoked && key->second->client_id != client.id) out.conflicts.push_back(client.id);
      continue;
    }
    if (by_id.contains(client.id)) {
      out.conflicts.push_back(client.id);
      continue;
    }
    out.clients.push_back(client);
    out.keys.push_back({client.key, client.id, client.created_ns, 0});
  }
  for (const auto& revoked : here.revoked) {
    const auto key = by_key.find(revoked);
    if (key == by_key.end()) {
      out.keys.push_back({revoked, "", now_ns, now_ns});
    } else if (key->second->revoked_ns == 0) {
      out.conflicts.push_back(key->second->client_id);
    }
  }
  std::ranges::sort(out.conflicts);
  const auto doubles = std::ranges::unique(out.conflicts);
  out.conflicts.erase(doubles.begin(), doubles.end());
  return out;
}

}  // namespace sightglass::directory
