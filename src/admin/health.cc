#include "admin/health.h"

#include <algorithm>

#include "admin/metrics.h"
#include "base/json_writer.h"

namespace sightglass::admin {
namespace {

std::string checks_json(const std::vector<HealthCheck>& checks, bool all_ok) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("status").string(all_ok ? "ok" : "degraded").key("checks").begin_object();
  for (const auto& check : checks) {
    json.key(check.name).begin_object().key("status").string(check.ok ? "ok" : "degraded");
    if (!check.problem.empty()) json.key("problem").string(check.problem);
    for (const auto& [name, value] : check.numbers) json.key(name).integer(value);
    for (const auto& [name, value] : check.words) json.key(name).string(value);
    if (!check.parts_key.empty()) {
      json.key(check.parts_key).begin_object();
      for (const auto& [name, value] : check.parts) json.key(name).integer(value);
      json.end_object();
    }
    json.end_object();
  }
  json.end_object().end_object();
  return out;
}

}  // namespace

std::vector<http::Route> health_routes(std::function<bool()> draining, HealthChecks checks,
                                       http::WorkPool& pool) {
  std::vector<http::Route> routes;
  http::Route live;
  live.method = "GET";
  live.pattern = "/health";
  live.realm = http::Realm::kOpen;
  live.summary = "Liveness: 200 while requests are taken, 503 while draining";
  live.make = http::simple([draining = std::move(draining)](const http::SimpleRequest&) {
    http::Response response;
    const bool leaving = draining();
    response.status = leaving ? 503 : 200;
    response.body = leaving ? R"({"status": "draining"})" : R"({"status": "ok"})";
    return response;
  });
  routes.push_back(std::move(live));

  http::Route detailed;
  detailed.method = "GET";
  detailed.pattern = "/admin/v1/health";
  detailed.realm = http::Realm::kAdmin;
  detailed.summary = "Health of journal, folds, store, providers, memory and threads";
  detailed.make = http::blocking(pool, [checks = std::move(checks)](const http::SimpleRequest&) {
    const auto found = checks();
    const auto fine = [](const auto& check) { return check.ok; };
    const auto alive = [](const auto& check) { return check.ok || !check.vital; };
    http::Response response;
    response.status = std::all_of(found.begin(), found.end(), alive) ? 200 : 503;
    response.body = checks_json(found, std::all_of(found.begin(), found.end(), fine));
    return response;
  });
  add_under_both_prefixes(routes, std::move(detailed));
  return routes;
}

}  // namespace sightglass::admin
