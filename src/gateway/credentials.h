// Who asks: a registered client with a key of ours, or a caller with the provider's own key.
#pragma once

#include <string_view>

#include "gateway/settings.h"
#include "net/http1.h"

namespace sightglass::gateway {

// The fields in which SDKs send keys.
enum class KeyField : std::uint8_t { kNone, kAuthorization, kXApiKey, kApiKey, kGoogle, kQuery };

struct Credentials {
  const Client* client = nullptr;  // set: one of ours, not revoked
  std::string_view token;          // a caller's own key: set and `client` null
  KeyField field = KeyField::kNone;
};

// From the first of Authorization (Bearer), x-api-key, api-key, x-goog-api-key and the query's
// `key` that holds a client's key, else the first that holds anything. Keys that are or were ours
// ("sg_…", revoked ones) are never a caller's own: nothing at all is returned then.
Credentials find_credentials(const Settings& settings, const net::RequestHead& head);

enum class Listener : std::uint8_t { kLoopback, kElsewhere };

// Whether callers' own keys are taken at all, for this provider.
bool allows_pass_through(const Settings& settings, const Provider& provider, Listener listener);
// Whether a request with these credentials could be served by any provider; before its body is
// read.
bool may_enter(const Settings& settings, const Credentials& credentials, Listener listener);
// Whether this provider takes them: a client, the provider's own key, or none where none is needed.
bool admits(const Settings& settings, const Provider& provider, const Credentials& credentials,
            Listener listener);
// Whether the token has the form of the provider's keys.
bool has_key_form(const Provider& provider, std::string_view token);

}  // namespace sightglass::gateway
