// The Administration seed's numbers: clients, providers, global, and the two series.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "http/server.h"
#include "store/store.h"

namespace sightglass::admin {

// Bodies as the seed prints them, keys in its order; further keys stand behind.
std::string client_json(const std::string& client_id, const store::Aggregate& numbers);
std::string provider_json(const std::string& provider_id, const store::Aggregate& numbers);
std::string global_json(const store::Aggregate& numbers);
std::string series_json(const store::Queries::Series& series);
// {"name","start","end","points"}: `name` is latency (ms), tokens or cost (US dollars).
std::string named_series_json(std::string_view name, store::Range range,
                              const store::Queries::Series& series);

// The step of a series when the caller names none: at most 360 points, on a round number of
// seconds.
Nanos default_step(store::Range range);

// GET /admin/v1/metrics, /metrics/clients/{id}, /metrics/providers/{id}, /metrics/global, under
// both prefixes. `queries` may be null when the store is off: then 503 with the next step.
std::vector<http::Route> metrics_routes(store::Queries* queries, http::WorkPool& pool,
                                        const Clock& clock);

// 400, 404, 429, 503, 504 … for an error of ours, in the admin API's shape.
http::Response error_of(const Error& error, const std::string& request_id);

// `/admin/v1/x` is served as `/api/admin/v1/x` too: the same route under both prefixes.
void add_under_both_prefixes(std::vector<http::Route>& routes, http::Route route);

}  // namespace sightglass::admin
