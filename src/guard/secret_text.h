// Room-internal: what the rules of the secret scan are written with.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sightglass::guard {

// Classes of characters, as bits.
enum : std::uint8_t {
  kLower = 1,
  kUpper = 2,
  kDigit = 4,
  kHex = 8,
  kWordMark = 16,    // - _
  kDot = 32,         // .
  kBase64Mark = 64,  // + / =
};
inline constexpr std::uint8_t kAlnum = kLower | kUpper | kDigit;
inline constexpr std::uint8_t kWord = kAlnum | kWordMark;

namespace secret_text_internal {
constexpr std::array<std::uint8_t, 256> make_classes() {
  std::array<std::uint8_t, 256> out{};
  for (int c = 'a'; c <= 'z'; ++c) out[static_cast<std::size_t>(c)] = kLower;
  for (int c = 'A'; c <= 'Z'; ++c) out[static_cast<std::size_t>(c)] = kUpper;
  for (int c = '0'; c <= '9'; ++c) out[static_cast<std::size_t>(c)] = kDigit | kHex;
  for (int c = 'a'; c <= 'f'; ++c) out[static_cast<std::size_t>(c)] |= kHex;
  for (int c = 'A'; c <= 'F'; ++c) out[static_cast<std::size_t>(c)] |= kHex;
  for (const char c : std::string_view("-_")) out[static_cast<unsigned char>(c)] = kWordMark;
  for (const char c : std::string_view("+/=")) out[static_cast<unsigned char>(c)] = kBase64Mark;
  out['.'] = kDot;
  return out;
}
inline constexpr auto kClasses = make_classes();
}  // namespace secret_text_internal

constexpr std::uint8_t classes_of(char c) {
  return secret_text_internal::kClasses[static_cast<unsigned char>(c)];
}
constexpr bool is(char c, std::uint8_t classes) { return (classes_of(c) & classes) != 0; }
constexpr char lower_of(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

// The run of characters of `classes` that begins at `at`.
inline std::string_view run_of(std::string_view text, std::size_t at, std::uint8_t classes) {
  std::size_t end = at;
  while (end < text.size() && is(text[end], classes)) ++end;
  return text.substr(std::min(at, text.size()), end - at);
}

struct Shape {
  std::size_t lower = 0;
  std::size_t upper = 0;
  std::size_t digits = 0;
  std::size_t changes = 0;  // neighbours of different classes, marks left out
  std::size_t size() const { return lower + upper + digits; }
};

// Names are words: classes change once or twice a word. Random text changes at every other
// character (62 %), which tells the two apart better than entropy does at these lengths.
inline Shape shape_of(std::string_view text) {
  Shape shape;
  std::uint8_t before = 0;
  for (const char c : text) {
    const auto classes = static_cast<std::uint8_t>(classes_of(c) & kAlnum);
    if (classes == 0) continue;
    shape.lower += (classes & kLower) != 0;
    shape.upper += (classes & kUpper) != 0;
    shape.digits += (classes & kDigit) != 0;
    shape.changes += before != 0 && before != classes;
    before = classes;
  }
  return shape;
}

inline bool changes_often(const Shape& shape, std::size_t percent) {
  return shape.changes * 100 >= percent * shape.size();
}

}  // namespace sightglass::guard
