// Login and logout of the page, and the admin key's replacement.
#pragma once

#include <functional>
#include <vector>

#include "http/auth.h"
#include "http/server.h"

namespace sightglass::admin {

// POST /api/login {"admin_id","password"} → {"token","user":{"id","username","role":"admin"}} and
// the session's cookie; POST /api/logout; POST /admin/v1/admin-key → {"admin_key"}, for this
// machine's user on the Unix socket only; `on_new_key` is told, so that no copy of the old one is
// left lying about.
std::vector<http::Route> login_routes(http::Auth& auth, http::WorkPool& pool,
                                      std::function<void()> on_new_key);

}  // namespace sightglass::admin
