#include "admin/reports.h"

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"
#include "event/measure.h"

namespace sightglass::admin {
namespace {

http::Response unavailable(const std::string& request_id) {
  return error_of({Code::kUnavailable, "nothing has been recorded yet; ask again in a second"},
                  request_id);
}

http::Response list(const report::ReportFold& reports, const http::SimpleRequest& request) {
  if (const auto known = refuse_unknown_parameters(request.head.query, {}); !known) {
    return error_of(known.error(), request.request_id);
  }
  const auto catalogue = reports.catalogue();
  if (catalogue == nullptr) return unavailable(request.request_id);
  http::Response response;
  JsonWriter json(response.body);
  json.begin_object().key("packs").begin_array();
  for (const auto& pack : report::packs_with_reports(*catalogue)) {
    json.begin_object().key("pack").string(pack).key("dashboards").begin_array();
    for (const auto& dashboard : catalogue->reports().dashboards) {
      if (dashboard.pack == pack) json.string(dashboard.title);
    }
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return response;
}

http::Response one(const report::ReportFold& reports, const Clock& clock,
                   const http::SimpleRequest& request) {
  if (const auto known = refuse_unknown_parameters(request.head.query, {"since"}); !known) {
    return error_of(known.error(), request.request_id);
  }
  report::Question question;
  question.pack = request.path_parameters[0];
  question.now_ns = clock.wall_ns();
  if (const auto text = net::query_parameter(request.head.query, "since")) {
    const auto since = report::parse_since(*text);
    if (!since) return error_of(since.error(), request.request_id);
    question.since_ns = *since;
  }
  const auto catalogue = reports.catalogue();
  if (catalogue == nullptr) return unavailable(request.request_id);
  const auto made = reports.report(*catalogue, question);
  if (!made) return error_of(made.error(), request.request_id);
  http::Response response;
  report::append_json(*made, response.body);
  return response;
}

}  // namespace

std::vector<http::Route> report_routes(const report::ReportFold& reports, http::WorkPool& pool,
                                       const Clock& clock) {
  http::Route packs;
  packs.method = "GET";
  packs.pattern = "/admin/v1/reports";
  packs.realm = http::Realm::kAdmin;
  packs.summary = "The packs that have a report, with their dashboards";
  packs.make = http::blocking(
      pool, [&reports](const http::SimpleRequest& request) { return list(reports, request); });
  http::Route report;
  report.method = "GET";
  report.pattern = "/admin/v1/reports/{pack}";
  report.realm = http::Realm::kAdmin;
  report.summary = "Key metrics, dashboards and trackables of one pack";
  report.parameters = {{"since", "how far back, 1h to 90d; default 24h"}};
  report.make = http::blocking(pool, [&reports, &clock](const http::SimpleRequest& request) {
    return one(reports, clock, request);
  });
  std::vector<http::Route> routes;
  add_under_both_prefixes(routes, std::move(packs));
  add_under_both_prefixes(routes, std::move(report));
  return routes;
}

}  // namespace sightglass::admin
