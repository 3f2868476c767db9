#include "logs/activity_line.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::logs {
namespace {

using event::FieldClass;
using event::Kind;

constexpr std::array<std::string_view, 6> kActivities = {"llm_call",    "tool_call",   "tool_error",
                                                         "file_upload", "file_stored", "error"};

// Endpoints whose good answers are calls to a model.
constexpr std::array<std::string_view, 6> kModelEndpoints = {
    "chat_completions", "completions", "responses", "embeddings", "messages", "audio"};

// The gateway's types in the words that the original uses; what is not here is `unexpected`.
constexpr std::array<std::pair<std::string_view, std::string_view>, 13> kErrors = {{
    {"policy_rate_limited", "rate_limit"},
    {"policy_budget_exceeded", "rate_limit"},
    {"provider_rate_limited", "rate_limit"},
    {"provider_overloaded", "rate_limit"},
    {"provider_timeout", "timeout"},
    {"caller_auth", "authentication"},
    {"provider_auth_failed", "authentication"},
    {"policy_denied", "authorization"},
    {"caller_bad_request", "validation"},
    {"caller_model_unknown", "validation"},
    {"caller_too_large", "validation"},
    {"provider_bad_request", "bad_request"},
    {"provider_not_found", "bad_request"},
}};

// Beside the classes below: fields that every line may have and that are no pair of an activity.
constexpr std::array<std::string_view, 6> kNoPairs = {"service",  "env",   "logger",
                                                      "ingested", "route", "method"};

bool may_be_pair(const event::Field& field) {
  switch (field.field_class) {
    case FieldClass::kCount:
    case FieldClass::kSize:
    case FieldClass::kDuration:
    case FieldClass::kMoney:
    case FieldClass::kFlag:
    case FieldClass::kType:
    case FieldClass::kCategory:
    case FieldClass::kName:
      return std::find(kNoPairs.begin(), kNoPairs.end(), field.name) == kNoPairs.end();
    default:
      return false;
  }
}

// Deletes U+0000–001F, U+007F–009F, U+2028 and U+2029, as the original does, and what is not UTF-8.
template <typename Take>
void without_controls(std::string_view text, const Take& take) {
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text[0]);
    const auto length = c < 0x80 ? std::size_t{1} : utf8_sequence_length(text);
    const auto whole = text.substr(0, std::max(length, std::size_t{1}));
    text.remove_prefix(whole.size());
    const bool control = length == 0 || c < 0x20 || c == 0x7f ||
                         (c == 0xc2 && static_cast<unsigned char>(whole[1]) < 0xa0) ||
                         whole == "\xe2\x80\xa8" || whole == "\xe2\x80\xa9";
    if (!control) take(whole);
  }
}

void append_value(std::string& out, std::string_view text, ActivityForm form) {
  const auto from = out.size();
  without_controls(text, [&](std::string_view character) { out.append(character); });
  const auto value = std::string_view(out).substr(from);
  if (form == ActivityForm::kPrinted || value.find_first_of(" =\"\\") == std::string_view::npos) {
    return;
  }
  std::string quoted = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') quoted.push_back('\\');
    quoted.push_back(c);
  }
  out.replace(from, std::string::npos, quoted.append("\""));
}

}  // namespace

std::string_view activity_error(std::string_view error_type) {
  for (const auto& [ours, theirs] : kErrors) {
    if (ours == error_type) return theirs;
  }
  return "unexpected";
}

ActivityWriter::ActivityWriter(std::shared_ptr<const event::Catalogue> catalogue, ActivityForm form,
                               const event::PlainNames* names)
    : catalogue_(std::move(catalogue)), form_(form), names_(names) {
  const auto& c = *catalogue_;
  for (const auto& type : c.event_types()) {
    activities_.push_back(std::find(kActivities.begin(), kActivities.end(), type.name) !=
                          kActivities.end());
  }
  for (const auto& field : c.fields()) is_pair_.push_back(may_be_pair(field));
  user_id_ = c.field("user_id");
  outcome_ = c.field("outcome");
  endpoint_ = c.field("endpoint");
  error_type_ = c.field("error_type");
  model_requested_ = c.field("model_requested");
  model_ = c.field("model");
  message_count_ = c.field("message_count");
  tool_count_ = c.field("tool_count");
  tool_calls_ = c.field("tool_calls");
}

void ActivityWriter::begin(const event::Event& event, std::string_view event_type,
                           std::string& out) const {
  out.append("[METRIC] [");
  const auto pseudonym = event.get(user_id_).as_text();
  std::string user;
  if (names_ != nullptr && !pseudonym.empty()) user = names_->find(pseudonym);
  const auto from = out.size();
  without_controls(user.empty() ? pseudonym : std::string_view(user), [&](std::string_view c) {
    const bool breaks = c == " " || c == "[" || c == "]" || c == "\xc2\xa0";
    out.append(breaks ? std::string_view("_") : c);
  });
  if (out.size() == from) out.append("unknown");
  out.append("] ").append(event_type);
}

void ActivityWriter::pair(std::string_view key, const event::Value& value, std::string& out) const {
  out.append(" ").append(key).append("=");
  switch (value.kind()) {
    case Kind::kNull:  // the original writes nothing behind the `=`
      return;
    case Kind::kBool:  // as Python writes them
      out.append(value.as_bool() ? "True" : "False");
      return;
    case Kind::kInt:
      append_int(out, value.as_int());
      return;
    case Kind::kDouble:
      append_double(out, value.as_double());
      return;
    case Kind::kText:
      append_value(out, value.as_text(), form_);
      return;
  }
}

std::size_t ActivityWriter::append_activity(const event::Event& event, std::string& out) const {
  begin(event, catalogue_->event_types()[event.type].name, out);
  for (const auto& f : event.fields) {
    if (f.field < is_pair_.size() && is_pair_[f.field]) {
      pair(catalogue_->fields()[f.field].name, f.value, out);
    }
  }
  out.push_back('\n');
  return 1;
}

std::size_t ActivityWriter::append_terminal(const event::Event& event, std::string& out) const {
  if (event.get(outcome_).as_text() != "ok") {
    begin(event, "error", out);
    pair("error_type", event::Value::text(activity_error(event.get(error_type_).as_text())), out);
    out.push_back('\n');
    return 1;
  }
  const auto endpoint = event.get(endpoint_).as_text();
  if (std::find(kModelEndpoints.begin(), kModelEndpoints.end(), endpoint) ==
      kModelEndpoints.end()) {
    return 0;
  }
  begin(event, "llm_call", out);
  const auto requested = event.get(model_requested_);
  const auto model = requested.is_null() ? event.get(model_) : requested;
  pair("model", model.is_null() ? event::Value::text("unknown") : model, out);
  pair("message_count", event::Value::integer(event.get(message_count_).as_int()), out);
  const auto calls = event.get(tool_calls_).as_int();
  if (event.get(tool_count_).as_int() > 0) pair("tool_count", event::Value::integer(calls), out);
  out.push_back('\n');
  return 1;
}

std::size_t ActivityWriter::append(const event::Event& event, std::string& out) const {
  if (event.type < activities_.size() && activities_[event.type]) {
    return append_activity(event, out);
  }
  return event.get(outcome_).is_null() ? 0 : append_terminal(event, out);
}

}  // namespace sightglass::logs
