// Which characters HTTP/1.1 allows where, as tables made by the compiler.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace sightglass::net {

namespace characters {
inline constexpr std::string_view kAlphanumeric =
    "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

consteval std::array<bool, 256> table(std::string_view extra) {
  std::array<bool, 256> out{};
  for (const char c : kAlphanumeric) out[static_cast<unsigned char>(c)] = true;
  for (const char c : extra) out[static_cast<unsigned char>(c)] = true;
  return out;
}

inline constexpr auto kToken = table("!#$%&'*+-.^_`|~");  // RFC 9110 section 5.6.2
// RFC 3986's, and those that browsers leave as they are in a query (WHATWG URL).
inline constexpr auto kTarget = table("-._~:/?@!$&'()*+,;=%[]{}|^`");
inline constexpr auto kHost = table("-._~:[]%");
}  // namespace characters

inline bool is_token(char c) { return characters::kToken[static_cast<unsigned char>(c)]; }
inline bool is_target(char c) { return characters::kTarget[static_cast<unsigned char>(c)]; }
inline bool is_host(char c) { return characters::kHost[static_cast<unsigned char>(c)]; }
inline bool is_digit(char c) { return c >= '0' && c <= '9'; }
// Blank, visible and obs-text (RFC 9110 section 5.5), without HTAB.
inline bool is_field_value(char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; }

// 0 to 15, or -1.
inline int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  const char lower = static_cast<char>(c | 0x20);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

}  // namespace sightglass::net
