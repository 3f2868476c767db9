#include <algorithm>
#include <cstring>

#include "event/line_pattern.h"
#include "event/pattern_node.h"
#include "event/raw_line.h"

namespace sightglass::event {
namespace {

using Needles = std::vector<std::string>;  // one of them must be there; empty: nothing is known
constexpr std::size_t kMaxNeedles = 16;

// The better of two: fewer, then longer.
bool better(const Needles& a, const Needles& b) {
  if (a.empty() || b.empty()) return !a.empty();
  if (a.size() != b.size()) return a.size() < b.size();
  const auto shorter = [](const auto& x, const auto& y) { return x.size() < y.size(); };
  return std::min_element(a.begin(), a.end(), shorter)->size() >
         std::min_element(b.begin(), b.end(), shorter)->size();
}

Needles united(Needles a, Needles b) {
  if (a.empty() || b.empty() || a.size() + b.size() > kMaxNeedles) return {};
  std::move(b.begin(), b.end(), std::back_inserter(a));
  return a;
}

const std::string* longest_piece(const Literal& literal) {
  const std::string* out = nullptr;
  for (const auto& piece : literal.pieces) {
    if (!piece.empty() && (out == nullptr || piece.size() > out->size())) out = &piece;
  }
  return out;
}

// Texts stand in JSON as they are unless something in the line is escaped. Numbers do not: 1e2 is
// 100; so a needle has a byte that is in no number.
Needles needles_in_json(const PatternCondition& condition) {
  if (condition.comparison != Comparison::kEqual || condition.literal.regex != nullptr) return {};
  const auto* const piece = longest_piece(condition.literal);
  if (piece == nullptr || piece->find_first_not_of("0123456789+-.eE") == std::string::npos) {
    return {};
  }
  for (const char c : *piece) {
    if (static_cast<unsigned char>(c) < 0x20 || c == '"' || c == '\\') return {};
  }
  return {*piece};
}

Needles needles_in_token(const PatternCondition& condition) {
  const auto& literal = condition.literal;
  if (condition.comparison != Comparison::kEqual || literal.regex != nullptr) return {};
  if (literal.is_number && !literal.quoted) return {};
  const auto* const piece = longest_piece(literal);
  return piece == nullptr ? Needles() : Needles{*piece};
}

template <typename OfCondition>
Needles needles_of(const PatternNode& node, const OfCondition& of_condition) {
  switch (node.type) {
    case PatternNode::Type::kEverything:
      return {};
    case PatternNode::Type::kCondition:
      return of_condition(node.condition);
    case PatternNode::Type::kAnd:
    case PatternNode::Type::kOr:
      break;
  }
  Needles out;
  for (std::size_t i = 0; i < node.children.size(); ++i) {
    auto child = needles_of(node.children[i], of_condition);
    if (node.type == PatternNode::Type::kAnd) {
      if (better(child, out)) out = std::move(child);
    } else {
      out = i == 0 ? std::move(child) : united(std::move(out), std::move(child));
    }
  }
  return out;
}

Needles needles_of(const DelimitedPattern& pattern) {
  Needles out;
  for (const auto& field : pattern.fields) {
    auto needles = needles_of(field.node, needles_in_token);
    if (better(needles, out)) out = std::move(needles);
  }
  return out;
}

Needles needles_of(const TermPattern& pattern) {
  Needles all;
  Needles any;
  bool known = true;
  for (const auto& term : pattern.terms) {
    const bool usable = term.text.find_first_not_of(" \t") != std::string::npos;
    if (term.role == Term::Role::kAll && usable) {
      Needles one{term.text};
      if (better(one, all)) all = std::move(one);
    } else if (term.role == Term::Role::kAny) {
      known = known && usable;
      any.push_back(term.text);
    }
  }
  if (!all.empty() || pattern.ignores_any) return all;
  return known && any.size() <= kMaxNeedles ? any : Needles();
}

}  // namespace

Prefilter::Prefilter(const Pattern& pattern) {
  switch (pattern.form()) {
    case Pattern::Form::kJson:
      json_ = true;
      needles_ = needles_of(pattern.root(), needles_in_json);
      break;
    case Pattern::Form::kDelimited:
      needles_ = needles_of(*pattern.delimited());
      break;
    case Pattern::Form::kTerms:
      needles_ = needles_of(*pattern.terms());
      break;
    case Pattern::Form::kEverything:
      break;
  }
}

bool Prefilter::can_match(std::string_view line) const {
  if (needles_.empty()) return true;
  for (const auto& needle : needles_) {
    if (memmem(line.data(), line.size(), needle.data(), needle.size()) != nullptr) return true;
  }
  return json_ && line.find('\\') != std::string_view::npos;
}

}  // namespace sightglass::event
