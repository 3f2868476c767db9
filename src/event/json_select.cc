#include "event/json_select.h"

namespace sightglass::event {
namespace {

namespace dom = simdjson::dom;
using Visit = std::function<bool(const dom::element&)>;

// The last member that the path names: `a.b` is the member b of the object a as well as the member
// "a.b". An object is reached by one chain of keys only, so each is walked once.
bool find_path(const dom::object& object, std::string_view path, dom::element& out) {
  bool found = false;
  for (const auto member : object) {
    const auto key = member.key;
    if (!path.starts_with(key)) continue;
    if (key.size() == path.size()) {
      out = member.value;
      found = true;
    } else if (path[key.size()] == '.') {
      dom::object inner;
      if (member.value.get(inner) != simdjson::SUCCESS) continue;
      found = find_path(inner, path.substr(key.size() + 1), out) || found;
    }
  }
  return found;
}

// False: the visitor has seen enough.
bool walk(const dom::element& at, std::span<const SelectorStep> steps, const Visit& visit) {
  if (steps.empty()) return visit(at);
  const auto rest = steps.subspan(1);
  dom::object object;
  dom::array array;
  switch (steps[0].kind) {
    case SelectorStep::Kind::kPath: {
      dom::element found;
      if (at.get(object) != simdjson::SUCCESS) return true;
      return !find_path(object, steps[0].path, found) || walk(found, rest, visit);
    }
    case SelectorStep::Kind::kIndex: {
      dom::element found;
      if (at.get(array) != simdjson::SUCCESS) return true;
      if (array.at(steps[0].index).get(found) != simdjson::SUCCESS) return true;
      return walk(found, rest, visit);
    }
    case SelectorStep::Kind::kEachElement:
      if (at.get(array) != simdjson::SUCCESS) return true;
      for (const auto element : array) {
        if (!walk(element, rest, visit)) return false;
      }
      return true;
    case SelectorStep::Kind::kEachMember:
      if (at.get(object) != simdjson::SUCCESS) return true;
      for (const auto member : object) {
        if (!walk(member.value, rest, visit)) return false;
      }
      return true;
  }
  return true;
}

}  // namespace

Value value_of(const dom::element& element) {
  switch (element.type()) {
    case dom::element_type::NULL_VALUE:
      return {};
    case dom::element_type::BOOL:
      return Value::boolean(element.get_bool().value_unsafe());
    case dom::element_type::INT64:
      return Value::integer(element.get_int64().value_unsafe());
    case dom::element_type::UINT64:
      return Value::number(static_cast<double>(element.get_uint64().value_unsafe()));
    case dom::element_type::DOUBLE:
      return Value::number(element.get_double().value_unsafe());
    case dom::element_type::STRING:
      return Value::text(element.get_string().value_unsafe());
    case dom::element_type::ARRAY:
    case dom::element_type::OBJECT:
      break;
  }
  return Value::nested();
}

void select(const dom::element& root, std::span<const SelectorStep> steps, const Visit& visit) {
  walk(root, steps, visit);
}

void widen_integers(std::string_view json, std::string& out) {
  constexpr std::size_t kExactDigits = 18;
  const auto is_number_byte = [](char c) {
    return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E';
  };
  out.clear();
  bool in_string = false;
  for (std::size_t i = 0; i < json.size();) {
    const char c = json[i];
    if (in_string && c == '\\') {
      out.append(json.substr(i, 2));
      i += 2;
      continue;
    }
    if (c == '"') in_string = !in_string;
    if (in_string || !((c >= '0' && c <= '9') || c == '-')) {
      out += c;
      ++i;
      continue;
    }
    auto end = i;
    while (end < json.size() && is_number_byte(json[end])) ++end;
    const auto number = json.substr(i, end - i);
    out += number;
    const bool whole = number.find_first_of(".eE+") == std::string_view::npos;
    if (whole && number.size() > kExactDigits) out += ".0";
    i = end;
  }
}

}  // namespace sightglass::event
