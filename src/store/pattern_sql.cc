#include "store/pattern_sql.h"

#include <algorithm>

namespace sightglass::store {
namespace {

using event::Comparison;
using event::PatternCondition;
using event::PatternNode;

bool is_built_in(std::string_view path) { return path == "event_type" || path == "level"; }

std::string compared(const PatternCondition& asked, const std::string& column,
                     const std::string& literal) {
  switch (asked.comparison) {
    case Comparison::kNotEqual:
      return column + " IS DISTINCT FROM " + literal;
    case Comparison::kLess:
      return column + " < " + literal;
    case Comparison::kLessEqual:
      return column + " <= " + literal;
    case Comparison::kGreater:
      return column + " > " + literal;
    case Comparison::kGreaterEqual:
      return column + " >= " + literal;
    default:
      return column + " = " + literal;
  }
}

// The text that the value must be, byte for byte; null when more than that is asked.
const std::string* plain_text(const PatternCondition& asked) {
  const auto& literal = asked.literal;
  const bool equality =
      asked.comparison == Comparison::kEqual || asked.comparison == Comparison::kNotEqual;
  if (!equality || literal.regex != nullptr || literal.pieces.size() != 1) return nullptr;
  if (literal.is_number && !literal.quoted) return nullptr;
  const auto& text = literal.pieces[0];
  return text.find('\0') == std::string::npos ? &text : nullptr;
}

}  // namespace

std::string PatternSql::condition(const PatternNode& pattern) {
  switch (pattern.type) {
    case PatternNode::Type::kEverything:
      return "true";
    case PatternNode::Type::kCondition:
      return decide(pattern.condition);
    case PatternNode::Type::kAnd:
    case PatternNode::Type::kOr:
      break;
  }
  std::string sql;
  for (const auto& child : pattern.children) {
    if (!sql.empty()) sql += pattern.type == PatternNode::Type::kAnd ? " AND " : " OR ";
    sql += condition(child);
  }
  return "(" + sql + ")";
}

std::vector<Column> PatternSql::columns_of(const PatternNode& pattern) const {
  std::vector<Column> out;
  event::for_each_condition(pattern, [&](const PatternCondition& asked) {
    const auto* const column = column_of(asked.selector.path());
    if (column == nullptr) return;
    const auto same = [&](const Column& other) { return other.name == column->name; };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(*column);
  });
  return out;
}

const Column* PatternSql::column_of(std::string_view path) const {
  if (!is_built_in(path)) {
    const auto id = catalogue_.field(path);
    if (id == event::kNoField) return nullptr;
    path = catalogue_.fields()[id].name;
  }
  const auto at = std::find_if(columns_.begin(), columns_.end(),
                               [&](const Column& column) { return column.name == path; });
  return at == columns_.end() ? nullptr : &*at;
}

// Nothing is negated, so that NULL may count as false.
std::string PatternSql::decide(const PatternCondition& asked) {
  const auto path = asked.selector.path();
  const auto* const found = column_of(path);
  if (found == nullptr) {
    // What nobody reads never counts anything.
    const bool known = catalogue_.slot(asked.selector) != event::kNoField;
    return known && holds_when_missing(asked) ? "true" : "false";
  }
  const auto column = duck::quoted_name(found->name);
  if (is_built_in(path)) {
    if (const auto* const text = plain_text(asked); text != nullptr && knows(path, *text)) {
      return compared(asked, column, duck::quoted_text(*text));
    }
    return ask(*found, of_built_in(asked, path));
  }
  const auto& literal = asked.literal;
  switch (asked.comparison) {
    case Comparison::kNotExists:
      return column + " IS NULL";
    case Comparison::kIsNull:
      return "false";  // a null is not stored
    case Comparison::kIsTrue:
    case Comparison::kIsFalse:
      if (found->type != duck::Type::kBoolean) return "false";
      return asked.comparison == Comparison::kIsTrue ? column : "NOT " + column;
    default:
      break;
  }
  if (asked.comparison == Comparison::kEqual && literal.is_any()) return column + " IS NOT NULL";
  if (found->type == duck::Type::kBigint && literal.is_number && literal.number.is_int) {
    return compared(asked, column, std::to_string(literal.number.as_int) + "::BIGINT");
  }
  if (found->type == duck::Type::kText) {
    if (const auto* const text = plain_text(asked)) {
      return compared(asked, column, duck::quoted_text(*text));
    }
  }
  return ask(*found, [asked](const event::Value& value) {
    return value.is_null() ? holds_when_missing(asked) : holds(asked, value);
  });
}

// A type of an event that the catalogue does not know reads as "_other".
bool PatternSql::knows(std::string_view path, const std::string& text) const {
  return path == "level" || catalogue_.event_type(text) != event::kOtherEvent;
}

duck::Functions::Predicate PatternSql::of_built_in(const PatternCondition& asked,
                                                   std::string_view path) const {
  if (path == "level") {
    return [asked](const event::Value& value) { return holds(asked, value); };
  }
  return [asked, catalogue = &catalogue_](const event::Value& value) {
    const auto& type = catalogue->event_types()[catalogue->event_type(value.as_text())];
    return holds(asked, event::Value::text(type.name));
  };
}

std::string PatternSql::ask(const Column& column, duck::Functions::Predicate predicate) {
  const auto number = std::to_string(predicates_.size()) + "::BIGINT";
  predicates_.push_back(std::move(predicate));
  std::string type(duck::sql_name(column.type));
  for (auto& c : type) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
  return "sg_holds_" + type + "(" + number + ", " + duck::quoted_name(column.name) + ")";
}

}  // namespace sightglass::store
