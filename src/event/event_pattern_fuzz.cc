// Hostile patterns: parsing is safe and bounded, the canonical text of what it accepts means the
// same, and errors point into the pattern.
// Parser: event/json_pattern_parser.cc event/line_pattern_parser.cc event/formula_parser.cc
//   event/pattern_cursor.cc event/pattern_file.cc
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "event/line_evaluator.h"
#include "event/pattern.h"
#include "event/pattern_file.h"
#include "event/pattern_node.h"

namespace {

using sightglass::event::Value;

// What the pattern says of a few values in every field.
bool decide(const sightglass::event::PatternNode& node, const Value& value) {
  using Type = sightglass::event::PatternNode::Type;
  if (node.type == Type::kEverything) return true;
  if (node.type == Type::kCondition) return holds(node.condition, value);
  for (const auto& child : node.children) {
    const bool holds = decide(child, value);
    if (holds == (node.type == Type::kOr)) return holds;
  }
  return node.type == Type::kAnd;
}

bool holds_on_line(const sightglass::event::Pattern& pattern, std::string_view line) {
  if (const auto* const terms = pattern.terms()) return holds(*terms, line);
  std::vector<sightglass::event::Token> tokens;
  split_tokens(line, tokens);
  return pattern.delimited() != nullptr && holds(*pattern.delimited(), line, tokens);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::event::Pattern;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  (void)sightglass::event::parse_pattern_file(text);
  const auto pattern = Pattern::parse(text);
  if (!pattern) {
    if (pattern.error().message.empty() || pattern.error().message.size() > 1000) std::abort();
    return 0;
  }
  const auto canonical = pattern->canonical();
  if (canonical.size() > Pattern::kMaxBytes) return 0;  // quotes and blanks can make it longer
  const auto again = Pattern::parse(canonical);
  if (!again || again->canonical() != canonical) std::abort();
  const Value values[] = {Value(),           Value::boolean(true), Value::integer(404),
                          Value::number(.5), Value::text("error"), Value::text("404"),
                          Value::text("")};
  for (const auto& value : values) {
    if (decide(pattern->root(), value) != decide(again->root(), value)) std::abort();
  }
  for (const auto* line : {"", "error 404 [a b] \"c d\" x", "a b c d e f g h"}) {
    if (holds_on_line(*pattern, line) != holds_on_line(*again, line)) std::abort();
  }
  return 0;
}
