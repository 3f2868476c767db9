// The text of the configuration file after a change that somebody sent.
#pragma once

#include <string>
#include <string_view>

#include "app/config.h"
#include "base/result.h"

namespace sightglass::app {

// `body` (JSON or YAML) names top-level keys of the file, or the same in the Administration seed's
// names as `shown` (GET /admin/v1/config) has them: what it names replaces that part of `file`,
// null removes it, all else stays as it is, comments and `${NAME}` included. "****" stands for the
// secret that the file has at that place.
//
// Errors, kInvalid: no map, nothing named, a secret or a `${NAME}` that the file does not have at
// that place, a key kept for a provider whose address is another one. What the keys may hold is
// parse_config's to say.
Result<std::string> change_config_text(std::string_view file, std::string_view body,
                                       std::string_view shown);

// What an API call may not do although the file could. Errors, kInvalid: a changed key that stands
// in the file only; a new provider's address that is link-local or a cloud's metadata service.
Status refuse_change(const Config& before, const Config& after);

}  // namespace sightglass::app
