#include "event/raw_line.h"

#include <simdjson.h>

#include <cstring>
#include <set>

#include "base/json_writer.h"
#include "event/json_select.h"
#include "event/line_evaluator.h"
#include "event/pattern_node.h"

namespace sightglass::event {
namespace {

namespace dom = simdjson::dom;

constexpr std::size_t kMaxLineBytes = 64u << 20;
constexpr std::size_t kMaxSeenBytes = 200;
constexpr std::size_t kMaxExtractBytes = 4u << 20;

std::string json_string(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

std::string cut(std::string text) {
  if (text.size() <= kMaxSeenBytes) return text;
  auto end = kMaxSeenBytes;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  text.resize(end);
  return text + "...";
}

}  // namespace

struct RawLine::State {
  std::string_view line;
  bool parsed = false;
  bool is_json = false;
  bool split = false;
  dom::parser parser{kMaxLineBytes};
  dom::element root;
  std::string padded;
  std::string widened;
  std::vector<Token> tokens;

  void parse();
  simdjson::error_code parse(std::string_view json);
  const std::vector<Token>& split_line();

  bool holds(const PatternCondition& condition);
  std::string seen(const Selector& selector);
  bool matches(const Pattern& pattern);
  void explain(const DelimitedPattern& pattern, Explanation& out);
  void explain(const TermPattern& pattern, Explanation& out);
  void extract(const Selector& selector, Extracted& out);
};

// The parser reads past the end, so the line is copied to where it may.
simdjson::error_code RawLine::State::parse(std::string_view json) {
  if (padded.size() < json.size() + simdjson::SIMDJSON_PADDING) {
    padded.resize(2 * json.size() + simdjson::SIMDJSON_PADDING);
  }
  std::memcpy(padded.data(), json.data(), json.size());
  return parser.parse(padded.data(), json.size(), false).get(root);
}

void RawLine::State::parse() {
  if (parsed) return;
  parsed = true;
  is_json = false;
  const auto json = bare_line(line);
  if (json.empty() || json.size() > kMaxLineBytes || (json[0] != '{' && json[0] != '[')) return;
  auto error = parse(json);
  if (error == simdjson::NUMBER_ERROR) {
    widen_integers(json, widened);
    error = parse(widened);
  }
  is_json = error == simdjson::SUCCESS;
}

const std::vector<Token>& RawLine::State::split_line() {
  if (!split) split_tokens(line, tokens);
  split = true;
  return tokens;
}

bool RawLine::State::holds(const PatternCondition& condition) {
  bool given = false;
  bool any = false;
  select(root, condition.selector.steps(), [&](const dom::element& element) {
    given = true;
    any = event::holds(condition, value_of(element));
    return !any;
  });
  return given ? any : holds_when_missing(condition);
}

bool RawLine::State::matches(const Pattern& pattern) {
  switch (pattern.form()) {
    case Pattern::Form::kEverything:
      return true;
    case Pattern::Form::kJson:
      parse();
      return is_json &&
             evaluate(pattern.root(), [&](const PatternCondition& c) { return holds(c); });
    case Pattern::Form::kDelimited:
      return event::holds(*pattern.delimited(), line, split_line());
    case Pattern::Form::kTerms:
      return event::holds(*pattern.terms(), line);
  }
  return false;
}

std::string RawLine::State::seen(const Selector& selector) {
  std::string out;
  select(root, selector.steps(), [&](const dom::element& element) {
    if (!out.empty()) out += ", ";
    out += simdjson::to_string(element);
    return out.size() <= kMaxSeenBytes;
  });
  return out.empty() ? "nothing" : cut(std::move(out));
}

void RawLine::State::explain(const DelimitedPattern& pattern, Explanation& out) {
  const auto n = split_line().size();
  if (!fits(pattern, n)) {
    const bool few = n < pattern.min_tokens();
    out.why_not = "the line has " + std::to_string(n) + (n == 1 ? " field" : " fields") +
                  ", the pattern wants " + (few ? "at least " : "exactly ") +
                  std::to_string(pattern.min_tokens());
    return;
  }
  for (std::size_t i = 0; i < pattern.fields.size(); ++i) {
    const auto& field = pattern.fields[i];
    if (field.is_rest()) continue;
    const auto text = field_text(pattern, line, tokens, i);
    for_each_condition(field.node, [&](const PatternCondition& condition) {
      out.conditions.push_back({canonical_field_text(condition),
                                event::holds(condition, Value::text(text)),
                                cut(json_string(text))});
    });
  }
}

void RawLine::State::explain(const TermPattern& pattern, Explanation& out) {
  for (const auto& term : pattern.terms) {
    const bool ignored = term.role == Term::Role::kAny && pattern.ignores_any;
    const bool there = found(term, line);
    out.conditions.push_back({canonical_text(term),
                              ignored || there != (term.role == Term::Role::kNone),
                              ignored ? "ignored, since terms without ? stand beside it"
                              : there ? "found"
                                      : "not found"});
  }
}

void RawLine::State::extract(const Selector& selector, Extracted& out) {
  const bool many = selector.has_wildcard();
  std::size_t count = 0;
  if (many) out.json = "[";
  select(root, selector.steps(), [&](const dom::element& element) {
    if (count++ > 0) out.json += ',';
    out.json += simdjson::to_string(element);
    std::string_view text;
    if (!many && element.get(text) == simdjson::SUCCESS) out.text = std::string(text);
    return true;
  });
  if (many) {
    out.json += ']';
  } else if (count == 0) {
    out.json = "null";
  }
  if (out.text.empty() && out.json != "\"\"") out.text = out.json;
}

RawLine::RawLine() : state_(std::make_unique<State>()) {}
RawLine::RawLine(RawLine&&) noexcept = default;
RawLine& RawLine::operator=(RawLine&&) noexcept = default;
RawLine::~RawLine() = default;

void RawLine::set(std::string_view line) {
  state_->line = line;
  state_->parsed = false;
  state_->split = false;
}

bool RawLine::is_json() {
  state_->parse();
  return state_->is_json;
}

bool RawLine::matches(const Pattern& pattern) { return state_->matches(pattern); }

Explanation RawLine::explain(const Pattern& pattern) {
  auto& state = *state_;
  Explanation out;
  out.matches = state.matches(pattern);
  switch (pattern.form()) {
    case Pattern::Form::kEverything:
      break;
    case Pattern::Form::kJson:
      if (!state.is_json) {
        out.why_not = "the line holds no JSON object or array";
        break;
      }
      for_each_condition(pattern.root(), [&](const PatternCondition& condition) {
        out.conditions.push_back(
            {canonical_text(condition), state.holds(condition), state.seen(condition.selector)});
      });
      break;
    case Pattern::Form::kDelimited:
      state.explain(*pattern.delimited(), out);
      break;
    case Pattern::Form::kTerms:
      state.explain(*pattern.terms(), out);
      break;
  }
  return out;
}

void RawLine::extract(const Pattern& pattern, std::vector<Extracted>& out) {
  auto& state = *state_;
  out.clear();
  if (pattern.form() == Pattern::Form::kDelimited) {
    const auto& fields = pattern.delimited()->fields;
    if (!fits(*pattern.delimited(), state.split_line().size())) return;
    for (std::size_t i = 0; i < fields.size(); ++i) {
      if (fields[i].is_rest()) continue;
      const auto text = field_text(*pattern.delimited(), state.line, state.tokens, i);
      out.push_back({fields[i].name, json_string(text), std::string(text)});
    }
  } else if (pattern.form() == Pattern::Form::kJson && is_json()) {
    std::set<std::string> seen;
    std::size_t bytes = 0;
    for_each_condition(pattern.root(), [&](const PatternCondition& condition) {
      Extracted value;
      value.name = condition.selector.text();
      if (!seen.insert(value.name).second) return;
      if (bytes < kMaxExtractBytes) state.extract(condition.selector, value);
      if (value.json.empty()) value.json = value.text = "null";
      bytes += value.json.size();
      out.push_back(std::move(value));
    });
  }
}

}  // namespace sightglass::event
