// The OpenAPI document, made from the route table.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "http/route.h"

namespace sightglass::admin {

// OpenAPI 3.1 of every route but the page's files. A method "*" stands for the five that it takes;
// `{rest...}` becomes `{rest}`, which then holds slashes. `x-changes` says whether a call changes
// anything, `x-realm` which credentials it asks for.
std::string openapi_json(std::span<const http::Route> routes, std::string_view version);

// GET /admin/v1/openapi.json. `routes` is asked for with each request, since the table is complete
// only after this route is part of it.
std::vector<http::Route> openapi_routes(std::function<const std::vector<http::Route>&()> routes,
                                        std::string version);

}  // namespace sightglass::admin
