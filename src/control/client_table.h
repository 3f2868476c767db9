// Room-internal: clients and their keys as rows.
#pragma once

#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "control/clients.h"
#include "control/database.h"
#include "control/shared_clients.h"

namespace sightglass::control {

// Threads: one. Every change is one transaction.
class ClientTable {
 public:
  // Brings an older schema to this version's. Errors: kCorrupt, kVersion, with the choices.
  static Result<ClientTable> open(const std::string& path);

  Result<Clients> read();
  Result<bool> knows_key(const Digest& key);  // revoked ones too
  Result<std::int64_t> count_keys();
  Status insert(const ClientRecord& client);
  Status update(const ClientRecord& before, const ClientRecord& after, Nanos now_ns);
  Status remove(const std::string& id, Nanos now_ns);
  // Whoever's key it is, or nobody's here: then it never becomes one. Its client goes.
  Status revoke(const Digest& key, Nanos now_ns);

  // A copy of a registry of several gateways: which state it has, and the next one.
  Result<Revision> revision();
  Status adopt(const SharedClients& state);
  Status leave();  // it is a copy no longer

 private:
  explicit ClientTable(Database database) : database_(std::move(database)) {}
  Status migrate();
  Status write(const char* sql, const ClientRecord& client);
  Status add_key(const ClientRecord& client, Nanos now_ns);
  Status revoke_keys(const std::string& id, Nanos now_ns);
  Status adopt_clients(const SharedClients& state);
  Status adopt_keys(const SharedClients& state);
  Status note(const Revision& at);
  Database database_;
};

}  // namespace sightglass::control
