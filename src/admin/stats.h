// Requests, tokens and cost by client, provider, key and model, as the Administration seed's
// original answers them.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "http/server.h"
#include "store/store.h"

namespace sightglass::admin {

// A dimension of the original by its name: client_key and id (both the client's id here: raw keys
// are in no answer), provider, key, model. nullopt: none of these.
std::optional<store::Dimension> dimension_of(std::string_view name);

// {"provider":{"queries":…,"tokens":…,"cost":…}, …}, nested once for each dimension; "unknown"
// where a request has no value.
std::string stats_json(const std::vector<store::Group>& groups);

// GET /admin/v1/stats?group_by=client_key,provider&start&end, with filters by the same names; both
// prefixes. `queries` may be null when the store is off.
std::vector<http::Route> stats_routes(store::Queries* queries, http::WorkPool& pool,
                                      const Clock& clock);

}  // namespace sightglass::admin
