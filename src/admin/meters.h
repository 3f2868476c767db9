// Meters as a resource: what they are, and their values over event time.
#pragma once

#include <string>
#include <vector>

#include "http/server.h"
#include "meter/meter_fold.h"

namespace sightglass::admin {

std::string meters_json(const std::vector<meter::MeterState>& meters);
// Each meter's pattern, its hits and its last hit; those that never matched first.
std::string patterns_json(const std::vector<meter::MeterState>& meters);
std::string points_json(const meter::Points& points);

// GET /admin/v1/patterns, /admin/v1/meters, and /admin/v1/meters/{name}?start=&end=&step=, where
// the name may be written with dots or with underscores.
std::vector<http::Route> meter_routes(const meter::MeterFold& meter, http::WorkPool& pool);

}  // namespace sightglass::admin
