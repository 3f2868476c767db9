// Small questions about text that several rooms ask.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace sightglass {

// Bytes of the well-formed UTF-8 sequence that `text` begins with; 0 when it is malformed, cut
// short, overlong, a surrogate or past U+10FFFF (RFC 3629).
std::size_t utf8_sequence_length(std::string_view text);

// Only visible ASCII: no blank, no control character, nothing past '~'. So is an empty text.
bool is_visible_ascii(std::string_view text);

bool equals_ignoring_case(std::string_view a, std::string_view b);  // ASCII only
std::string to_lower(std::string_view text);                        // ASCII only
std::string_view trim(std::string_view text);                       // blanks, tabs, CR, LF

// The whole text must be the number.
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<double> parse_double(std::string_view text);
// true/1/yes/on and false/0/no/off in any case, as the seeds' flags take them.
std::optional<bool> parse_bool(std::string_view text);
// 5ms, 10s, 1.5h, 30d as nanoseconds; a number without a unit is none.
std::optional<std::int64_t> parse_duration_ns(std::string_view text);

std::string to_hex(std::string_view bytes);  // lower case

// Shell-style match of the whole text: `*` any run, `?` one character, `[a-z]` a class.
bool glob_match(std::string_view pattern, std::string_view text, bool ignore_case);

// The candidate with the smallest edit distance to `word`, if that is at most two letters or a
// third of its length: for "did you mean".
std::optional<std::string> nearest(std::string_view word, const std::string_view* candidates,
                                   std::size_t count);

}  // namespace sightglass
