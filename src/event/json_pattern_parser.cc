#include <utility>

#include "base/text.h"
#include "event/pattern_parser.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxSteps = 32;
constexpr std::size_t kMaxIndexDigits = 6;

class JsonPatternParser {
 public:
  explicit JsonPatternParser(PatternCursor& cursor) : in_(cursor) {}

  Result<PatternNode> parse() {
    in_.advance();  // the brace
    const FormulaSyntax syntax{[this] { return parse_condition(); }, "}", "}"};
    SG_ASSIGN(auto node, parse_formula(in_, syntax));
    if (in_.done()) return in_.error("the closing brace } is missing");
    in_.advance();
    in_.skip_blanks();
    if (!in_.done()) return in_.error("nothing may follow the closing brace");
    return node;
  }

 private:
  bool stands(std::string_view bytes) const {
    return !in_.done() && bytes.find(in_.peek()) != std::string_view::npos;
  }

  Result<PatternNode> parse_condition() {
    SG_TRY(in_.count_condition());
    PatternNode node;
    node.type = PatternNode::Type::kCondition;
    auto& condition = node.condition;
    SG_TRY(parse_selector(condition.selector));
    in_.skip_blanks();
    if (in_.done() || stands("})") || in_.rest().starts_with("&&") ||
        in_.rest().starts_with("||")) {
      return in_.error("an operator is missing; to ask whether the field is there, write = *");
    }
    if (stands("=!<>~")) {
      SG_TRY(in_.parse_comparison(condition.comparison, condition.literal));
    } else {
      SG_TRY(parse_keyword(condition.comparison));
    }
    return node;
  }

  Status parse_selector(Selector& out) {
    if (in_.done() || in_.peek() != '$') {
      if (in_.done() || stands("})")) {
        return in_.error("a condition such as $.field = \"value\" was expected here");
      }
      if (in_.peek() == '!') return in_.error("there is no negation sign; use != or NOT EXISTS");
      return in_.error("a selector begins with $. and the field's name, such as $.event_type");
    }
    in_.advance();
    std::size_t steps = 0;
    do {
      if (++steps > kMaxSteps) return in_.error("a selector has at most 32 steps");
      SG_TRY(parse_step(out));
    } while (stands(".["));
    return {};
  }

  // `.name`, `.['key']`, `['key']`, `.*`, `[n]` or `[*]`.
  Status parse_step(Selector& out) {
    const auto began = in_.at();
    const bool dot = in_.take(".");
    if (stands("[")) return parse_bracket_step(began, out);
    if (!dot) return in_.error("a selector goes on with a dot and the field's name: $.event_type");
    if (stands("*")) return add_wildcard(SelectorStep::Kind::kEachMember, began, out);
    const auto name = in_.peek_word();
    if (name.empty()) return in_.error("the field's name is missing; unusual names: $.['a name']");
    out.add_key(name);
    in_.advance(name.size());
    return {};
  }

  Status parse_bracket_step(std::size_t began, Selector& out) {
    in_.advance();
    if (stands("'\"")) return parse_key(began, out);
    if (stands("*")) {
      SG_TRY(add_wildcard(SelectorStep::Kind::kEachElement, began, out));
    } else {
      std::size_t digits = 0;
      while (digits < in_.rest().size() && in_.rest()[digits] >= '0' && in_.rest()[digits] <= '9') {
        ++digits;
      }
      if (digits == 0) {
        return in_.error_at(began, "brackets hold a place [0], [*] or a key ['a name']");
      }
      if (digits > kMaxIndexDigits) return in_.error("a place in an array is at most 999999");
      const auto index = parse_int(in_.rest().substr(0, digits));
      out.add(SelectorStep::Kind::kIndex, static_cast<std::uint32_t>(*index));
      in_.advance(digits);
    }
    if (!in_.take("]")) return in_.error("the closing bracket ] is missing");
    return {};
  }

  Status parse_key(std::size_t began, Selector& out) {
    const char quote = in_.peek();
    in_.advance();
    const auto end = in_.rest().find(quote);
    if (end == std::string_view::npos) {
      return in_.error_at(began, "the key's closing quote is missing");
    }
    if (end == 0) return in_.error("the key is empty");
    out.add_key(in_.rest().substr(0, end));
    in_.advance(end + 1);
    if (!in_.take("]")) return in_.error("the closing bracket ] after the key is missing");
    return {};
  }

  Status add_wildcard(SelectorStep::Kind kind, std::size_t began, Selector& out) {
    if (out.has_wildcard()) return in_.error_at(began, "a selector has at most one wildcard");
    in_.advance();
    out.add(kind);
    return {};
  }

  Status parse_keyword(Comparison& comparison) {
    const auto keyword_at = in_.at();
    const auto word = in_.peek_word();
    if (in_.take_word("NOT")) {
      in_.skip_blanks();
      if (!in_.take_word("EXISTS")) return in_.error("NOT is followed by EXISTS");
      comparison = Comparison::kNotExists;
      return {};
    }
    if (in_.take_word("IS")) {
      in_.skip_blanks();
      if (in_.take_word("NULL")) {
        comparison = Comparison::kIsNull;
      } else if (in_.take_word("TRUE")) {
        comparison = Comparison::kIsTrue;
      } else if (in_.take_word("FALSE")) {
        comparison = Comparison::kIsFalse;
      } else if (equals_ignoring_case(in_.peek_word(), "not")) {
        return in_.error("IS NOT does not exist; to ask whether the field is there, write = *");
      } else {
        return in_.error("IS is followed by NULL, TRUE or FALSE, in capitals");
      }
      return {};
    }
    if (equals_ignoring_case(word, "exists")) {
      return in_.error_at(keyword_at,
                          "EXISTS stands only after NOT; to ask whether the field is "
                          "there, write = *");
    }
    if (equals_ignoring_case(word, "is") || equals_ignoring_case(word, "not")) {
      return in_.error_at(keyword_at,
                          "IS NULL, IS TRUE, IS FALSE and NOT EXISTS are written in "
                          "capitals");
    }
    return in_.error_at(keyword_at,
                        "an operator was expected here: =, !=, <, <=, >, >=, IS NULL, IS TRUE, "
                        "IS FALSE or NOT EXISTS");
  }

  PatternCursor& in_;
};

}  // namespace

Result<PatternNode> parse_json_pattern(PatternCursor& cursor) {
  return JsonPatternParser(cursor).parse();
}

}  // namespace sightglass::event
