// Room-internal: JSON's numbers, words and escapes (RFC 8259).
#pragma once

#include <string>
#include <string_view>

#include "event/value.h"

namespace sightglass::codec {

// The number, or one of true, false and null, that begins at `at`, up to what may follow a value:
// a comma, colon, bracket or blank, one of which is known to follow. False: it is none, or a number
// that no double holds. Integers past 64 bits are doubles.
bool read_json_number(const char* at, event::Value& out);
bool read_json_word(const char* at, event::Value& out);

// Appends the text between the quotes with its escapes undone. False: one of them is none; half a
// surrogate pair neither.
bool unescape_json(std::string_view quoted, std::string& out);

}  // namespace sightglass::codec
