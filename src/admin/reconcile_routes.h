// The reconciler and the metrics text as routes.
#pragma once

#include <vector>

#include "admin/reconcile.h"
#include "base/telemetry.h"
#include "http/server.h"
#include "meter/meter_fold.h"

namespace sightglass::admin {

// POST /admin/v1/reconcile?timeout=10: the answer of admin/reconcile.h.
std::vector<http::Route> reconcile_routes(Reconciler& reconciler, http::WorkPool& pool);

// GET /metrics: Prometheus 0.0.4, or OpenMetrics 1.0 where the scraper prefers it.
http::Route exposition_route(const meter::MeterFold& meter, const Telemetry& own,
                             http::WorkPool& pool);

}  // namespace sightglass::admin
