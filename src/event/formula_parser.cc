#include <iterator>
#include <utility>

#include "base/text.h"
#include "event/pattern_parser.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxDepth = 64;

class FormulaParser {
 public:
  FormulaParser(PatternCursor& cursor, const FormulaSyntax& syntax)
      : in_(cursor), syntax_(syntax) {}

  Result<PatternNode> parse() {
    SG_ASSIGN(auto node, parse_or(0));
    in_.skip_blanks();
    if (in_.done() || at_end()) return node;
    if (in_.peek() == ')') return in_.error("this closing bracket has no opening one");
    return error_after_condition();
  }

 private:
  bool at_end() const { return syntax_.ends.find(in_.peek()) != std::string_view::npos; }

  std::unexpected<Error> error_after_condition() const {
    const auto word = in_.peek_word();
    if (equals_ignoring_case(word, "and")) {
      return in_.error("conditions are joined by &&, not a word");
    }
    if (equals_ignoring_case(word, "or")) {
      return in_.error("conditions are joined by ||, not a word");
    }
    if (in_.peek() == '&') {
      return in_.error("a single & means nothing; conditions are joined by &&");
    }
    if (in_.peek() == '|') {
      return in_.error("a single | means nothing; conditions are joined by ||");
    }
    return in_.error("&&, || or " + std::string(syntax_.end_text) +
                     " was expected here; a text with blanks stands in double quotes");
  }

  Result<PatternNode> parse_or(std::size_t depth) {
    return parse_chain(PatternNode::Type::kOr, "||", depth);
  }

  // One level of precedence: operands joined by `token`. A chain of one is its operand; a chain
  // inside a chain of the same kind is flattened, so that brackets without effect leave no trace.
  Result<PatternNode> parse_chain(PatternNode::Type type, std::string_view token,
                                  std::size_t depth) {
    PatternNode chain;
    chain.type = type;
    do {
      const bool is_or = type == PatternNode::Type::kOr;
      auto operand = is_or ? parse_chain(PatternNode::Type::kAnd, "&&", depth) : parse_unit(depth);
      if (!operand) return operand;
      if (operand->type == type) {
        std::move(operand->children.begin(), operand->children.end(),
                  std::back_inserter(chain.children));
      } else {
        chain.children.push_back(std::move(*operand));
      }
      in_.skip_blanks();
    } while (in_.take(token));
    if (chain.children.size() > 1) return chain;
    PatternNode only = std::move(chain.children.front());
    return only;
  }

  Result<PatternNode> parse_unit(std::size_t depth) {
    in_.skip_blanks();
    if (in_.done() || in_.peek() != '(') return syntax_.condition();
    if (depth >= kMaxDepth) return in_.error("brackets are nested more than 64 deep");
    const auto opened = in_.at();
    in_.advance();
    SG_ASSIGN(auto node, parse_or(depth + 1));
    in_.skip_blanks();
    if (in_.done() || at_end()) return in_.error_at(opened, "this bracket is never closed");
    if (in_.peek() != ')') return error_after_condition();
    in_.advance();
    return node;
  }

  PatternCursor& in_;
  const FormulaSyntax& syntax_;
};

}  // namespace

Result<PatternNode> parse_formula(PatternCursor& cursor, const FormulaSyntax& syntax) {
  return FormulaParser(cursor, syntax).parse();
}

}  // namespace sightglass::event
