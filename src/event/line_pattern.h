// The parsed form of the patterns over a line's text: `[a, b = X*, ...]` and search terms.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "event/pattern_node.h"

namespace sightglass::event {

// `[ip, user, ..., status = 4* || status = 5*, bytes]`: a line's blank-separated tokens, named.
struct DelimitedField {
  std::string name;  // "" for `...`
  PatternNode node;  // kEverything where the field has no condition
  bool is_rest() const { return name.empty(); }
  bool has_condition() const { return node.type != PatternNode::Type::kEverything; }
};

struct DelimitedPattern {
  static constexpr std::size_t kNowhere = ~std::size_t{0};

  std::vector<DelimitedField> fields;  // one or more, `...` at most once
  std::size_t rest = kNowhere;         // where `...` stands

  // A last field without a condition takes what is left of the line, where there is no `...`.
  bool last_absorbs() const { return rest == kNowhere && !fields.back().has_condition(); }
  std::size_t min_tokens() const { return fields.size() - (rest == kNowhere ? 0 : 1); }
};

// `ERROR "could not" -retrying ?timeout ?refused %\bE\d+\b%`
struct Term {
  enum class Role : std::uint8_t {
    kAll,   // must occur
    kAny,   // `?`: one of these must, unless terms of other roles stand beside: then it is ignored
    kNone,  // `-`: must not
  };
  Role role = Role::kAll;
  std::string text;                    // blanks alone: found in every line
  std::shared_ptr<const Regex> regex;  // then text is empty
};

struct TermPattern {
  std::vector<Term> terms;
  bool ignores_any = false;  // there are `?` terms, and others beside them
};

std::string canonical_text(const DelimitedPattern& pattern);
std::string canonical_text(const TermPattern& pattern);
std::string canonical_text(const Term& term);

}  // namespace sightglass::event
