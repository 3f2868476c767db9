// What a request to make or to change a client says.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "control/registry.h"

namespace sightglass::admin {

struct ClientBody {
  std::optional<std::string> client_id;
  control::ClientChange change;  // what the body names
};

// {"client_id","api_key","description","allowed_providers","allowed_models","limits","expires_at",
// "new_key"}, all of them optional here. `limits` holds numbers or nulls by the names of the
// configuration file; those it does not name are taken from `before`. `expires_at` is Unix seconds,
// or null for never. Errors: kInvalid with the member's name and a right value; never with what was
// sent.
Result<ClientBody> read_client_body(std::string_view json, const control::ClientLimits& before);

}  // namespace sightglass::admin
