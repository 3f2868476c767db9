#include "app/audit.h"

namespace sightglass::app {
namespace {

// "/admin/v1/clients/{id}" as "/admin/v1/clients/:id": braces are no part of a category.
std::string plain_pattern(std::string_view pattern) {
  std::string out;
  for (const char c : pattern) {
    if (c == '{')
      out.push_back(':');
    else if (c != '}')
      out.push_back(c);
  }
  return out;
}

// Who was refused may have written anything into the path: only the route's pattern is kept.
std::string kept_path(const http::AdminRequest& request) {
  return plain_pattern(request.actor.empty() ? request.pattern : request.path);
}

}  // namespace

void Audit::record_start(const http::AdminRequest& request) {
  const auto path = kept_path(request);
  recorder_->record("admin_request_start",
                    {{"method", event::Value::text(request.method)},
                     {"admin_path", event::Value::text(path)},
                     {"remote_address", event::Value::text(request.address)},
                     {"request_id", event::Value::text(request.request_id)}});
}

// A refused request ends at once: its two events are written together then, or neither.
void Audit::on_admin_request(const http::AdminRequest& request) {
  if (recorder_ != nullptr && !request.actor.empty()) record_start(request);
}

void Audit::on_admin_done(const http::AdminRequest& request, int status, std::int64_t duration_ns) {
  if (recorder_ == nullptr) return;
  const bool refused = request.actor.empty();
  if (refused && refused_.fetch_add(1, std::memory_order_relaxed) >= kRefusedEach) return;
  if (refused) record_start(request);
  const auto endpoint = plain_pattern(request.pattern);
  const auto path = kept_path(request);
  recorder_->record(
      "admin_request",
      {{"method", event::Value::text(request.method)},
       {"admin_endpoint", event::Value::text(endpoint)},
       {"admin_path", event::Value::text(path)},
       {"remote_address", event::Value::text(request.address)},
       {"admin_actor", request.actor.empty() ? event::Value() : event::Value::text(request.actor)},
       {"status_code", event::Value::integer(status)},
       {"latency_us", event::Value::integer(duration_ns / kMicrosecond)},
       {"refusal_reason",
        request.refusal.empty() ? event::Value() : event::Value::text(request.refusal)},
       {"request_id", event::Value::text(request.request_id)}});
}

void Audit::flush_refused() {
  const int refused = refused_.exchange(0, std::memory_order_relaxed);
  if (recorder_ == nullptr || refused <= kRefusedEach) return;
  recorder_->record("admin_requests_refused",
                    {{"count", event::Value::integer(refused - kRefusedEach)}});
}

void Audit::on_login_ok(std::string_view admin_id, std::string_view address) {
  if (recorder_ == nullptr) return;
  recorder_->record("admin_login_success", {{"admin_actor", event::Value::text(admin_id)},
                                            {"remote_address", event::Value::text(address)}});
}

void Audit::on_login_failed(std::string_view address) {
  if (recorder_ == nullptr) return;
  recorder_->record("admin_login_failed", {{"remote_address", event::Value::text(address)}});
}

void Audit::on_rate_limited(std::string_view, std::string_view address) {
  if (recorder_ == nullptr) return;
  recorder_->record("admin_rate_limited", {{"remote_address", event::Value::text(address)}});
}

}  // namespace sightglass::app
