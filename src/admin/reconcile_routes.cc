#include "admin/reconcile_routes.h"

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/text.h"
#include "meter/negotiate.h"

namespace sightglass::admin {
namespace {

http::Response reconcile(Reconciler& reconciler, const http::SimpleRequest& request) {
  std::int64_t seconds = 10;
  if (const auto known = refuse_unknown_parameters(request.head.query, {"timeout"}); !known) {
    return error_of(known.error(), request.request_id);
  }
  if (const auto text = net::query_parameter(request.head.query, "timeout")) {
    const auto parsed = parse_int(*text);
    if (!parsed || *parsed < 1 || *parsed > 3600) {
      return error_of({Code::kInvalid, "timeout must be 1 to 3600 seconds"}, request.request_id);
    }
    seconds = *parsed;
  }
  const auto result = reconciler.run(seconds * kSecond);
  if (!result) return error_of(result.error(), request.request_id);
  http::Response response;
  response.body = to_json(*result);
  return response;
}

}  // namespace

std::vector<http::Route> reconcile_routes(Reconciler& reconciler, http::WorkPool& pool) {
  http::Route route;
  route.method = "POST";
  route.pattern = "/admin/v1/reconcile";
  route.realm = http::Realm::kAdmin;
  route.changes = true;
  route.summary = "Hold metrics, live totals, store and log against each other at one position";
  route.parameters = {{"timeout", "seconds to wait for every witness; default 10", "integer"}};
  route.make = http::blocking(
      pool, [&reconciler](const auto& request) { return reconcile(reconciler, request); });
  std::vector<http::Route> routes;
  add_under_both_prefixes(routes, std::move(route));
  return routes;
}

http::Route exposition_route(const meter::MeterFold& meter, const Telemetry& own,
                             http::WorkPool& pool) {
  http::Route route;
  route.method = "GET";
  route.pattern = "/metrics";
  route.realm = http::Realm::kScrape;
  route.summary = "Every series, for Prometheus";
  route.produces = "text/plain";
  // A hundred thousand series take tens of milliseconds: not on a worker's thread.
  route.make = http::blocking(pool, [&meter, &own](const http::SimpleRequest& request) {
    const auto how = meter::negotiate(request.head.headers.get("accept"));
    http::Response response;
    meter.expose(how, own, response.body);
    response.content_type = meter::content_type(how);
    return response;
  });
  return route;
}

}  // namespace sightglass::admin
