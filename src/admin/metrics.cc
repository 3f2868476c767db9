#include "admin/metrics.h"

#include <cmath>
#include <iterator>

#include "admin/times.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::admin {
namespace {

constexpr Nanos kDay = 86'400 * kSecond;
constexpr Nanos kHour = 3'600 * kSecond;

// Keys that no printed answer has, but that an honest one needs: they stand behind the printed.
void append_further(JsonWriter& json, const store::Aggregate& numbers) {
  json.key("unpriced_requests").unsigned_integer(numbers.unpriced);
  json.key("rejected_requests").unsigned_integer(numbers.rejected);
  json.key("client_gone_requests").unsigned_integer(numbers.client_gone);
}

// Four digits are what the seed's ratios need; more would only print a double's noise.
double rounded(double value, double unit) { return std::round(value / unit) * unit; }

void append_common(JsonWriter& json, const store::Aggregate& numbers) {
  json.key("total_requests").unsigned_integer(numbers.requests);
  json.key("total_tokens").integer(numbers.total_tokens);
  json.key("total_cost").decimal(numbers.cost_nanousd, 9);
}

std::string latency_text(double ms) {
  std::string out;
  append_decimal(out, std::llround(ms * 1000), 3);
  return out;
}

std::string money_text(double usd) {
  std::string out;
  append_decimal(out, std::llround(usd * 1e9), 9);
  return out;
}

std::string ratio_text(double ratio) {
  std::string out;
  append_decimal(out, std::llround(rounded(ratio, 1e-6) * 1e6), 6);
  return out;
}

using Answer =
    std::function<Result<std::string>(store::Queries&, const http::SimpleRequest&, store::Range)>;

http::Route metrics_route(std::string pattern, std::string summary, Nanos window_ns,
                          std::vector<http::Parameter> parameters, store::Queries* queries,
                          http::WorkPool& pool, const Clock& clock, Answer answer) {
  http::Route route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kAdmin;
  route.summary = std::move(summary);
  route.parameters = {{"start",
                       window_ns == kHour ? "Unix seconds; default: an hour before end"
                                          : "Unix seconds; default: a day before end",
                       "number"},
                      {"end", "Unix seconds; default: now", "number"}};
  std::move(parameters.begin(), parameters.end(), std::back_inserter(route.parameters));
  route.make = http::blocking(pool, [queries, &clock, window_ns, answer,
                                     known = route.parameters](const http::SimpleRequest& request) {
    if (queries == nullptr) {
      return http::error_response(503, "store_error",
                                  "the store is switched off; set store.enabled: true",
                                  request.request_id);
    }
    const auto answered = [&]() -> Result<std::string> {
      SG_TRY(refuse_unknown_parameters(request.head.query, known));
      SG_ASSIGN(const auto range, parse_range(request.head.query, clock.wall_ns(), window_ns));
      return answer(*queries, request, range);
    }();
    if (!answered) return error_of(answered.error(), request.request_id);
    http::Response response;
    response.body = *answered;
    return response;
  });
  return route;
}

Result<std::string> answer_series(store::Queries& queries, const http::SimpleRequest& request,
                                  store::Range range) {
  Nanos step = default_step(range);
  if (const auto text = net::query_parameter(request.head.query, "step")) {
    const auto seconds = parse_int(*text);
    if (!seconds || *seconds < 1 || *seconds > 86'400 * 366) {
      return fail(Code::kInvalid, "step must be whole seconds such as 60");
    }
    step = *seconds * kSecond;
  }
  if ((range.end_ns - range.start_ns) / step > 11'000) {
    return fail(Code::kTooLarge,
                "more than 11,000 points; choose a larger step or a shorter range");
  }
  const auto name = net::query_parameter(request.head.query, "name");
  if (name && !name->empty() && *name != "latency" && *name != "tokens" && *name != "cost") {
    return fail(
        Code::kInvalid,
        "name must be latency, tokens or cost; without it latency and tokens come together");
  }
  SG_ASSIGN(const auto series, queries.series(range, step));
  if (!name || name->empty()) return series_json(series);
  return named_series_json(*name, range, series);
}

// What a client or a provider cost by the other, behind the printed keys.
Result<std::string> cost_by(store::Queries& queries, store::Range range, store::Dimension by,
                            store::Dimension of, const std::string& id) {
  store::GroupQuery query;
  query.range = range;
  query.by = {by};
  query.only = {{of, id}};
  SG_ASSIGN(const auto groups, queries.groups(query));
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& group : groups) {
    json.key(group.values[0].empty() ? "unknown" : group.values[0]);
    json.decimal(group.cost_nanousd, 9);
  }
  json.end_object();
  return out;
}

// `{…}` and one more key.
std::string with_key(std::string object, std::string_view key, std::string_view json) {
  object.pop_back();
  append_json_string(object.append(","), key);
  return object.append(":").append(json).append("}");
}

}  // namespace

std::string client_json(const std::string& client_id, const store::Aggregate& numbers) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("client_id").string(client_id);
  append_common(json, numbers);
  json.key("success_rate").raw(ratio_text(numbers.success_rate()));
  json.key("avg_latency").raw(latency_text(numbers.average_latency_ms));
  json.key("last_request_time").integer(numbers.last_request_ns / kSecond);
  append_further(json, numbers);
  json.end_object();
  return out;
}

std::string provider_json(const std::string& provider_id, const store::Aggregate& numbers) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("provider_id").string(provider_id);
  append_common(json, numbers);
  json.key("success_rate").raw(ratio_text(numbers.success_rate()));
  json.key("avg_latency").raw(latency_text(numbers.average_latency_ms));
  json.key("error_count").unsigned_integer(numbers.errors);
  append_further(json, numbers);
  json.end_object();
  return out;
}

