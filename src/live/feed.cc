#include "live/feed.h"

#include "base/json_writer.h"
#include "event/error_sentence.h"

namespace sightglass::live {
namespace {

constexpr std::string_view kMetricsOff = "Request metrics logging is disabled";
// The original prints the suggestion the wrong way round.
constexpr std::string_view kMetricsOn = "Set LOG_REQUEST_METRICS=true to enable tracking";
constexpr std::string_view kSseOff = "SSE for active requests is disabled";
constexpr std::string_view kSseOn = "Unset VDM_ACTIVE_REQUESTS_SSE_ENABLED (or set to true)";

std::string rows_json(const Requests& requests, std::size_t limit, bool& truncated) {
  const auto rows = requests.snapshot(limit, truncated);
  const Nanos now = requests.clock().monotonic_ns();
  std::string out = "[";
  for (const auto& row : rows) {
    if (out.size() > 1) out.push_back(',');
    append_row_json(row, now, out);
  }
  out.push_back(']');
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
  bool truncated = false;
  std::string rows = rows_json(requests_, max_rows_, truncated);
  const bool differs = !made_ || rows != rows_ || truncated != truncated_;
  rows_ = std::move(rows);
  truncated_ = truncated;
  made_ = true;
  frame_.assign("event: update\ndata: ");
  JsonWriter json(frame_);
  json.begin_object().key("disabled").boolean(false).key("active_requests").raw(rows_);
  if (truncated_) json.key("truncated").boolean(true);
  json.key("timestamp").decimal(requests_.clock().wall_ns() / kMicrosecond, 6).end_object();
  frame_.append("\n\n");
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
  bool truncated = false;
  const std::string rows = rows_json(requests, kMaxFeedRows, truncated);
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("disabled").boolean(false).key("active_requests").raw(rows);
  if (truncated) json.key("truncated").boolean(true);
  json.end_object();
  return out;
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
