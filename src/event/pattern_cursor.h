// Room-internal: a place in a pattern's text, errors that point at it, and what the three forms of
// pattern have in common: comparisons, values, `&&`, `||` and brackets.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"
#include "event/pattern_node.h"

namespace sightglass::event {

bool is_pattern_blank(char c);
bool is_name_byte(char c);  // of a bare name: letters, digits, _ - : @ / and anything but ASCII

class PatternCursor {
 public:
  explicit PatternCursor(std::string_view text) : text_(text) {}

  bool done() const { return at_ >= text_.size(); }
  char peek() const { return text_[at_]; }
  std::size_t at() const { return at_; }
  std::string_view rest() const { return text_.substr(at_); }
  std::string_view text(std::size_t begin, std::size_t end) const {
    return text_.substr(begin, end - begin);
  }
  void advance(std::size_t bytes = 1) { at_ += bytes; }
  void go_back(std::size_t to) { at_ = to; }
  void skip_blanks();
  bool take(std::string_view token);
  std::string_view peek_word() const;     // bytes of a bare name
  bool take_word(std::string_view word);  // a keyword ends where a word ends

  // Column, reason, and a caret under the place.
  std::unexpected<Error> error(std::string_view what) const { return error_at(at_, what); }
  std::unexpected<Error> error_at(std::size_t at, std::string_view what) const;

  // `= value` and its kin; the cursor stands at the operator.
  Status parse_comparison(Comparison& comparison, Literal& literal);
  // `%…%`; false when what stands here is no regular expression but a text with a percent sign.
  Result<bool> parse_regex(std::shared_ptr<const Regex>& out);
  // Counts towards the pattern's bounds. Errors: too many.
  Status count_condition();

 private:
  bool take_operator(Comparison& out);
  Status parse_literal(Literal& out);
  Status parse_quoted(Literal& out);
  Status parse_bare(Literal& out);

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t conditions_ = 0;
  std::size_t regexes_ = 0;
};

}  // namespace sightglass::event
