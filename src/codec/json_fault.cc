#include "codec/json_fault.h"

#include <simdjson.h>

#include <cmath>
#include <cstdlib>

#include "codec/json_reader.h"

namespace sightglass::codec {
namespace {

namespace dom = simdjson::dom;

// Where a text ends inside a string or inside brackets, it was cut.
bool is_truncated(std::string_view text) {
  bool in_string = false;
  std::int64_t depth = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_string) {
      if (c == '\\') ++i;
      if (c == '"') in_string = false;
    } else if (c == '"') {
      in_string = true;
    } else if (c == '{' || c == '[') {
      ++depth;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return in_string || depth > 0;
}

Verdict verdict_of(simdjson::error_code error, std::string_view text) {
  if (error == simdjson::UTF8_ERROR) return Verdict::kBadUtf8;
  if (error == simdjson::DEPTH_ERROR) return Verdict::kTooDeep;
  if (error == simdjson::CAPACITY) return Verdict::kTooLong;
  if (text.find('\0') != std::string_view::npos) return Verdict::kNulByte;
  return is_truncated(text) ? Verdict::kTruncated : Verdict::kBadJson;
}

// The length of the JSON number (RFC 8259 section 6) that `text` begins with; 0: none.
std::size_t number_length(std::string_view text, bool& is_integer) {
  std::size_t i = 0;
  const auto digits = [&] {
    const auto from = i;
    while (i < text.size() && text[i] >= '0' && text[i] <= '9') ++i;
    return i - from;
  };
  is_integer = true;
  if (i < text.size() && text[i] == '-') ++i;
  const bool zero = i < text.size() && text[i] == '0';
  const auto whole = digits();
  if (whole == 0 || (zero && whole > 1)) return 0;
  if (i < text.size() && text[i] == '.') {
    ++i;
    is_integer = false;
    if (digits() == 0) return 0;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    is_integer = false;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return 0;
  }
  return i;
}

// What simdjson refuses about numbers is either no JSON, or an integer past 64 bits, which becomes
// a double by an exponent, or a number that no double holds. Writes the text with such integers
// mended to `out`.
Verdict mend_numbers(std::string_view text, std::string& out) {
  out.clear();
  bool in_string = false;
  for (std::size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (in_string) {
      const std::size_t n = c == '\\' && i + 1 < text.size() ? 2 : 1;
      if (c == '"') in_string = false;
      out.append(text.substr(i, n));
      i += n;
      continue;
    }
    if (c != '-' && (c < '0' || c > '9')) {
      in_string = c == '"';
      out.push_back(c);
      ++i;
      continue;
    }
    bool is_integer = false;
    const auto n = number_length(text.substr(i), is_integer);
    if (n == 0) return Verdict::kBadJson;
    const std::string number(text.substr(i, n));
    if (std::isinf(std::strtod(number.c_str(), nullptr))) return Verdict::kNumberRange;
    out.append(number);
    if (is_integer && n > 18) out.append("e0");
    i += n;
  }
  return Verdict::kAccepted;
}

}  // namespace

struct JsonFault::State {
  State() {
    // Only the depth matters here; without memory the first record says so.
    if (parser.allocate(4096, kMaxDepth) != simdjson::SUCCESS) return;
  }
  dom::parser parser;
  std::string mended;
};

JsonFault::JsonFault() : state_(std::make_unique<State>()) {}
JsonFault::~JsonFault() = default;

// The parser's memory follows the longest record so far, which kMaxRecordBytes bounds.
Verdict JsonFault::judge(std::string_view text) {
  auto& [parser, mended] = *state_;
  dom::element root;
  auto error = parser.parse(text.data(), text.size(), false).get(root);
  if (error == simdjson::NUMBER_ERROR) {
    const auto verdict = mend_numbers(text, mended);
    if (verdict != Verdict::kAccepted) return verdict;
    const auto size = mended.size();
    mended.append(kPadding, ' ');
    error = parser.parse(mended.data(), size, false).get(root);
  }
  if (error != simdjson::SUCCESS) return verdict_of(error, text);
  return root.is_object() ? Verdict::kAccepted : Verdict::kNotAnObject;
}

}  // namespace sightglass::codec
