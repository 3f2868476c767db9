// The Live seed's endpoints: active requests, their stream, running totals, recent logs.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "http/server.h"
#include "live/feed.h"
#include "live/requests.h"
#include "live/totals.h"

namespace sightglass::admin {

struct LiveSources {
  const live::Requests& requests;
  const live::TotalsFold& totals;
  const Clock& clock;
  bool request_metrics = true;                  // LOG_REQUEST_METRICS
  std::function<live::LogTarget()> log_target;  // where the operational log goes now
  // Both serve /metrics/active-requests/stream, the second one with ?gateways=all.
  http::HandlerFactory stream, all_stream;
  live::Everywhere everywhere;           // what ?gateways=all shows
  live::Elsewhere* elsewhere = nullptr;  // null: there are no other gateways
  http::WorkPool& pool;                  // where it is waited for
};

// GET /metrics/active-requests, /metrics/active-requests/stream, /metrics/running-totals,
// /metrics/logs, in the shapes of the original. Bad parameters: 422 with the parameter's name.
std::vector<http::Route> live_routes(LiveSources sources);

}  // namespace sightglass::admin
