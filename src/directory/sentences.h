// Room-internal: what is wrong with a registry and what to do, in the words of clients.sql.
#pragma once

#include <string_view>

#include "export/verdict.h"

namespace sightglass::directory {

std::string_view sentence_of(exporting::Reason reason);

}  // namespace sightglass::directory
