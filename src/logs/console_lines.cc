#include "logs/console_lines.h"

#include "event/error_sentence.h"

namespace sightglass::logs {
namespace {

// A terminal type that no catalogue has stands for "there is none".
event::EventTypeId type_or_none(const event::Catalogue& catalogue, std::string_view name) {
  const auto id = catalogue.event_type(name);
  return id == event::kOtherEvent ? event::EventTypeId{0xffff} : id;
}

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c;
  return out;
}

std::string milliseconds(std::int64_t us) { return std::to_string((us + 500) / 1000) + "ms"; }

std::string_view or_unknown(std::string_view text) { return text.empty() ? "unknown" : text; }

}  // namespace

ConsoleWriter::ConsoleWriter(std::shared_ptr<const event::Catalogue> catalogue)
    : catalogue_(std::move(catalogue)) {
  const auto& c = *catalogue_;
  summary_ = type_or_none(c, "metrics_summary");
  admin_request_start_ = type_or_none(c, "admin_request_start");
  admin_request_ = type_or_none(c, "admin_request");
  request_id_ = c.field("request_id");
  provider_ = c.field("provider");
  model_requested_ = c.field("model_requested");
  model_upstream_ = c.field("model_upstream");
  is_streaming_ = c.field("is_streaming");
  message_count_ = c.field("message_count");
  max_tokens_ = c.field("max_tokens");
  request_bytes_ = c.field("request_bytes");
  response_bytes_ = c.field("response_bytes");
  tool_count_ = c.field("tool_count");
  tool_uses_ = c.field("tool_uses");
  tool_results_ = c.field("tool_results");
  tool_calls_ = c.field("tool_calls");
  latency_ = c.field("latency_us");
  input_ = c.field("input_tokens");
  output_ = c.field("output_tokens");
  outcome_ = c.field("outcome");
  error_type_ = c.field("error_type");
  method_ = c.field("method");
  path_ = c.field("admin_path");
  address_ = c.field("remote_address");
  summary_requests_ = c.field("summary_requests");
  logger_ = c.field("logger");
}

std::int64_t ConsoleWriter::summary_requests(const event::Event& event) const {
  return event.get(summary_requests_).as_int();
}

std::string ConsoleWriter::start_text(const event::Event& event) const {
  std::string out = "START | Model: ";
  out.append(or_unknown(text(event, model_requested_))).append(" (resolved: ");
  out.append(or_unknown(text(event, provider_))).append(":");
  out.append(or_unknown(text(event, model_upstream_))).append(")");
  out.append(" | Stream: ").append(event.get(is_streaming_).as_bool() ? "true" : "false");
  const auto number = [&](std::string_view name, event::FieldId field, std::string_view unit = {}) {
    const auto value = event.get(field);
    if (value.is_null()) return;
    out.append(" | ").append(name).append(": ").append(std::to_string(value.as_int())).append(unit);
  };
  number("Messages", message_count_);
  number("Max Tokens", max_tokens_);
  number("Size", request_bytes_, " bytes");
  number("Tools", tool_count_);
  number("Tool Uses", tool_uses_);
  number("Tool Results", tool_results_);
  return out;
}

std::string ConsoleWriter::end_text(const event::Event& event) const {
  const auto outcome = text(event, outcome_);
  const bool ok = outcome == "ok";
  std::string out = ok                     ? "SUCCESS"
                    : outcome == "timeout" ? "ERROR"
                                           : upper(outcome.empty() ? "ended" : outcome);
  out.append(" | Duration: ").append(milliseconds(event.get(latency_).as_int()));
  const auto pair = [&](std::string_view name, event::FieldId in, event::FieldId back,
                        std::string_view unit) {
    if (event.get(in).is_null() && event.get(back).is_null()) return;
    out.append(" | ").append(name).append(": ").append(std::to_string(event.get(in).as_int()));
    out.append("->").append(std::to_string(event.get(back).as_int())).append(unit);
  };
  pair("Tokens", input_, output_, "");
  if (ok) pair("Size", request_bytes_, response_bytes_, " bytes");
  if (const auto calls = event.get(tool_calls_).as_int(); ok && calls > 0) {
    out.append(" | Tool Calls: ").append(std::to_string(calls));
  }
  if (const auto type = text(event, error_type_); !type.empty()) {
    out.append(" | Error: ").append(type).append(" (");
    out.append(event::error_sentence(type)).append(")");
  }
  return out;
}

// `[AUDIT] POST /admin/v1/clients from 192.168.1.100`, `[AUDIT] GET … completed in 45ms`.
std::string ConsoleWriter::audit_text(const event::Event& event) const {
  std::string out = "[AUDIT] ";
  out.append(or_unknown(text(event, method_))).append(" ");
  out.append(or_unknown(text(event, path_)));
  if (event.type == admin_request_start_) {
    return out.append(" from ").append(or_unknown(text(event, address_)));
  }
  return out.append(" completed in ").append(milliseconds(event.get(latency_).as_int()));
}

void ConsoleWriter::append(const event::Event& event, std::vector<ConsoleLine>& out) const {
  if (event.type == admin_request_start_ || event.type == admin_request_) {
    out.push_back({event.level, "audit", audit_text(event), {}});
    return;
  }
  if (event.type >= catalogue_->event_types().size() || is_summary(event)) return;
  const auto& type = catalogue_->event_types()[event.type];
  ConsoleLine line;
  line.level = event.level;
  const auto logger = text(event, logger_);
  line.logger = logger.empty() ? "conversation" : std::string(logger);
  line.request_id = text(event, request_id_);
  if (type.terminal) {
    line.message = end_text(event);
  } else if (type.start) {
    line.message = start_text(event);
  } else {
    line.message = type.name;
    if (const auto error = text(event, error_type_); !error.empty()) {
      line.message.append(" | Error: ").append(error);
    }
  }
  out.push_back(std::move(line));
}

}  // namespace sightglass::logs
