#include "event/line_pattern.h"

#include "event/regex.h"

namespace sightglass::event {

std::string canonical_text(const DelimitedPattern& pattern) {
  std::string out = "[";
  for (const auto& field : pattern.fields) {
    if (out.size() > 1) out += ", ";
    if (field.is_rest()) {
      out += "...";
    } else if (field.has_condition()) {
      out += canonical_field_text(field.node);
    } else {
      out += field.name;
    }
  }
  return out + "]";
}

std::string canonical_text(const Term& term) {
  std::string out;
  if (term.role == Term::Role::kAny) out += '?';
  if (term.role == Term::Role::kNone) out += '-';
  if (term.regex != nullptr) return out.append("%").append(term.regex->text()).append("%");
  out += '"';
  for (const char c : term.text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

std::string canonical_text(const TermPattern& pattern) {
  std::string out;
  for (const auto& term : pattern.terms) {
    if (!out.empty()) out += ' ';
    out += canonical_text(term);
  }
  return out;
}

}  // namespace sightglass::event
