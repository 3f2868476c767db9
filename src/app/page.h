// The page as routes: the built files, embedded.
#pragma once

#include <vector>

#include "http/server.h"

namespace sightglass::app {

// GET / and every file below it; realm kPage, since it shows nothing without a login.
std::vector<http::Route> page_routes();

}  // namespace sightglass::app
