// The parsed form of a filter pattern: what other rooms walk to translate it (SQL) or explain it.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/selector.h"
#include "event/value.h"

namespace sightglass::event {

class Regex;  // event/regex.h

enum class Comparison : std::uint8_t {
  kEqual,
  kNotEqual,  // the exact complement of kEqual, so true where the field is missing
  kLess,
  kLessEqual,
  kGreater,
  kGreaterEqual,
  kIsNull,  // present, and null
  kIsTrue,
  kIsFalse,
  kNotExists,
};

// A number as the language reads it: [+-]?digits[.digits][(e|E)[+-]digits], nothing else.
struct Number {
  bool is_int = false;  // fits 64 bits and was written without fraction and exponent
  std::int64_t as_int = 0;
  double as_double = 0;
};
// False when `text` does not read as a number from end to end.
bool read_number(std::string_view text, Number& out);

// The right side of a comparison.
struct Literal {
  // The text cut at each `*`: one piece means no wildcard; {"a", "b"} is `a*b`; {"", ""} is `*`,
  // which any scalar satisfies.
  std::vector<std::string> pieces;
  bool quoted = false;
  bool is_number = false;  // no wildcard, and reads as a number
  Number number;
  std::shared_ptr<const Regex> regex;  // %…%; then there are no pieces

  bool has_wildcard() const { return pieces.size() > 1; }
  bool is_any() const { return pieces.size() == 2 && pieces[0].empty() && pieces[1].empty(); }
};

struct PatternCondition {
  Selector selector;
  Comparison comparison = Comparison::kEqual;
  Literal literal;  // only for kEqual to kGreaterEqual
};

// Ownership: a tree by value. Bounds: depth and size as Pattern::parse allows them.
struct PatternNode {
  enum class Type : std::uint8_t {
    kEverything,  // the empty pattern
    kCondition,
    kAnd,
    kOr,
  };
  Type type = Type::kEverything;
  PatternCondition condition;         // kCondition
  std::vector<PatternNode> children;  // kAnd, kOr: two or more, in the order written
};

// Whether the formula holds, given what `decide` says of each condition it comes to.
template <typename Decide>
bool evaluate(const PatternNode& node, const Decide& decide) {
  const auto child_holds = [&](const PatternNode& child) { return evaluate(child, decide); };
  switch (node.type) {
    case PatternNode::Type::kEverything:
      return true;
    case PatternNode::Type::kCondition:
      return decide(node.condition);
    case PatternNode::Type::kAnd:
      return std::all_of(node.children.begin(), node.children.end(), child_holds);
    case PatternNode::Type::kOr:
      return std::any_of(node.children.begin(), node.children.end(), child_holds);
  }
  return false;
}

// Every condition, in the order written.
template <typename Visit>
void for_each_condition(const PatternNode& node, const Visit& visit) {
  if (node.type == PatternNode::Type::kCondition) visit(node.condition);
  for (const auto& child : node.children) for_each_condition(child, visit);
}

// Whether a present value (null included) satisfies the condition; kNotExists is false for it.
// Of the several values of a wildcard selector any one may satisfy it.
// Cost: comparing text is linear in it, times the pieces of the literal in the worst case.
bool holds(const PatternCondition& condition, const Value& value);
// What the condition says of a field that the event does not carry, and of a wildcard selector that
// names nothing.
bool holds_when_missing(const PatternCondition& condition);

// A text that parses to the same pattern, with one blank where blanks are free and every text in
// quotes. It is hashed into a meter's identity: changing it restarts counters.
std::string canonical_text(const PatternNode& node);
std::string canonical_text(const PatternCondition& condition);

// The same within the brackets of a delimited pattern, where `name` stands for `$.name`.
std::string canonical_field_text(const PatternNode& node);
std::string canonical_field_text(const PatternCondition& condition);

}  // namespace sightglass::event
