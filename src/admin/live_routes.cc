#include "admin/live_routes.h"

#include <algorithm>
#include <memory>

#include "admin/times.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::admin {
namespace {

http::Response fresh(std::string body, std::string content_type) {
  http::Response response;
  response.body = std::move(body);
  response.content_type = std::move(content_type);
  response.headers.emplace_back("Cache-Control", "no-cache");
  return response;
}

http::Response unprocessable(const http::SimpleRequest& request, const std::string& sentence) {
  return http::error_response(422, "invalid_request_error", sentence, request.request_id);
}

http::Route live_route(std::string pattern, std::string summary, http::HandlerFactory make) {
  http::Route route;
  route.method = "GET";
  route.pattern = std::move(pattern);
  route.realm = http::Realm::kScrape;
  route.summary = std::move(summary);
  route.make = std::move(make);
  return route;
}

bool wants_json(const http::SimpleRequest& request) {
  return request.head.headers.get("accept").find("application/json") != std::string_view::npos;
}

// running-totals-20261120-232500.yaml, as the original names its download.
std::string totals_file_name(Nanos now_ns) {
  std::string iso;
  append_iso8601(iso, now_ns, 0);
  std::string digits;
  std::copy_if(iso.begin(), iso.end(), std::back_inserter(digits),
               [](char c) { return c >= '0' && c <= '9'; });
  return "inline; filename=running-totals-" + digits.substr(0, 8) + "-" + digits.substr(8) +
         ".yaml";
}

// Requests in flight are this gateway's, as printed, or with ?gateways=all those of every gateway.
// What serves each differs, and only the request says which is wanted.
class OwnOrAll final : public http::Handler {
 public:
  struct Ways {
    http::HandlerFactory own, all, neither;
  };
  OwnOrAll(std::shared_ptr<const Ways> ways, const std::vector<std::string>& parameters)
      : ways_(std::move(ways)), parameters_(parameters) {}

  void on_request(http::Exchange& exchange) override {
    const auto wanted = net::query_parameter(exchange.request().query, "gateways");
    const auto& way = !wanted ? ways_->own : *wanted == "all" ? ways_->all : ways_->neither;
    chosen_ = way(parameters_);
    chosen_->on_request(exchange);
  }
  void on_body(http::Exchange& exchange, std::string_view content) override {
    chosen_->on_body(exchange, content);
  }
  void on_body_end(http::Exchange& exchange) override { chosen_->on_body_end(exchange); }
  void on_writable(http::Exchange& exchange) override { chosen_->on_writable(exchange); }
  void on_refused(http::Exchange& exchange, int status) override {
    if (chosen_) chosen_->on_refused(exchange, status);
  }
  void on_close(http::Exchange& exchange, bool client_gone) override {
    if (chosen_) chosen_->on_close(exchange, client_gone);
  }

