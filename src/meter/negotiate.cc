#include "meter/negotiate.h"

#include <optional>

#include "base/text.h"

namespace sightglass::meter {
namespace {

constexpr int kMostEntries = 32;

std::string_view next_part(std::string_view& rest, char separator) {
  const auto at = rest.find(separator);
  const auto part = trim(rest.substr(0, at));
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return part;
}

std::string_view unquoted(std::string_view text) {
  const bool quoted = text.size() >= 2 && text.front() == '"' && text.back() == '"';
  return quoted ? text.substr(1, text.size() - 2) : text;
}

struct Entry {
  Exposition exposition;
  double q = 1;
};

// What an entry asks for, if it is anything that we write.
std::optional<Entry> read_entry(std::string_view text) {
  const auto type = next_part(text, ';');
  std::string_view version;
  Entry out;
  bool allows_utf8 = false;
  while (!text.empty()) {
    auto value = next_part(text, ';');
    const auto name = next_part(value, '=');
    value = unquoted(value);
    if (equals_ignoring_case(name, "version")) version = value;
    if (equals_ignoring_case(name, "escaping")) allows_utf8 = value == "allow-utf-8";
    if (equals_ignoring_case(name, "q")) out.q = parse_double(value).value_or(0);
  }
  if (equals_ignoring_case(type, "application/openmetrics-text")) {
    if (!version.empty() && version != "1.0.0" && version != "0.0.1") return std::nullopt;
    out.exposition.format = Format::kOpenMetrics100;
    allows_utf8 = allows_utf8 && version == "1.0.0";
  } else if (equals_ignoring_case(type, "text/plain")) {
    if (!version.empty() && version != "0.0.4" && version != "1.0.0") return std::nullopt;
    allows_utf8 = allows_utf8 && version == "1.0.0";
  } else if (type == "*/*" || equals_ignoring_case(type, "text/*")) {
    allows_utf8 = false;
  } else {
    return std::nullopt;
  }
  if (allows_utf8) out.exposition.names = Names::kDotted;
  return out;
}

}  // namespace

Exposition negotiate(std::string_view accept) {
  Exposition best;
  double best_q = 0;
  for (int i = 0; i < kMostEntries && !accept.empty(); ++i) {
    const auto entry = read_entry(next_part(accept, ','));
    if (!entry || !(entry->q > best_q)) continue;
    best = entry->exposition;
    best_q = entry->q;
  }
  return best;
}

std::string_view content_type(const Exposition& exposition) {
  const bool dotted = exposition.names == Names::kDotted;
  if (exposition.format == Format::kOpenMetrics100) {
    return dotted ? "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                    "escaping=allow-utf-8"
                  : "application/openmetrics-text; version=1.0.0; charset=utf-8; "
                    "escaping=underscores";
  }
  return dotted ? "text/plain; version=1.0.0; charset=utf-8; escaping=allow-utf-8"
                : "text/plain; version=0.0.4; charset=utf-8";
}

}  // namespace sightglass::meter
