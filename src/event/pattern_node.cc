#include "event/pattern_node.h"

#include <array>
#include <charconv>
#include <cmath>

#include "event/regex.h"

namespace sightglass::event {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// The whole text: prefix, suffix, and each middle piece at its first place after the one before,
// which finds a match whenever there is one.
bool matches_pieces(const std::vector<std::string>& pieces, std::string_view text) {
  if (pieces.size() == 1) return text == pieces[0];
  const std::string_view first = pieces.front();
  const std::string_view last = pieces.back();
  if (text.size() < first.size() + last.size()) return false;
  if (!text.starts_with(first) || !text.ends_with(last)) return false;
  text.remove_prefix(first.size());
  text.remove_suffix(last.size());
  for (std::size_t i = 1; i + 1 < pieces.size(); ++i) {
    const auto at = text.find(pieces[i]);
    if (at == std::string_view::npos) return false;
    text.remove_prefix(at + pieces[i].size());
  }
  return true;
}

enum class Order : std::uint8_t { kLess, kEqual, kGreater, kNone };

template <typename T>
Order order_of(T a, T b) {
  if (a < b) return Order::kLess;
  if (a > b) return Order::kGreater;
  return a == b ? Order::kEqual : Order::kNone;  // kNone: one is not a number
}

Order compare(const Value& value, const Number& number) {
  if (value.kind() == Kind::kInt && number.is_int) return order_of(value.as_int(), number.as_int);
  return order_of(value.as_double(), number.as_double);
}

Order compare(const Number& value, const Number& number) {
  if (value.is_int && number.is_int) return order_of(value.as_int, number.as_int);
  return order_of(value.as_double, number.as_double);
}

// The value as wildcards and regular expressions see it; numbers by their shortest decimal form, so
// that `4*` holds for 404. `buffer` holds a number's digits.
std::string_view text_of(const Value& value, std::array<char, 32>& buffer) {
  switch (value.kind()) {
    case Kind::kNull:
      return {};
    case Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case Kind::kInt:
      return {buffer.data(),
              std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.as_int()).ptr};
    case Kind::kDouble:
      return {buffer.data(),
              std::to_chars(buffer.data(), buffer.data() + buffer.size(), value.as_double()).ptr};
    case Kind::kText:
      return value.as_text();
  }
  return {};
}

bool equals(const Literal& literal, const Value& value) {
  std::array<char, 32> buffer;
  if (literal.regex != nullptr) {
    return !value.is_null() && literal.regex->found_in(text_of(value, buffer));
  }
  switch (value.kind()) {
    case Kind::kNull:
      return false;
    case Kind::kBool:
      return literal.is_any() || matches_pieces(literal.pieces, value.as_bool() ? "true" : "false");
    case Kind::kInt:
    case Kind::kDouble:
      if (literal.is_any()) return true;
      if (literal.is_number) return compare(value, literal.number) == Order::kEqual;
      return literal.has_wildcard() && matches_pieces(literal.pieces, text_of(value, buffer));
    case Kind::kText: {
      if (literal.is_any()) return true;
      Number number;
      if (literal.is_number && !literal.quoted && read_number(value.as_text(), number)) {
        return compare(number, literal.number) == Order::kEqual;
      }
      return matches_pieces(literal.pieces, value.as_text());
    }
  }
  return false;
}

Order order_against(const Literal& literal, const Value& value) {
  if (value.is_number()) return compare(value, literal.number);
  Number number;
  if (value.kind() == Kind::kText && read_number(value.as_text(), number)) {
    return compare(number, literal.number);
  }
  return Order::kNone;
}

std::string_view comparison_text(Comparison comparison) {
  switch (comparison) {
    case Comparison::kEqual:
      return " = ";
    case Comparison::kNotEqual:
      return " != ";
    case Comparison::kLess:
      return " < ";
    case Comparison::kLessEqual:
      return " <= ";
    case Comparison::kGreater:
      return " > ";
    case Comparison::kGreaterEqual:
      return " >= ";
    case Comparison::kIsNull:
      return " IS NULL";
    case Comparison::kIsTrue:
      return " IS TRUE";
    case Comparison::kIsFalse:
      return " IS FALSE";
    case Comparison::kNotExists:
      return " NOT EXISTS";
  }
  return {};
}

