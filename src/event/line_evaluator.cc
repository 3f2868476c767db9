#include "event/line_evaluator.h"

#include <algorithm>

#include "event/regex.h"

namespace sightglass::event {

bool fits(const DelimitedPattern& pattern, std::size_t n_tokens) {
  if (n_tokens < pattern.min_tokens()) return false;
  const bool any_number = pattern.rest != DelimitedPattern::kNowhere || pattern.last_absorbs();
  return any_number || n_tokens == pattern.fields.size();
}

std::string_view field_text(const DelimitedPattern& pattern, std::string_view line,
                            std::span<const Token> tokens, std::size_t i) {
  const auto n_fields = pattern.fields.size();
  if (pattern.rest != DelimitedPattern::kNowhere && i > pattern.rest) {
    return tokens[tokens.size() - (n_fields - i)].text;
  }
  if (i + 1 < n_fields || !pattern.last_absorbs() || tokens.size() == n_fields) {
    return tokens[i].text;
  }
  return bare_line(line.substr(tokens[i].begin));
}

bool holds(const DelimitedPattern& pattern, std::string_view line, std::span<const Token> tokens) {
  if (!fits(pattern, tokens.size())) return false;
  for (std::size_t i = 0; i < pattern.fields.size(); ++i) {
    const auto& field = pattern.fields[i];
    if (!field.has_condition()) continue;
    const auto value = Value::text(field_text(pattern, line, tokens, i));
    if (!evaluate(field.node, [&](const PatternCondition& c) { return holds(c, value); })) {
      return false;
    }
  }
  return true;
}

bool found(const Term& term, std::string_view line) {
  if (term.regex != nullptr) return term.regex->found_in(line);
  return term.text.find_first_not_of(" \t") == std::string::npos ||
         line.find(term.text) != std::string_view::npos;
}

bool holds(const TermPattern& pattern, std::string_view line) {
  bool wants_any = false;
  bool has_any = false;
  for (const auto& term : pattern.terms) {
    if (term.role == Term::Role::kAny) {
      if (pattern.ignores_any || has_any) continue;
      wants_any = true;
      has_any = found(term, line);
    } else if (found(term, line) != (term.role == Term::Role::kAll)) {
      return false;
    }
  }
  return has_any || !wants_any;
}

}  // namespace sightglass::event
