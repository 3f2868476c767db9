#include "event/pattern.h"

#include <set>

#include "base/text.h"
#include "event/pattern_node.h"
#include "event/pattern_parser.h"

namespace sightglass::event {
namespace {

constexpr std::string_view kEventType = "event_type";
constexpr std::string_view kLevel = "level";

using Type = PatternNode::Type;

bool is_built_in(const Selector& selector) {
  return selector.path() == kEventType || selector.path() == kLevel;
}

bool decide(const PatternCondition& condition, const Catalogue& catalogue, const Event& event) {
  if (condition.selector.path() == kEventType) {
    const auto type = event.type < catalogue.event_types().size() ? event.type : kOtherEvent;
    return holds(condition, Value::text(catalogue.event_types()[type].name));
  }
  if (condition.selector.path() == kLevel) {
    return holds(condition, Value::text(level_name(event.level)));
  }
  const auto slot = catalogue.slot(condition.selector);
  if (slot == kNoField) return false;  // what nobody reads never counts anything
  bool given = false;
  for (auto at = event.fields.rbegin(); at != event.fields.rend(); ++at) {
    if (at->field != slot) continue;
    if (!condition.selector.has_wildcard()) return holds(condition, at->value);
    if (holds(condition, at->value)) return true;
    given = true;
  }
  return !given && holds_when_missing(condition);
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  const auto best = nearest(word, known.data(), known.size());
  return best ? "; did you mean " + *best + "?" : std::string();
}

void warn_of_event_type(const PatternCondition& condition, const Catalogue& catalogue,
                        std::vector<std::string>& out) {
  if (condition.comparison != Comparison::kEqual) return;
  std::vector<std::string_view> names;
  for (const auto& type : catalogue.event_types()) {
    if (holds(condition, Value::text(type.name))) return;
    names.push_back(type.name);
  }
  const auto& pieces = condition.literal.pieces;
  out.push_back("no pack knows an event type that satisfies " + canonical_text(condition) +
                (pieces.size() == 1 ? did_you_mean(pieces[0], names) : std::string()));
}

void warn_of_field(const PatternCondition& condition, const Catalogue& catalogue,
                   std::vector<std::string>& out) {
  if (!condition.selector.is_path()) return;  // read from raw records on its own account
  const auto name = condition.selector.path();
  const auto id = catalogue.field(name);
  if (id == kNoField) {
    std::vector<std::string_view> names{kEventType, kLevel};
    for (const auto& field : catalogue.fields()) {
      names.push_back(field.name);
      names.insert(names.end(), field.aliases.begin(), field.aliases.end());
    }
    const bool asked = catalogue.slot(condition.selector) != kNoField;
    out.push_back("no pack knows the field " + std::string(name) +
                  (asked ? ", so it is seen in raw records only, at the door"
                         : ", so the condition on it never holds") +
                  did_you_mean(name, names));
    return;
  }
  const auto& field = catalogue.fields()[id];
  const bool compares =
      condition.comparison == Comparison::kEqual || condition.comparison == Comparison::kNotEqual;
  if (!compares || field.values.empty()) return;
  for (const auto& value : field.values) {
    PatternCondition equal = condition;
    equal.comparison = Comparison::kEqual;
    if (holds(equal, Value::text(value))) return;
  }
  const auto& pieces = condition.literal.pieces;
  const std::vector<std::string_view> values(field.values.begin(), field.values.end());
  out.push_back("the list of values of " + field.name + " has none that equals the one in " +
                canonical_text(condition) +
                (pieces.size() == 1 ? did_you_mean(pieces[0], values) : std::string()));
}

}  // namespace

// One member counts, by the form.
struct Pattern::Parsed {
  Form form = Form::kEverything;
  PatternNode node;  // kOr without children for patterns over lines: an event alone never decides
  DelimitedPattern delimited;
  TermPattern terms;
};

Pattern::Pattern() : parsed_(std::make_unique<Parsed>()) {}
Pattern::Pattern(Pattern&&) noexcept = default;
Pattern& Pattern::operator=(Pattern&&) noexcept = default;
Pattern::~Pattern() = default;

Result<Pattern> Pattern::parse(std::string_view text) {
  if (text.size() > kMaxBytes) return fail(Code::kTooLarge, "a pattern has at most 4096 bytes");
  PatternCursor cursor(text);
  cursor.skip_blanks();
  Pattern pattern;
  pattern.text_ = std::string(text);
  auto& parsed = *pattern.parsed_;
  if (cursor.done()) return pattern;
  if (cursor.peek() == '{') {
    parsed.form = Form::kJson;
    SG_ASSIGN(parsed.node, parse_json_pattern(cursor));
    return pattern;
  }
  parsed.node.type = Type::kOr;
  if (cursor.peek() == '[') {
    parsed.form = Form::kDelimited;
    SG_ASSIGN(parsed.delimited, parse_delimited_pattern(cursor));
  } else {
    parsed.form = Form::kTerms;
    SG_ASSIGN(parsed.terms, parse_term_pattern(cursor));
  }
  return pattern;
}

Pattern::Form Pattern::form() const { return parsed_->form; }
const PatternNode& Pattern::root() const { return parsed_->node; }
const DelimitedPattern* Pattern::delimited() const {
  return form() == Form::kDelimited ? &parsed_->delimited : nullptr;
}
const TermPattern* Pattern::terms() const {
  return form() == Form::kTerms ? &parsed_->terms : nullptr;
}

bool Pattern::matches(const Catalogue& catalogue, const Event& event) const {
  if (reads_line()) {
    const auto slot = catalogue.match_only(canonical());
    bool out = false;
    for (const auto& given : event.fields) {
      if (slot != kNoField && given.field == slot) out = given.value.as_bool();
    }
    return out;
  }
  return evaluate(root(), [&](const PatternCondition& condition) {
    return decide(condition, catalogue, event);
  });
}

std::vector<std::string> Pattern::event_type_warnings(const Catalogue& catalogue) const {
  std::vector<std::string> out;
  for_each_condition(root(), [&](const PatternCondition& condition) {
    if (condition.selector.path() == kEventType) warn_of_event_type(condition, catalogue, out);
  });
  return out;
}

std::vector<std::string> Pattern::warnings(const Catalogue& catalogue) const {
  auto out = event_type_warnings(catalogue);
  for_each_condition(root(), [&](const PatternCondition& condition) {
    if (!is_built_in(condition.selector)) warn_of_field(condition, catalogue, out);
  });
  if (form() == Form::kTerms && parsed_->terms.ignores_any) {
    out.emplace_back("terms with ? are ignored where others stand beside them");
  }
  return out;
}

Status Pattern::check_behind_door(const Catalogue& catalogue) const {
  constexpr std::string_view kAtTheDoor =
      "; this pattern can run at the door only, as a meter's match";
  if (reads_line()) {
    return fail(Code::kInvalid,
                "the text of a line never passes the door" + std::string(kAtTheDoor));
  }
  Status status;
  for_each_condition(root(), [&](const PatternCondition& condition) {
    if (!status) return;
    if (!condition.selector.is_path()) {
      status = fail(Code::kInvalid, condition.selector.text() +
                                        " reaches into an array or an object, which never passes "
                                        "the door" +
                                        std::string(kAtTheDoor));
      return;
    }
    const auto id = catalogue.field(condition.selector.path());
    if (id == kNoField) return;
    const auto& field = catalogue.fields()[id];
    const auto& literal = condition.literal;
    const bool compares = condition.comparison <= Comparison::kGreaterEqual && !literal.is_any();
    std::string_view reason;
    if (!passes(field.field_class)) {
      reason = " never passes the door";
    } else if (field.field_class == FieldClass::kIdentifier && compares) {
      reason = " passes the door as a pseudonym, so only its presence can be asked for";
    } else {
      return;
    }
    status = fail(Code::kInvalid, "the field " + field.name + " (class " +
                                      std::string(class_name(field.field_class)) + ")" +
                                      std::string(reason) + std::string(kAtTheDoor));
  });
  return status;
}

std::string Pattern::canonical() const {
  switch (form()) {
    case Form::kDelimited:
      return canonical_text(parsed_->delimited);
    case Form::kTerms:
      return canonical_text(parsed_->terms);
    case Form::kEverything:
    case Form::kJson:
      break;
  }
  return canonical_text(root());
}

std::vector<Selector> Pattern::selectors() const {
  std::vector<Selector> out;
  std::set<std::string> seen;
  for_each_condition(root(), [&](const PatternCondition& condition) {
    if (is_built_in(condition.selector)) return;
    if (seen.insert(condition.selector.text()).second) out.push_back(condition.selector);
  });
  return out;
}

bool Pattern::needs_event_type() const {
  return !reads_line() && !evaluate(root(), [](const PatternCondition& condition) {
    return condition.selector.path() != kEventType;
  });
}

}  // namespace sightglass::event
