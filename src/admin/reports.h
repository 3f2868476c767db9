// Key metrics and dashboards of the packs.
#pragma once

#include <vector>

#include "base/clock.h"
#include "http/route.h"
#include "report/report_fold.h"

namespace sightglass::admin {

// GET /admin/v1/reports, /admin/v1/reports/{pack}?since=24h, under both prefixes.
std::vector<http::Route> report_routes(const report::ReportFold& reports, http::WorkPool& pool,
                                       const Clock& clock);

}  // namespace sightglass::admin
