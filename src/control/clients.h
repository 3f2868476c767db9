// Clients as the admin API keeps them: who may use the gateway, with which key, within which
// limits.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/sha256.h"

namespace sightglass::control {

// 0: no limit.
struct ClientLimits {
  std::int64_t requests_per_minute = 0;
  std::int64_t tokens_per_minute = 0;
  std::int64_t parallel_requests = 0;
  std::int64_t nanousd_per_hour = 0;
  std::int64_t nanousd_per_day = 0;    // UTC
  std::int64_t nanousd_per_month = 0;  // UTC

  bool money() const {
    return nanousd_per_hour != 0 || nanousd_per_day != 0 || nanousd_per_month != 0;
  }
  bool any() const {
    return money() || requests_per_minute != 0 || tokens_per_minute != 0 || parallel_requests != 0;
  }
  friend bool operator==(const ClientLimits&, const ClientLimits&) = default;
};
inline constexpr std::int64_t kMaxCount = 1'000'000'000'000;  // of requests and tokens
inline constexpr std::int64_t kMaxMoneyNanousd = 1'000'000'000'000'000'000;  // a billion dollars

struct ClientRecord {
  std::string id;
  std::string description;
  std::vector<std::string> allowed_providers;  // empty: all
  std::vector<std::string> allowed_models;     // shell patterns; empty: all
  ClientLimits limits;
  Nanos created_ns = 0;
  Nanos expires_ns = 0;  // 0: never
  Digest key{};          // SHA-256; the key itself is kept nowhere
  friend bool operator==(const ClientRecord&, const ClientRecord&) = default;
};

// The first 16 hex digits of a key's hash: tells keys apart and gives none away.
std::string key_id(const Digest& key);

// What is in force: immutable, shared by shared_ptr.
struct Clients {
  std::vector<ClientRecord> clients;  // by id
  std::vector<Digest> revoked;        // keys that were ours: never served, never sent on
  const ClientRecord* find(std::string_view id) const;
};

inline constexpr std::size_t kMaxClients = 10'000;
inline constexpr std::size_t kMaxKeys = 100'000;  // revoked ones included
inline constexpr std::size_t kShortestKey = 20;
inline constexpr std::size_t kLongestKey = 512;

// 1 to 64 letters, digits, '.', '_' or '-', and no word that the API's paths use.
Status check_client_id(std::string_view id);
// 20 to 512 visible ASCII characters.
Status check_client_key(std::string_view key);
// Description, lists, limits and expiry; sentences name the member and show a right value.
Status check_client(const ClientRecord& client);

}  // namespace sightglass::control
