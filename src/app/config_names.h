// A changed configuration in the Administration seed's field names, as `GET /admin/v1/config` shows
// it, translated into the file's own.
#pragma once

#include <yaml-cpp/yaml.h>

#include "base/result.h"

namespace sightglass::app {

// Whether a body speaks in those names ("Server", "LLMProviders", …).
bool speaks_seed_names(const YAML::Node& body);

// The top-level keys of the file that are to be replaced, with their new values. What `body` says
// as `shown` shows it is no change, so that an answer sent back changes nothing: no default comes
// into the file, no reference to the environment gets lost. Elements of lists keep, by their id,
// what these names cannot say. Errors: kInvalid, with the member and the nearest known one.
Result<YAML::Node> from_seed_names(const YAML::Node& body, const YAML::Node& shown,
                                   const YAML::Node& file);

// The element of a list of maps with this id; undefined: none.
YAML::Node element_with_id(const YAML::Node& list, const std::string& id);

// Children that may not be there, without making them.
YAML::Node child(const YAML::Node& node, const std::string& key);

}  // namespace sightglass::app
