// Finding and reading the configuration file.
#pragma once

#include <string>

#include "app/config.h"

namespace sightglass::app {

// "" takes sightglass.yaml of the working directory if it is there, else the defaults. A named file
// must exist.
Result<Config> load_config(const std::string& named);

}  // namespace sightglass::app
