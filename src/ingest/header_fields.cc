#include "ingest/header_fields.h"

#include <algorithm>
#include <array>

#include "base/random.h"

namespace sightglass::ingest {
namespace {

constexpr std::size_t kMaxValueBytes = 256;
constexpr std::size_t kMaxWordBytes = 128;

enum class Form : std::uint8_t { kRequestId, kIdentifier, kTraceParent, kWord };

struct Rule {
  std::string_view header;
  std::string_view field;
  Form form;
};
constexpr std::array<Rule, 9> kRules = {{{"x-request-id", "request_id", Form::kRequestId},
                                         {"x-user-id", "user_id", Form::kIdentifier},
                                         {"x-session-id", "session_id", Form::kIdentifier},
                                         {"x-focus-id", "focus_id", Form::kIdentifier},
                                         {"x-tracked-skill-id", "focus_id", Form::kIdentifier},
                                         {"x-group-id", "group_id", Form::kIdentifier},
                                         {"traceparent", "trace_id", Form::kTraceParent},
                                         {"x-provider", "provider", Form::kWord},
                                         {"x-model-id", "modelId", Form::kWord}}};

bool is_lower_hex(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

// The trace id of a traceparent (W3C Trace Context 1, section 3.2), "" when it is not valid.
std::string_view trace_id_of(std::string_view text) {
  constexpr std::size_t kSize = 55;  // 00-<32>-<16>-<2>
  if (text.size() < kSize || text[2] != '-' || text[35] != '-' || text[52] != '-') return {};
  const auto version = text.substr(0, 2), trace = text.substr(3, 32), span = text.substr(36, 16);
  if (!is_lower_hex(version) || !is_lower_hex(trace) || !is_lower_hex(span) ||
      !is_lower_hex(text.substr(53, 2)) || version == "ff") {
    return {};
  }
  // Only a version that is still to come may have more.
  if (text.size() > kSize && (version == "00" || text[kSize] != '-')) return {};
  const auto all_zero = [](std::string_view id) {
    return id.find_first_not_of('0') == std::string_view::npos;
  };
  return all_zero(trace) || all_zero(span) ? std::string_view() : trace;
}

// The value as it counts, "" when it is not in its form.
std::string_view accepted(Form form, std::string_view value) {
  const bool visible =
      std::all_of(value.begin(), value.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!visible || value.size() > kMaxValueBytes) return {};
  switch (form) {
    case Form::kRequestId:
      return is_request_id(value) ? value : std::string_view();
    case Form::kTraceParent:
      return trace_id_of(value);
    case Form::kWord:
      return value.size() <= kMaxWordBytes ? value : std::string_view();
    case Form::kIdentifier:
      break;
  }
  return value;
}

}  // namespace

HeaderReader::HeaderReader(Telemetry& telemetry)
    : dropped_(telemetry.counter("sightglass_ingest_headers_dropped_total",
                                 "Propagation headers that were too long or malformed.")) {}

HeaderFields HeaderReader::read(const net::Headers& headers) const {
  HeaderFields out;
  for (const auto& rule : kRules) {
    const auto sent = headers.get(rule.header);
    if (sent.empty()) continue;
    const auto value = accepted(rule.form, sent);
    if (value.empty()) {
      dropped_.add();
    } else {
      out.items.push_back({rule.field, std::string(value), false});
    }
  }
  return out;
}

void fill_missing(const HeaderFields& fields, const event::Catalogue& catalogue,
                  event::Event& event) {
  for (const auto& item : fields.items) {
    const auto field = catalogue.field(item.field);
    if (field == event::kNoField) continue;
    if (item.always) {
      std::erase_if(event.fields, [field](const auto& f) { return f.field == field; });
    } else if (!event.get(field).is_null()) {
      continue;
    }
    event.fields.push_back({field, event::Value::text(item.value)});
  }
}

}  // namespace sightglass::ingest
