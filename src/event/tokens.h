// The tokens of a text line, as patterns over blank-separated fields see them.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

namespace sightglass::event {

struct Token {
  std::string_view text;    // without the quotes or brackets that grouped it
  std::uint32_t begin = 0;  // where it begins in the line, quote or bracket included
};

// Splits at blanks and tabs. `"…"` and `[…]` with blanks inside are one token and lose their
// delimiters, where the closing one is followed by a blank or the line's end; else they are bytes
// like others. A backslash before a quote keeps it from closing. A CR at the end is no part of the
// line. Ownership: tokens borrow from `line`. Bounds: lines under 4 GiB. Cost: linear.
void split_tokens(std::string_view line, std::vector<Token>& out);

// The line without the LF or CRLF at its end, and without blanks at both ends.
std::string_view bare_line(std::string_view line);

}  // namespace sightglass::event
