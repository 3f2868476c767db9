// Room-internal: the parsers of the three forms of pattern. Bounds and errors as Pattern::parse
// says; the cursor stands at the first byte that is no blank.
#pragma once

#include <functional>
#include <string_view>

#include "base/result.h"
#include "event/line_pattern.h"
#include "event/pattern_cursor.h"
#include "event/pattern_node.h"

namespace sightglass::event {

// Conditions joined by &&, || and brackets. `condition` reads one of them; `ends` are the bytes
// that end the formula, `end_text` how a message calls them.
struct FormulaSyntax {
  std::function<Result<PatternNode>()> condition;
  std::string_view ends;
  std::string_view end_text;
};
Result<PatternNode> parse_formula(PatternCursor& cursor, const FormulaSyntax& syntax);

// `{ … }`
Result<PatternNode> parse_json_pattern(PatternCursor& cursor);
// `[ … ]`
Result<DelimitedPattern> parse_delimited_pattern(PatternCursor& cursor);
// Anything else: terms, one or more.
Result<TermPattern> parse_term_pattern(PatternCursor& cursor);

}  // namespace sightglass::event
