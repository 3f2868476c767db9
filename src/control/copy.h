// A copy of the control database that fits together, though the server goes on writing.
#pragma once

#include <string>

#include "base/result.h"

namespace sightglass::control {

// `to` must not exist; nothing is synced. Errors: kCorrupt, kNoSpace, kIo.
Status copy_database(const std::string& from, const std::string& to);

}  // namespace sightglass::control