void append_literal(const Literal& literal, std::string& out) {
  if (literal.regex != nullptr) {
    out.append("%").append(literal.regex->text()).append("%");
    return;
  }
  if (literal.is_number && !literal.quoted) {
    out += literal.pieces[0];
    return;
  }
  out += '"';
  for (std::size_t i = 0; i < literal.pieces.size(); ++i) {
    if (i > 0) out += '*';
    for (const char c : literal.pieces[i]) {
      if (c == '"' || c == '\\' || c == '*') out += '\\';
      out += c;
    }
  }
  out += '"';
}

enum class Names : std::uint8_t { kSelectors, kBare };

void append_condition(const PatternCondition& condition, Names names, std::string& out) {
  if (names == Names::kBare) {
    out += condition.selector.path();
  } else {
    out += condition.selector.text();
  }
  out += comparison_text(condition.comparison);
  if (condition.comparison <= Comparison::kGreaterEqual) append_literal(condition.literal, out);
}

void append_node(const PatternNode& node, Names names, std::string& out) {
  switch (node.type) {
    case PatternNode::Type::kEverything:
      return;
    case PatternNode::Type::kCondition:
      append_condition(node.condition, names, out);
      return;
    case PatternNode::Type::kAnd:
    case PatternNode::Type::kOr:
      break;
  }
  const bool is_and = node.type == PatternNode::Type::kAnd;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    if (i > 0) out += is_and ? " && " : " || ";
    const bool leaf = node.children[i].type == PatternNode::Type::kCondition;
    if (!leaf) out += '(';
    append_node(node.children[i], names, out);
    if (!leaf) out += ')';
  }
}

}  // namespace

bool read_number(std::string_view text, Number& out) {
  std::size_t at = 0;
  if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
  const auto whole = at;
  at = skip_digits(text, at);
  if (at == whole) return false;
  bool is_int = true;
  if (at < text.size() && text[at] == '.') {
    const auto fraction = at + 1;
    at = skip_digits(text, fraction);
    if (at == fraction) return false;
    is_int = false;
  }
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    ++at;
    if (at < text.size() && (text[at] == '+' || text[at] == '-')) ++at;
    const auto exponent = at;
    at = skip_digits(text, exponent);
    if (at == exponent) return false;
    is_int = false;
  }
  if (at != text.size()) return false;
  if (text.front() == '+') text.remove_prefix(1);  // from_chars takes no plus
  const char* const end = text.data() + text.size();
  out.is_int = is_int && std::from_chars(text.data(), end, out.as_int).ec == std::errc();
  if (out.is_int) {
    out.as_double = static_cast<double>(out.as_int);
    return true;
  }
  const auto done = std::from_chars(text.data(), end, out.as_double);
  return done.ec == std::errc() && std::isfinite(out.as_double);
}

bool holds(const PatternCondition& condition, const Value& value) {
  switch (condition.comparison) {
    case Comparison::kEqual:
      return equals(condition.literal, value);
    case Comparison::kNotEqual:
      return !equals(condition.literal, value);
    case Comparison::kLess:
      return order_against(condition.literal, value) == Order::kLess;
    case Comparison::kGreater:
      return order_against(condition.literal, value) == Order::kGreater;
    case Comparison::kLessEqual: {
      const auto order = order_against(condition.literal, value);
      return order == Order::kLess || order == Order::kEqual;
    }
    case Comparison::kGreaterEqual: {
      const auto order = order_against(condition.literal, value);
      return order == Order::kGreater || order == Order::kEqual;
    }
    case Comparison::kIsNull:
      return value.is_null() && !value.is_nested();
    case Comparison::kIsTrue:
      return value.kind() == Kind::kBool && value.as_bool();
    case Comparison::kIsFalse:
      return value.kind() == Kind::kBool && !value.as_bool();
    case Comparison::kNotExists:
      return false;
  }
  return false;
}

bool holds_when_missing(const PatternCondition& condition) {
  return condition.comparison == Comparison::kNotExists ||
         condition.comparison == Comparison::kNotEqual;
}

std::string canonical_text(const PatternCondition& condition) {
  std::string out;
  append_condition(condition, Names::kSelectors, out);
  return out;
}

std::string canonical_text(const PatternNode& node) {
  if (node.type == PatternNode::Type::kEverything) return {};
  std::string out = "{ ";
  append_node(node, Names::kSelectors, out);
  return out + " }";
}

std::string canonical_field_text(const PatternCondition& condition) {
  std::string out;
  append_condition(condition, Names::kBare, out);
  return out;
}

std::string canonical_field_text(const PatternNode& node) {
  std::string out;
  append_node(node, Names::kBare, out);
  return out;
}

}  // namespace sightglass::event
