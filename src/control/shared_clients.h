// Clients as a registry of several gateways knows them, on their way into this gateway's copy.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/sha256.h"
#include "control/clients.h"

namespace sightglass::control {

// Which state of which registry a copy has. The token is random and made with the number: a
// registry that went back to a backup and counted on from there has other tokens.
struct Revision {
  std::string registry;  // its id; empty: the copy belongs to none
  std::int64_t number = 0;
  std::string token;
  friend bool operator==(const Revision&, const Revision&) = default;
};

struct SharedKey {
  Digest digest{};  // SHA-256; the key itself is kept nowhere
  std::string client_id;
  Nanos made_ns = 0;
  Nanos revoked_ns = 0;  // 0: in force
  friend bool operator==(const SharedKey&, const SharedKey&) = default;
};

// What is to be taken over: all that changed, or all there is.
struct SharedClients {
  Revision at;         // what the copy then has
  bool whole = false;  // what is not named here is gone
  std::vector<ClientRecord> clients;
  std::vector<std::string> removed;  // ids
  std::vector<SharedKey> keys;
};

}  // namespace sightglass::control
