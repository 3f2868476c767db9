#include "event/pattern_cursor.h"

#include <algorithm>
#include <array>

#include "base/text.h"
#include "event/regex.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxConditions = 256;
constexpr std::size_t kMaxRegexes = 16;
constexpr std::size_t kExcerptBytes = 96;  // of the pattern, around the caret

// What ends a bare value, apart from && and ||.
bool ends_word(char c) {
  return is_pattern_blank(c) || c == '(' || c == ')' || c == '{' || c == '}' || c == ',' ||
         c == '[' || c == ']';
}

bool starts_character(char c) { return (static_cast<unsigned char>(c) & 0xc0) != 0x80; }

std::size_t count_characters(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), starts_character));
}

// The part of the pattern around `at` on one line, and a caret under the place.
std::string excerpt(std::string_view text, std::size_t at) {
  std::size_t begin = at > kExcerptBytes / 2 ? at - kExcerptBytes / 2 : 0;
  if (begin < 8) begin = 0;
  std::size_t end = std::min(text.size(), std::max(begin + kExcerptBytes, at));
  while (begin > 0 && !starts_character(text[begin])) --begin;
  while (end < text.size() && !starts_character(text[end])) ++end;
  std::string line(text.substr(begin, end - begin));
  for (auto& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  }
  const std::string_view front = begin > 0 ? "..." : "";
  const auto indent = front.size() + count_characters(text.substr(begin, at - begin));
  return "\n  " + std::string(front) + line + (end < text.size() ? "..." : "") + "\n  " +
         std::string(indent, ' ') + "^";
}

// Stars that touch are one star.
void append(Literal& out, char c) {
  if (c != '*') {
    out.pieces.back() += c;
  } else if (out.pieces.size() == 1 || !out.pieces.back().empty()) {
    out.pieces.emplace_back();
  }
}

void finish(Literal& out) {
  out.is_number = !out.has_wildcard() && read_number(out.pieces[0], out.number);
}

}  // namespace

bool is_pattern_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == ':' || c == '@' || c == '/' || static_cast<unsigned char>(c) >= 0x80;
}

void PatternCursor::skip_blanks() {
  while (!done() && is_pattern_blank(peek())) ++at_;
}

bool PatternCursor::take(std::string_view token) {
  if (!rest().starts_with(token)) return false;
  at_ += token.size();
  return true;
}

std::string_view PatternCursor::peek_word() const {
  const auto tail = rest();
  std::size_t n = 0;
  while (n < tail.size() && is_name_byte(tail[n])) ++n;
  return tail.substr(0, n);
}

bool PatternCursor::take_word(std::string_view word) {
  if (peek_word() != word) return false;
  at_ += word.size();
  return true;
}

std::unexpected<Error> PatternCursor::error_at(std::size_t at, std::string_view what) const {
  const auto column = 1 + count_characters(text_.substr(0, at));
  return fail(Code::kInvalid,
              "column " + std::to_string(column) + ": " + std::string(what) + excerpt(text_, at));
}

Status PatternCursor::count_condition() {
  if (++conditions_ > kMaxConditions) return error("a pattern has at most 256 conditions");
  return {};
}

bool PatternCursor::take_operator(Comparison& out) {
  struct Operator {
    std::string_view text;
    Comparison comparison;
  };
  static constexpr std::array<Operator, 6> kOperators = {{{"!=", Comparison::kNotEqual},
                                                          {"<=", Comparison::kLessEqual},
                                                          {">=", Comparison::kGreaterEqual},
                                                          {"=", Comparison::kEqual},
                                                          {"<", Comparison::kLess},
                                                          {">", Comparison::kGreater}}};
  for (const auto& known : kOperators) {
    if (!take(known.text)) continue;
    out = known.comparison;
    return true;
  }
  return false;
}

