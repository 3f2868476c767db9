// A file of filter patterns with titles, as the seed documents print them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "event/pattern.h"

namespace sightglass::event {

struct TitledPattern {
  std::string title;  // the `# …` line above it, else the pattern itself
  int line = 0;       // from 1
  Pattern pattern;
};

// One pattern a line; one in braces or brackets may go on over several. Lines that begin with `#`
// are titles of the pattern that follows; blank lines end nothing but a title. Where the text has
// fences (```), only what stands between fences without a language, or with `text`, `pattern` or
// `patterns`, counts: so a Markdown document loads as it is.
// Errors: kInvalid with the line, and the column within it; no pattern at all. Bounds: 4096.
Result<std::vector<TitledPattern>> parse_pattern_file(std::string_view text);

}  // namespace sightglass::event
