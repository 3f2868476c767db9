// The configuration in force as the admin API shows it, and a configuration that somebody would
// like to try.
#pragma once

#include <string>
#include <string_view>

#include "app/config.h"
#include "base/result.h"

namespace sightglass::app {

// With the Administration seed's field names ("Server", "LLMProviders", …), what has a like there.
// Every secret is "****", whole: the original shows the first four characters, and a password.
std::string config_json(const Config& config);

// {"algorithm","priority","cache":{"enabled","ttl_seconds"}}, as the same seed names it.
std::string policy_json(const Config& config);

// Reads `text` (YAML, or JSON, which is YAML too) as the configuration file would be. Errors: every
// fault with its line. `${NAME}` stands for some long text: whoever asks learns nothing of this
// process' environment.
Status validate_config(std::string_view text);

}  // namespace sightglass::app
