// The table as the copy of a registry of several gateways.
#include "control/client_table.h"

namespace sightglass::control {
namespace {

Bytes bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

}  // namespace

Result<Revision> ClientTable::revision() {
  SG_ASSIGN(auto row, database_.prepare("SELECT registry, revision, token FROM shared"));
  SG_ASSIGN(const bool found, row.step());
  if (!found) return Revision();
  return Revision{row.text(0), row.integer(1), row.text(2)};
}

Status ClientTable::leave() { return database_.run("DELETE FROM shared"); }

Status ClientTable::note(const Revision& at) {
  SG_ASSIGN(auto noted, database_.prepare("INSERT OR REPLACE INTO shared VALUES (1, ?1, ?2, ?3)"));
  return noted.text(1, at.registry).integer(2, at.number).text(3, at.token).run();
}

Status ClientTable::adopt(const SharedClients& state) {
  return database_.transaction([&]() -> Status {
    SG_TRY(adopt_clients(state));
    SG_TRY(adopt_keys(state));
    return note(state.at);
  });
}

Status ClientTable::adopt_clients(const SharedClients& state) {
  if (state.whole) SG_TRY(database_.run("DELETE FROM clients"));
  SG_ASSIGN(auto gone, database_.prepare("DELETE FROM clients WHERE id = ?"));
  for (const auto& id : state.removed) {
    SG_TRY(gone.text(1, id).run());
    SG_TRY(gone.again());
  }
  for (const auto& client : state.clients) {
    SG_TRY(
        write("INSERT OR REPLACE INTO clients VALUES "
              "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
              client));
  }
  return {};
}

// -1: the registry does not name this key. It is refused then, but in force again where the
// registry names it later. One that was revoked here, or that another gateway said is revoked,
// stays so: a registry brought back from a backup gives no key back.
Status ClientTable::adopt_keys(const SharedClients& state) {
  if (state.whole) {
    SG_TRY(database_.run("UPDATE keys SET revoked_ns = -1 WHERE revoked_ns = 0"));
  }
  SG_ASSIGN(auto put, database_.prepare(
                          "INSERT INTO keys VALUES (?1, ?2, ?3, ?4) ON CONFLICT (digest) DO UPDATE "
                          "SET client_id = ?2, made_ns = ?3, revoked_ns = "
                          "CASE WHEN revoked_ns > 0 THEN revoked_ns ELSE ?4 END"));
  for (const auto& key : state.keys) {
    put.bytes(1, bytes_of(key.digest)).text(2, key.client_id).integer(3, key.made_ns);
    SG_TRY(put.integer(4, key.revoked_ns).run());
    SG_TRY(put.again());
  }
  return {};
}

}  // namespace sightglass::control
