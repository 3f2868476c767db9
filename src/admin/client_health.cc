#include "control/client_health.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "admin/clients.h"
#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"

namespace sightglass::admin {
namespace {

using control::ClientHealth;
using Sources = std::shared_ptr<const ClientSources>;

std::string_view period_name(control::Period period) {
  switch (period) {
    case control::Period::kHour:
      return "hour";
    case control::Period::kDay:
      return "day";
    case control::Period::kMonth:
      break;
  }
  return "month";
}

void write_rate(JsonWriter& json, std::string_view name, std::optional<double> rate) {
  json.key(name);
  rate ? json.decimal(std::llround(*rate * 1e6), 6) : json.null();
}

void write_flags(JsonWriter& json, const ClientHealth& health) {
  json.key("status").string(health.fine() ? "ok" : "warning").key("flags").begin_array();
  if (health.usage.spike) json.string("usage_spike");
  if (health.errors.increase) json.string("error_rate_increase");
  if (health.overrun) json.string("cost_overrun");
  json.end_array();
}

void write_usage(JsonWriter& json, const ClientHealth::Usage& usage) {
  json.key("usage").begin_object().key("recent_requests").unsigned_integer(usage.recent);
  write_rate(json, "recent_per_minute", usage.recent_per_minute);
  write_rate(json, "usual_per_minute", usage.usual_per_minute);
  json.key("spike").boolean(usage.spike).end_object();
}

void write_errors(JsonWriter& json, const ClientHealth::Errors& errors) {
  json.key("errors").begin_object().key("recent_requests").unsigned_integer(errors.requests);
  json.key("recent_errors").unsigned_integer(errors.failed);
  write_rate(json, "recent_rate", errors.rate);
  write_rate(json, "usual_rate", errors.usual_rate);
  json.key("increase").boolean(errors.increase).key("types").begin_object();
  for (const auto& [type, count] : errors.types) json.key(type).unsigned_integer(count);
  json.end_object().end_object();
}

void write_budgets(JsonWriter& json, const ClientHealth& health) {
  json.key("cost").begin_object().key("overrun").boolean(health.overrun);
  json.key("budgets").begin_array();
  for (const auto& budget : health.budgets) {
    json.begin_object().key("per").string(period_name(budget.period));
    json.key("limit").decimal(budget.limit_nanousd, 9);
    json.key("spent").decimal(budget.spent_nanousd, 9);
    json.key("reserved").decimal(budget.reserved_nanousd, 9);
    write_rate(
        json, "used",
        static_cast<double>(budget.spent_nanousd) / static_cast<double>(budget.limit_nanousd));
    json.key("state").string(budget.over ? "over" : budget.near ? "near" : "ok");
    json.key("refused_requests").unsigned_integer(budget.refused);
    json.key("resets_at").integer(budget.resets_ns / kSecond).end_object();
  }
  json.end_array().end_object();
}

void write_providers(JsonWriter& json, const std::vector<ClientHealth::Provider>& providers) {
  json.key("providers").begin_array();
  for (const auto& provider : providers) {
    json.begin_object().key("provider_id").string(provider.id);
    json.key("requests").unsigned_integer(provider.share.requests);
    json.key("tokens").integer(provider.share.tokens);
    json.key("cost").decimal(provider.share.nanousd, 9);
    json.key("requests_share").decimal(provider.requests_millionths, 6);
    json.key("tokens_share").decimal(provider.tokens_millionths, 6);
    json.key("cost_share").decimal(provider.cost_millionths, 6).end_object();
  }
  json.end_array();
}

void write_health(JsonWriter& json, const ClientSources& sources, const std::string& id) {
  const auto now = sources.clock.wall_ns();
  const auto account = sources.limiter.find(id);
  std::optional<control::Account::State> state;
  if (account) state = account->state(now);
  const auto use = sources.fold.use(id).value_or(control::ClientUse{});
  const auto health = control::assess(use, state, now);
  json.begin_object().key("client_id").string(id);
  write_flags(json, health);
  write_usage(json, health.usage);
  write_errors(json, health.errors);
  write_budgets(json, health);
  write_providers(json, health.providers);
  json.key("last_request_time").integer(use.last_ns() / kSecond).end_object();
}

std::vector<std::string> ids_of(const ClientSources& sources) {
  std::vector<std::string> out;
  const auto configured = sources.configured();
  for (const auto& client : *configured) out.push_back(client.id);
  for (const auto& client : sources.registry.clients()->clients) {
    if (std::find(out.begin(), out.end(), client.id) == out.end()) out.push_back(client.id);
  }
  return out;
}

http::Response answer(const ClientSources& sources, const http::SimpleRequest& request) {
  if (const auto known = refuse_unknown_parameters(request.head.query, {}); !known) {
    return error_of(known.error(), request.request_id);
  }
  http::Response response;
  JsonWriter json(response.body);
  const auto ids = ids_of(sources);
  if (!request.path_parameters.empty()) {
    const auto& id = request.path_parameters[0];
    if (std::find(ids.begin(), ids.end(), id) == ids.end() && !sources.fold.use(id)) {
      return error_of({Code::kNotFound, "there is no such client; GET /admin/v1/clients lists all"},
                      request.request_id);
    }
    write_health(json, sources, id);
    return response;
  }
  json.begin_object().key("clients").begin_array();
  for (const auto& id : ids) write_health(json, sources, id);
  json.end_array().end_object();
  return response;
}

}  // namespace

std::vector<http::Route> client_health_routes(const ClientSources& given, http::WorkPool& pool) {
  const auto sources = std::make_shared<const ClientSources>(given);
  std::vector<http::Route> routes;
  for (const auto* pattern : {"/admin/v1/health/clients", "/admin/v1/health/clients/{client_id}"}) {
    http::Route route;
    route.method = "GET";
    route.pattern = pattern;
    route.realm = http::Realm::kAdmin;
    route.summary =
        "Usage spikes, error-rate increases, cost overruns and providers of clients, by client";
    route.make = http::blocking(
        pool, [sources](const http::SimpleRequest& request) { return answer(*sources, request); });
    add_under_both_prefixes(routes, std::move(route));
  }
  return routes;
}

}  // namespace sightglass::admin