 private:
  const std::shared_ptr<const Ways> ways_;
  const std::vector<std::string>& parameters_;  // the connection's, for the exchange's time
  std::unique_ptr<http::Handler> chosen_;
};

http::Route own_or_all(std::string pattern, std::string summary, http::HandlerFactory own,
                       http::HandlerFactory all) {
  const auto ways = std::make_shared<OwnOrAll::Ways>();
  ways->own = std::move(own);
  ways->all = std::move(all);
  ways->neither = http::simple([](const http::SimpleRequest& request) {
    return unprocessable(request,
                         "gateways must be 'all', or left out for this gateway's own requests");
  });
  auto route = live_route(std::move(pattern), std::move(summary),
                          [ways](const std::vector<std::string>& parameters) {
                            return std::make_unique<OwnOrAll>(ways, parameters);
                          });
  route.parameters = {{"gateways",
                       "'all': also those of the other gateways on the same Redis; each row then "
                       "has `gateway`, and `gateways` says who was heard"}};
  return route;
}

constexpr Nanos kWaitForOthers = kSecond;

http::Response all_requests(const LiveSources& sources) {
  if (!sources.request_metrics) {
    return fresh(live::active_requests_disabled_json(), "application/json");
  }
  if (sources.elsewhere != nullptr) (void)sources.elsewhere->refresh(kWaitForOthers);
  return fresh(live::active_requests_json(sources.everywhere), "application/json");
}

Result<live::RunningTotalsQuery> parse_totals_query(std::string_view query) {
  SG_TRY(refuse_unknown_parameters(query, {"provider", "model", "include_active", "since"}));
  live::RunningTotalsQuery parsed;
  if (auto provider = net::query_parameter(query, "provider")) parsed.provider = *provider;
  if (auto model = net::query_parameter(query, "model")) parsed.model = *model;
  if (const auto text = net::query_parameter(query, "include_active")) {
    const auto flag = parse_bool(*text);
    if (!flag) return fail(Code::kInvalid, "include_active must be true or false");
    parsed.include_active = *flag;
  }
  if (const auto since = net::query_parameter(query, "since")) {
    if (*since != "start")
      return fail(Code::kInvalid, "since must be 'start', or left out for all time");
    parsed.since_start = true;
  }
  return parsed;
}

http::Response running_totals(const LiveSources& sources, const http::SimpleRequest& request) {
  const auto now = sources.clock.wall_ns();
  if (!sources.request_metrics) {
    if (wants_json(request)) return fresh(R"({"_metrics_enabled":false})", "application/json");
    return fresh(live::running_totals_disabled_yaml(), "text/yaml; charset=utf-8");
  }
  const auto query = parse_totals_query(request.head.query);
  if (!query) return unprocessable(request, query.error().message);
  if (!wants_json(request)) {
    auto response = fresh(sources.totals.running_totals_yaml(*query, sources.requests, now),
                          "text/yaml; charset=utf-8");
    response.headers.emplace_back("Content-Disposition", totals_file_name(now));
    return response;
  }
  // Money is ours, not the original's: it stands in an object of its own behind the printed keys.
  auto body = sources.totals.running_totals_json(*query, sources.requests, now);
  const auto totals = sources.totals.totals();
  body.resize(trim(body).size());
  if (body.ends_with('}')) {
    body.pop_back();
    body += ",\"sightglass\":{\"cost_usd\":";
    append_decimal(body, totals.cost_nanousd, 9);
    body += ",\"unpriced_requests\":";
    append_uint(body, totals.unpriced);
    body += "}}";
  }
  return fresh(std::move(body), "application/json");
}

Result<std::size_t> parse_limit(std::string_view query, std::string_view name,
                                std::size_t otherwise, std::int64_t most) {
  const auto text = net::query_parameter(query, name);
  if (!text) return otherwise;
  const auto value = parse_int(*text);
  if (!value || *value < 1 || *value > most) {
    return fail(Code::kInvalid, std::string(name) + " must be from 1 to " + std::to_string(most));
  }
  return static_cast<std::size_t>(*value);
}

http::Response recent_logs(const LiveSources& sources, const http::SimpleRequest& request) {
  if (const auto known =
          refuse_unknown_parameters(request.head.query, {"limit_errors", "limit_traces"});
      !known) {
    return unprocessable(request, known.error().message);
  }
  const auto errors = parse_limit(request.head.query, "limit_errors", 100, 1'000);
  if (!errors) return unprocessable(request, errors.error().message);
  const auto traces = parse_limit(request.head.query, "limit_traces", 200, 2'000);
  if (!traces) return unprocessable(request, traces.error().message);
  return fresh(live::logs_json(sources.log_target(), sources.totals.recent_errors(*errors),
                               sources.totals.recent_traces(*traces)),
               "application/json");
}

}  // namespace

std::vector<http::Route> live_routes(LiveSources given) {
  const auto sources = std::make_shared<const LiveSources>(std::move(given));
  std::vector<http::Route> routes;
  routes.push_back(own_or_all("/metrics/active-requests", "The requests in flight",
                              http::simple([sources](const http::SimpleRequest&) {
                                return fresh(sources->request_metrics
                                                 ? live::active_requests_json(sources->requests)
                                                 : live::active_requests_disabled_json(),
                                             "application/json");
                              }),
                              http::blocking(sources->pool, [sources](const http::SimpleRequest&) {
                                return all_requests(*sources);
                              })));
  auto stream =
      own_or_all("/metrics/active-requests/stream", "The requests in flight, as server-sent events",
                 sources->stream, sources->all_stream);
  stream.produces = "text/event-stream";
  routes.push_back(std::move(stream));
  auto totals = live_route("/metrics/running-totals",
                           "Running totals by provider and model (YAML, or JSON by Accept)",
                           http::simple([sources](const http::SimpleRequest& request) {
                             return running_totals(*sources, request);
                           }));
  totals.produces = "text/yaml";
  totals.parameters = {{"provider", "wildcards, case ignored, the whole name"},
                       {"model", "wildcards, case ignored, the whole name"},
                       {"include_active", "count requests in flight; default true", "boolean"},
                       {"since", "'start': only since this process started"}};
  routes.push_back(std::move(totals));
  auto logs = live_route("/metrics/logs", "Recent errors and request traces, newest first",
                         http::simple([sources](const http::SimpleRequest& request) {
                           return recent_logs(*sources, request);
                         }));
  logs.parameters = {{"limit_errors", "1 to 1000; default 100", "integer"},
                     {"limit_traces", "1 to 2000; default 200", "integer"}};
  routes.push_back(std::move(logs));
  return routes;
}

}  // namespace sightglass::admin
