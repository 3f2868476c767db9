#include "live/feed.h"

#include <algorithm>
#include <tuple>

#include "base/json_writer.h"
#include "event/error_sentence.h"

namespace sightglass::live {
namespace {

constexpr std::string_view kMetricsOff = "Request metrics logging is disabled";
// The original prints the suggestion the wrong way round.
constexpr std::string_view kMetricsOn = "Set LOG_REQUEST_METRICS=true to enable tracking";
constexpr std::string_view kSseOff = "SSE for active requests is disabled";
constexpr std::string_view kSseOn = "Unset VDM_ACTIVE_REQUESTS_SSE_ENABLED (or set to true)";

constexpr std::string_view kUnreachable =
    "What other gateways run is not known now: Redis does not answer. GET /admin/v1/health says "
    "what to do";

struct Placed {
  const RequestRow* row;
  std::string_view gateway;
};

std::string rows_json(const std::vector<Placed>& rows, Nanos now_ns) {
  std::string out = "[";
  for (const auto& [row, gateway] : rows) {
    if (out.size() > 1) out.push_back(',');
    append_row_json(*row, now_ns, out, gateway);
  }
  out.push_back(']');
  return out;
}

// What both the answer and a frame hold of this gateway's own requests, without braces.
std::string own_members(const Requests& requests, std::size_t limit) {
  bool truncated = false;
  const auto rows = requests.snapshot(limit, truncated);
  std::vector<Placed> placed;
  placed.reserve(rows.size());
  for (const auto& row : rows) placed.push_back({&row, {}});
  std::string out = "\"disabled\":false,\"active_requests\":";
  out += rows_json(placed, requests.clock().monotonic_ns());
  if (truncated) out += ",\"truncated\":true";
  return out;
}

// A gateway's age stands there only once it is news, so that nothing changes while nothing happens.
void append_gateway(JsonWriter& json, const Elsewhere::Gateway& gateway, bool here, Nanos now_ns) {
  const auto age = gateway.age_ns(now_ns);
  const bool stale = !here && age >= kStaleAfter;
  json.begin_object().key("gateway").string(gateway.name);
  json.key("state").string(here ? "here" : stale ? "stale" : "ok");
  json.key("requests").unsigned_integer(gateway.requests);
  const auto shown = gateway.rows ? gateway.rows->size() : 0;
  json.key("left_out").unsigned_integer(gateway.requests - std::min(shown, gateway.requests));
  if (stale) json.key("heard_ms_ago").integer(age / kMillisecond);
  json.end_object();
}

// The newest of all of them.
std::vector<Placed> merge(const std::vector<Elsewhere::Gateway>& gateways, std::size_t limit) {
  std::vector<Placed> rows;
  for (const auto& gateway : gateways) {
    if (!gateway.rows) continue;
    for (const auto& row : *gateway.rows) rows.push_back({&row, gateway.name});
  }
  const auto kept = std::min(limit, rows.size());
  std::partial_sort(rows.begin(), rows.begin() + static_cast<std::ptrdiff_t>(kept), rows.end(),
                    [](const Placed& a, const Placed& b) {
                      if (a.row->start_wall_ns != b.row->start_wall_ns) {
                        return a.row->start_wall_ns > b.row->start_wall_ns;
                      }
                      return std::tie(a.row->request_id, a.gateway) <
                             std::tie(b.row->request_id, b.gateway);
                    });
  rows.resize(kept);
  return rows;
}

std::string all_members(const Everywhere& everywhere, std::size_t limit) {
  const auto& requests = everywhere.requests;
  bool truncated = false;
  auto own = std::make_shared<const std::vector<RequestRow>>(requests.snapshot(limit, truncated));
  const auto now = requests.clock().monotonic_ns();
  const auto in_flight = truncated ? std::max(requests.count(), own->size()) : own->size();
  std::vector<Elsewhere::Gateway> gateways{{everywhere.name, in_flight, std::move(own), now}};
  if (everywhere.elsewhere != nullptr) {
    for (auto& other : everywhere.elsewhere->gateways()) gateways.push_back(std::move(other));
  }
  std::size_t all = 0;
  for (const auto& gateway : gateways) all += gateway.requests;
  const auto rows = merge(gateways, limit);
  std::string out = "\"disabled\":false,\"active_requests\":" + rows_json(rows, now);
  if (rows.size() < all) out += ",\"truncated\":true";
  out += ",\"gateways\":[";
  for (std::size_t i = 0; i < gateways.size(); ++i) {
    if (i > 0) out.push_back(',');
    JsonWriter json(out);
    append_gateway(json, gateways[i], i == 0, now);
  }
  out.push_back(']');
  if (everywhere.elsewhere != nullptr && !everywhere.elsewhere->reachable()) {
    out += ",\"problem\":";
    append_json_string(out, kUnreachable);
  }
  return out;
}

void append_trace(JsonWriter& json, const Trace& trace) {
  const bool ok = trace.outcome == "ok";
  const bool failed = trace.outcome == "error" || trace.outcome == "timeout";
  json.begin_object().key("seq").unsigned_integer(trace.seq);
  json.key("ts").decimal(trace.end_ns / kMicrosecond, 6);
  json.key("request_id").string(trace.request_id);
  json.key("provider").string(trace.provider).key("model").string(trace.model);
  json.key("is_streaming").boolean(trace.is_streaming);
  json.key("duration_ms").decimal(trace.duration_us, 3);
  json.key("input_tokens").integer(trace.input_tokens);
  json.key("output_tokens").integer(trace.output_tokens);
  json.key("cache_read_tokens").integer(trace.cache_read_tokens);
  json.key("cache_creation_tokens").integer(trace.cache_creation_tokens);
  json.key("tool_use_count").integer(trace.tool_uses);
  json.key("tool_call_count").integer(trace.tool_calls);
  json.key("tool_result_count").integer(trace.tool_results);
  // "ok" and "error" as printed; client_gone, rejected and interrupted are neither.
  json.key("status").string(failed ? std::string_view("error") : std::string_view(trace.outcome));
  if (ok || trace.error_type.empty()) {
    json.key("error").null().key("error_type").null();
  } else {
    json.key("error").string(event::error_sentence(trace.error_type));
    json.key("error_type").string(trace.error_type);
  }
  json.end_object();
}

}  // namespace

bool Feed::refresh() {
  auto shown = everywhere_ != nullptr ? all_members(*everywhere_, max_rows_)
                                      : own_members(requests_, max_rows_);
  const bool differs = !made_ || shown != shown_;
  shown_ = std::move(shown);
  made_ = true;
  frame_.assign("event: update\ndata: {").append(shown_).append(",\"timestamp\":");
  append_decimal(frame_, requests_.clock().wall_ns() / kMicrosecond, 6);
  frame_.append("}\n\n");
  return differs;
}

std::string disabled_frame(DisabledBy cause) {
  const bool sse = cause == DisabledBy::kSse;
  std::string out = "event: disabled\ndata: ";
  JsonWriter json(out);
  json.begin_object().key("disabled").boolean(true);
  json.key("message").string(sse ? kSseOff : kMetricsOff);
  json.key("suggestion").string(sse ? kSseOn : kMetricsOn).end_object();
  out.append("\n\n");
  return out;
}

std::string active_requests_json(const Requests& requests) {
  return "{" + own_members(requests, kMaxFeedRows) + "}";
}

std::string active_requests_json(const Everywhere& everywhere) {
  return "{" + all_members(everywhere, kMaxFeedRows) + "}";
}

std::string active_requests_disabled_json() {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("disabled").boolean(true).key("message").string(kMetricsOff);
  json.key("suggestion").string(kMetricsOn);
  json.key("active_requests").begin_array().end_array().end_object();
  return out;
}

std::string running_totals_disabled_yaml() {
  std::string out = "# Message: ";
  out.append(kMetricsOff).append("\n# Suggestion: ").append(kMetricsOn);
  out.append("\n\n_metrics_enabled: false\n");
  return out;
}

std::string logs_json(const LogTarget& target, const std::vector<Trace>& errors,
                      const std::vector<Trace>& traces) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("systemd").begin_object();
  json.key("requested").boolean(target.requested).key("effective").boolean(target.effective);
  json.key("handler").string(target.handler).end_object();
  json.key("errors").begin_array();
  for (const auto& trace : errors) append_trace(json, trace);
  json.end_array().key("traces").begin_array();
  for (const auto& trace : traces) append_trace(json, trace);
  json.end_array().end_object();
  return out;
}

}  // namespace sightglass::live
