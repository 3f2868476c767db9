#include <algorithm>

#include "event/pattern_parser.h"
#include "event/regex.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxFields = 256;

bool is_field_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || static_cast<unsigned char>(c) >= 0x80;
}

// What makes a bare term more than signs.
bool is_letter_or_digit(char c) { return is_field_byte(c) && c != '-' && c != '.'; }

class DelimitedParser {
 public:
  explicit DelimitedParser(PatternCursor& cursor) : in_(cursor) {}

  Result<DelimitedPattern> parse() {
    in_.advance();  // the bracket
    do {
      in_.skip_blanks();
      if (out_.fields.size() == kMaxFields) return in_.error("a pattern has at most 256 fields");
      SG_TRY(parse_field());
      in_.skip_blanks();
    } while (in_.take(","));
    if (in_.done()) return in_.error("the closing bracket ] is missing");
    if (!in_.take("]")) return in_.error("a comma or ] was expected here");
    in_.skip_blanks();
    if (!in_.done()) return in_.error("nothing may follow the closing bracket");
    return std::move(out_);
  }

 private:
  std::string_view peek_name() const {
    const auto tail = in_.rest();
    if (tail.starts_with(".")) return {};
    std::size_t n = 0;
    while (n < tail.size() && is_field_byte(tail[n])) ++n;
    return tail.substr(0, n);
  }

  Status parse_field() {
    DelimitedField field;
    const auto began = in_.at();
    if (in_.take("...")) {
      if (out_.rest != DelimitedPattern::kNowhere) {
        return in_.error_at(began, "... stands once: where it does, any number of fields may be");
      }
      out_.rest = out_.fields.size();
      out_.fields.push_back(std::move(field));
      return {};
    }
    field_name_ = {};
    const auto name = peek_name();
    in_.advance(name.size());
    in_.skip_blanks();
    const bool bare = in_.done() || in_.peek() == ',' || in_.peek() == ']';
    if (!name.empty() && bare) {
      SG_TRY(in_.count_condition());
      field_name_ = name;
    } else {
      in_.go_back(began);
      const FormulaSyntax syntax{[this] { return parse_condition(); }, ",]", "a comma or ]"};
      SG_ASSIGN(field.node, parse_formula(in_, syntax));
    }
    field.name = std::string(field_name_);
    for (const auto& other : out_.fields) {
      if (other.name == field.name) {
        return in_.error_at(began, "the field " + field.name + " stands twice");
      }
    }
    out_.fields.push_back(std::move(field));
    return {};
  }

  // `name = value`, each time of the same name between two commas.
  Result<PatternNode> parse_condition() {
    SG_TRY(in_.count_condition());
    const auto began = in_.at();
    const auto name = peek_name();
    if (name.empty()) {
      if (in_.rest().starts_with("$")) {
        return in_.error("fields between brackets have bare names: [time, status = 4*]");
      }
      return in_.error("a field's name was expected here, or ...");
    }
    if (field_name_.empty()) field_name_ = name;
    if (name != field_name_) {
      return in_.error("between two commas all conditions are on one field, here " +
                       std::string(field_name_));
    }
    in_.advance(name.size());
    in_.skip_blanks();
    if (in_.done() || std::string_view("=!<>~").find(in_.peek()) == std::string_view::npos) {
      const auto word = in_.peek_word();
      if (word == "IS" || word == "NOT") {
        return in_.error("a token of a line is never null or absent; compare it with a value");
      }
      return in_.error("a comma, ] or an operator was expected here: =, !=, <, <=, > or >=");
    }
    PatternNode node;
    node.type = PatternNode::Type::kCondition;
    node.condition.selector.add_key(in_.text(began, began + name.size()));
    SG_TRY(in_.parse_comparison(node.condition.comparison, node.condition.literal));
    return node;
  }

  PatternCursor& in_;
  DelimitedPattern out_;
  std::string_view field_name_;  // of the field in hand, once known
};

class TermParser {
 public:
  explicit TermParser(PatternCursor& cursor) : in_(cursor) {}

  Result<TermPattern> parse() {
    TermPattern out;
    while (true) {
      in_.skip_blanks();
      if (in_.done()) break;
      SG_TRY(in_.count_condition());
      Term term;
      SG_TRY(parse_term(term));
      out.terms.push_back(std::move(term));
      if (!in_.done() && !is_pattern_blank(in_.peek())) {
        return in_.error("a blank was expected here, before the next term");
      }
    }
    const auto is_any = [](const Term& term) { return term.role == Term::Role::kAny; };
    out.ignores_any = std::any_of(out.terms.begin(), out.terms.end(), is_any) &&
                      !std::all_of(out.terms.begin(), out.terms.end(), is_any);
    return out;
  }

 private:
  Status parse_term(Term& out) {
    if (in_.take("?")) {
      out.role = Term::Role::kAny;
    } else if (in_.take("-")) {
      out.role = Term::Role::kNone;
    }
    if (in_.done() || is_pattern_blank(in_.peek())) {
      return in_.error("the term follows ? or - at once; the sign itself stands in quotes");
    }
    if (in_.peek() == '"') return parse_phrase(out.text);
    if (in_.peek() == '%') {
      SG_ASSIGN(const bool is_regex, in_.parse_regex(out.regex));
      if (is_regex) return {};
    }
    return parse_bare(out.text);
  }

  // \" and \\ stand for the character; any other backslash is one, and a star is a star.
  Status parse_phrase(std::string& out) {
    const auto opened = in_.at();
    in_.advance();
    while (!in_.done() && in_.peek() != '"') {
      const auto tail = in_.rest();
      if (tail.starts_with("\\\"") || tail.starts_with("\\\\")) in_.advance();
      out += in_.peek();
      in_.advance();
    }
    if (!in_.take("\"")) return in_.error_at(opened, "this quote is never closed");
    return {};
  }

  Status parse_bare(std::string& out) {
    const auto began = in_.at();
    if (in_.rest().starts_with("$.") || in_.rest().starts_with("{") ||
        in_.rest().starts_with("[")) {
      return in_.error(
          "a term cannot begin so; conditions on fields stand in braces, "
          "{ $.event_type = \"name\" }, other texts in quotes");
    }
    bool has_letter = false;
    while (!in_.done() && !is_pattern_blank(in_.peek())) {
      const char c = in_.peek();
      if (c == '"') return in_.error("a quote inside a bare term; put the whole text in quotes");
      if (c == '*') {
        return in_.error(
            "a term is found anywhere in a line, so it needs no *; a star itself "
            "stands in quotes");
      }
      has_letter = has_letter || is_letter_or_digit(c);
      out += c;
      in_.advance();
    }
    if (has_letter) return {};
    return in_.error_at(began,
                        "a term without letters and digits stands in quotes; conditions on "
                        "fields stand in braces: { $.event_type = \"name\" }");
  }

  PatternCursor& in_;
};

}  // namespace

Result<DelimitedPattern> parse_delimited_pattern(PatternCursor& cursor) {
  return DelimitedParser(cursor).parse();
}

Result<TermPattern> parse_term_pattern(PatternCursor& cursor) { return TermParser(cursor).parse(); }

}  // namespace sightglass::event
