// Room-internal: patterns over a line's text, evaluated one by one.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

#include "event/line_pattern.h"
#include "event/tokens.h"

namespace sightglass::event {

// Whether a line of so many tokens can be laid over the fields.
bool fits(const DelimitedPattern& pattern, std::size_t n_tokens);
// The text of field `i`, which is not `...`, of a line that fits.
std::string_view field_text(const DelimitedPattern& pattern, std::string_view line,
                            std::span<const Token> tokens, std::size_t i);
bool holds(const DelimitedPattern& pattern, std::string_view line, std::span<const Token> tokens);

bool found(const Term& term, std::string_view line);
bool holds(const TermPattern& pattern, std::string_view line);

}  // namespace sightglass::event