Status PatternCursor::parse_comparison(Comparison& comparison, Literal& literal) {
  const auto operator_at = at_;
  if (rest().starts_with("==")) return error("equality is written with one =");
  if (rest().starts_with("=~") || rest().starts_with("~")) {
    return error("there is no ~ operator; use = with wildcards, such as *error*, or = %regex%");
  }
  if (rest().starts_with("<>")) return error("inequality is written !=");
  if (rest().starts_with("=>") || rest().starts_with("=<")) {
    return error("the operators are written >= and <=");
  }
  if (!take_operator(comparison)) {
    return error("an operator was expected here: =, !=, <, <=, > or >=");
  }
  skip_blanks();
  const auto value_at = at_;
  SG_TRY(parse_literal(literal));
  const bool orders = comparison >= Comparison::kLess;
  if (orders && (!literal.is_number || literal.quoted)) {
    return error_at(done() ? operator_at : value_at,
                    "<, <=, > and >= compare numbers; write a number without quotes and "
                    "wildcards");
  }
  return {};
}

// A percent sign with a blank or nothing behind it, or without a partner, is a text.
Result<bool> PatternCursor::parse_regex(std::shared_ptr<const Regex>& out) {
  const auto opened = at_;
  auto end = at_ + 1;
  if (end >= text_.size() || ends_word(text_[end])) {
    if (end >= text_.size() || (text_[end] != '(' && text_[end] != '[')) return false;
  }
  while (end < text_.size() && text_[end] != '%') end += text_[end] == '\\' ? 2 : 1;
  if (end >= text_.size()) return false;
  if (end == opened + 1) return error("this regular expression is empty");
  if (++regexes_ > kMaxRegexes) return error("a pattern has at most 16 regular expressions");
  const auto behind = text_.substr(end + 1);
  if (!behind.empty() && !ends_word(behind[0]) && !behind.starts_with("&&") &&
      !behind.starts_with("||")) {
    return error_at(end + 1,
                    "the regular expression ended before this; a percent sign inside one is "
                    "written \\%");
  }
  std::size_t fault = 0;
  auto compiled = Regex::compile(text(opened + 1, end), fault);
  if (!compiled) return error_at(opened + 1 + fault, compiled.error().message);
  out = std::move(*compiled);
  at_ = end + 1;
  return true;
}

Status PatternCursor::parse_literal(Literal& out) {
  if (done() || peek() == '}' || peek() == ')' || peek() == ']' || peek() == ',') {
    return error("the value is missing; an empty text is written \"\"");
  }
  if (peek() == '"') return parse_quoted(out);
  if (peek() == '\'') return error("texts stand in double quotes");
  if (peek() == '%') {
    SG_ASSIGN(const bool is_regex, parse_regex(out.regex));
    if (is_regex) return {};
  }
  return parse_bare(out);
}

// \" \\ and \* stand for the character; any other backslash is one.
Status PatternCursor::parse_quoted(Literal& out) {
  const auto opened = at_++;
  out.quoted = true;
  out.pieces.emplace_back();
  while (true) {
    if (done()) return error_at(opened, "this quote is never closed");
    const char c = text_[at_++];
    if (c == '"') break;
    const bool escape = c == '\\' && !done() && (peek() == '"' || peek() == '\\' || peek() == '*');
    if (escape) {
      out.pieces.back() += text_[at_++];
    } else {
      append(out, c);
    }
  }
  finish(out);
  return {};
}

Status PatternCursor::parse_bare(Literal& out) {
  const auto began = at_;
  out.pieces.emplace_back();
  while (!done() && !ends_word(peek()) && !rest().starts_with("&&") && !rest().starts_with("||")) {
    if (peek() == '"') return error("a quote inside a bare word; put the whole text in quotes");
    append(out, text_[at_++]);
  }
  const auto word = text_.substr(began, at_ - began);
  if (word.empty()) return error("a value was expected here; texts stand in double quotes");
  if (word.front() == '$') return error_at(began, "fields are compared with values, not fields");
  finish(out);
  return {};
}

}  // namespace sightglass::event
