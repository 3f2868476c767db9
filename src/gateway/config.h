// What the gateway is told: providers, aliases, clients, limits. Plain values; Settings compiles
// them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "control/clients.h"

namespace sightglass::gateway {

enum class ProviderKind : std::uint8_t { kOpenAi, kAnthropic, kOther };

// Callers' own provider keys.
enum class PassThrough : std::uint8_t {
  kLoopback,  // on loopback listeners, until clients exist
  kOn,
  kOff,
};

// Which of a provider's keys a request takes, of those that are not put aside.
enum class KeyChoice : std::uint8_t {
  kRoundRobin,  // in turn
  kRandom,
  kLeastLoaded,  // the one with the fewest running requests, in turn among equals
};

struct ProviderConfig {
  std::string id = {};
  ProviderKind kind = ProviderKind::kOpenAi;
  // With the API's version, as SDKs are told it ("https://api.openai.com/v1"); without one, "/v1"
  // is added for the OpenAI and Anthropic kinds.
  std::string base_url = {};
  std::vector<std::string> api_keys = {};
  std::vector<std::string> models = {};  // known names, for routing and labels
  bool needs_key = true;                 // false: a local model server that asks for none
  std::optional<PassThrough> pass_through = std::nullopt;  // in place of the gateway's
};

struct ClientConfig {
  std::string id = {};
  std::string key = {};                             // or its hash:
  std::string key_sha256 = {};                      // 64 hex digits
  std::vector<std::string> allowed_providers = {};  // empty: all
  std::vector<std::string> allowed_models = {};     // shell patterns; empty: all
  bool revoked = false;                             // known, never served, never forwarded
  Nanos expires_ns = 0;  // Unix time from which on it is not served; 0: never
  control::ClientLimits limits = {};
};

struct Limits {
  std::uint64_t buffer_bytes = 8u << 20;        // larger bodies stream through unread
  std::uint64_t body_bytes = 0;                 // 0: the server's own limit
  int connect_attempts = 3;                     // before anything was sent
  Nanos retry_backoff_ns = 100 * kMillisecond;  // doubled each time
  // After a client has left: how much of the answer is still read for its usage.
  std::uint64_t drain_bytes = 4u << 20;
  Nanos drain_ns = 60 * kSecond;
  std::size_t drains = 64;  // at once, per worker
};

struct Config {
  std::vector<ProviderConfig> providers;             // none: OpenAI and Anthropic
  std::map<std::string, std::string> model_aliases;  // to "model" or "provider:model"
  std::vector<ClientConfig> clients;
  PassThrough pass_through = PassThrough::kLoopback;
  KeyChoice key_choice = KeyChoice::kRoundRobin;
  bool route_by_header = false;  // honour x-provider
  Limits limits;
  std::string service = "gateway";
  std::string environment = "production";
};

}  // namespace sightglass::gateway