std::string global_json(const store::Aggregate& numbers) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  json.key("total_clients").unsigned_integer(numbers.distinct_clients);
  json.key("total_providers").unsigned_integer(numbers.distinct_providers);
  append_common(json, numbers);
  json.key("overall_success_rate").raw(ratio_text(numbers.success_rate()));
  json.key("avg_latency").raw(latency_text(numbers.average_latency_ms));
  append_further(json, numbers);
  json.end_object();
  return out;
}

std::string named_series_json(std::string_view name, store::Range range,
                              const store::Queries::Series& series) {
  const auto& points = name == "latency"  ? series.latency_ms
                       : name == "tokens" ? series.tokens
                                          : series.cost_usd;
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("name").string(name);
  json.key("start").integer(range.start_ns / kSecond).key("end").integer(range.end_ns / kSecond);
  json.key("points").begin_array();
  for (const auto& point : points) {
    json.begin_object().key("timestamp").integer(point.timestamp_s);
    json.key("value").raw(name == "cost" ? money_text(point.value) : latency_text(point.value));
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

std::string series_json(const store::Queries::Series& series) {
  std::string out;
  JsonWriter json(out);
  const auto points = [&](const char* name, const std::vector<store::Point>& values) {
    json.key(name).begin_object().key("points").begin_array();
    for (const auto& point : values) {
      json.begin_object().key("timestamp").integer(point.timestamp_s);
      json.key("value").raw(latency_text(point.value)).end_object();
    }
    json.end_array().end_object();
  };
  json.begin_object();
  points("latency", series.latency_ms);
  points("tokens", series.tokens);
  json.end_object();
  return out;
}

Nanos default_step(store::Range range) {
  static constexpr std::int64_t kSteps[] = {
      1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1'800, 3'600, 7'200, 14'400, 43'200, 86'400};
  const auto seconds = (range.end_ns - range.start_ns) / kSecond;
  for (const auto step : kSteps) {
    if (seconds / step <= 360) return step * kSecond;
  }
  return ((seconds / 360 / 86'400) + 1) * 86'400 * kSecond;
}

std::vector<http::Route> metrics_routes(store::Queries* queries, http::WorkPool& pool,
                                        const Clock& clock) {
  std::vector<http::Route> routes;
  const auto add = [&](std::string pattern, std::string summary, Nanos window,
                       std::vector<http::Parameter> parameters, Answer answer) {
    add_under_both_prefixes(
        routes, metrics_route(std::move(pattern), std::move(summary), window, std::move(parameters),
                              queries, pool, clock, std::move(answer)));
  };
  add("/admin/v1/metrics", "Average latency and tokens over time", kHour,
      {{"name", "latency, tokens or cost: that series alone"},
       {"step", "whole seconds; default: at most 360 points", "integer"}},
      answer_series);
  add("/admin/v1/metrics/global", "Totals of everything in a time range", kDay, {},
      [](store::Queries& q, const http::SimpleRequest&, store::Range range) -> Result<std::string> {
        SG_ASSIGN(const auto numbers, q.aggregate(range, {}));
        return global_json(numbers);
      });
  add("/admin/v1/metrics/clients/{client_id}", "Totals of one client in a time range", kDay, {},
      [](store::Queries& q, const http::SimpleRequest& request,
         store::Range range) -> Result<std::string> {
        const auto& id = request.path_parameters.at(0);
        SG_ASSIGN(const auto numbers, q.aggregate(range, {id, std::nullopt}));
        SG_ASSIGN(const auto costs,
                  cost_by(q, range, store::Dimension::kProvider, store::Dimension::kClient, id));
        return with_key(client_json(id, numbers), "cost_by_provider", costs);
      });
  add("/admin/v1/metrics/providers/{provider_id}", "Totals of one provider in a time range", kDay,
      {},
      [](store::Queries& q, const http::SimpleRequest& request,
         store::Range range) -> Result<std::string> {
        const auto& id = request.path_parameters.at(0);
        SG_ASSIGN(const auto numbers, q.aggregate(range, {std::nullopt, id}));
        SG_ASSIGN(const auto costs,
                  cost_by(q, range, store::Dimension::kKey, store::Dimension::kProvider, id));
        return with_key(provider_json(id, numbers), "cost_by_key", costs);
      });
  return routes;
}

http::Response error_of(const Error& error, const std::string& request_id) {
  int status = 500;
  std::string_view type = "server_error";
  switch (error.code) {
    case Code::kInvalid:
      status = 400, type = "invalid_request_error";
      break;
    case Code::kTooLarge:
      status = 400, type = "invalid_request_error";
      break;
    case Code::kNotFound:
      status = 404, type = "not_found_error";
      break;
    case Code::kExists:
      status = 409, type = "conflict_error";
      break;
    case Code::kBusy:
      status = 429, type = "rate_limit_error";
      break;
    case Code::kDenied:
      status = 403, type = "permission_error";
      break;
    case Code::kTimeout:
      status = 504, type = "timeout_error";
      break;
    case Code::kUnavailable:
      status = 503, type = "server_error";
      break;
    default:
      break;
  }
  auto response = http::error_response(status, type, error.message, request_id);
  if (status == 429 || status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

void add_under_both_prefixes(std::vector<http::Route>& routes, http::Route route) {
  http::Route twin = route;
  twin.pattern = "/api" + route.pattern;
  routes.push_back(std::move(route));
  routes.push_back(std::move(twin));
}

}  // namespace sightglass::admin
