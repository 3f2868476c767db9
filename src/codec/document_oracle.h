// What JsonDocument is held against: simdjson's DOM over the same text.
#pragma once

#include <simdjson.h>

#include <string_view>

#include "codec/json_document.h"
#include "codec/json_fault.h"

namespace sightglass::codec {

class DocumentOracle {
 public:
  // "" when `document`, which says whether it took `line`, agrees; else what it got wrong. `line`
  // is followed by kPadding readable bytes.
  std::string_view objection(const JsonDocument& document, bool taken, std::string_view line) {
    const bool valid = fault_.judge(line) == Verdict::kAccepted;
    if (taken != valid) return taken ? "it takes what is none" : "it refuses a good one";
    simdjson::dom::element root;
    const auto error = parser_.parse(line.data(), line.size(), false).get(root);
    if (!taken || error != simdjson::SUCCESS) return {};  // past 64 bits: only judge() mends that
    const auto nodes = document.nodes();
    std::size_t at = 0;
    if (!agree(root, nodes, at)) return "it reads something else";
    return at == nodes.size() ? std::string_view() : "it reads more";
  }

 private:
  using Form = JsonNode::Form;

  static bool agree(const simdjson::dom::element& element, std::span<const JsonNode> nodes,
                    std::size_t& at) {
    if (at == nodes.size()) return false;
    const auto& node = nodes[at++];
    bool same = true;
    if (element.is_object()) {
      same = node.form == Form::kObject;
      for (const auto [key, value] : simdjson::dom::object(element)) {
        same = same && at < nodes.size() && nodes[at].key() == key && agree(value, nodes, at);
      }
    } else if (element.is_array()) {
      same = node.form == Form::kArray;
      for (const auto value : simdjson::dom::array(element)) {
        same = same && agree(value, nodes, at);
      }
    } else {
      same = node.form == Form::kScalar && node.value == value_of(element);
    }
    return same && node.end == at;
  }

  static event::Value value_of(const simdjson::dom::element& element) {
    using Type = simdjson::dom::element_type;
    switch (element.type()) {
      case Type::INT64:
        return event::Value::integer(element.get_int64().value_unsafe());
      case Type::UINT64:
        return event::Value::number(static_cast<double>(element.get_uint64().value_unsafe()));
      case Type::DOUBLE:
        return event::Value::number(element.get_double().value_unsafe());
      case Type::BOOL:
        return event::Value::boolean(element.get_bool().value_unsafe());
      case Type::STRING:
        return event::Value::text(element.get_string().value_unsafe());
      default:
        return {};
    }
  }

  JsonFault fault_;
  simdjson::dom::parser parser_;
};

}  // namespace sightglass::codec
