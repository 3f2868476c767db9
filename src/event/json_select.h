// Room-internal: selectors over a parsed JSON document (simdjson's DOM).
#pragma once

#include <simdjson.h>

#include <functional>
#include <span>

#include "event/selector.h"
#include "event/value.h"

namespace sightglass::event {

// Ownership: text is borrowed from the document. Integers past 64 bits are doubles; objects and
// arrays Value::nested().
Value value_of(const simdjson::dom::element& element);

// Calls `visit` for what the steps name, in the document's order, until it returns false. Without
// a wildcard that is one element or none: of several that a path names, the last one.
// Cost: linear in the members of the objects and arrays on the way.
void select(const simdjson::dom::element& root, std::span<const SelectorStep> steps,
            const std::function<bool(const simdjson::dom::element&)>& visit);

// The same text with `.0` behind integers of more than 18 digits, which simdjson would refuse.
// Source: RFC 8259 section 6, where a number has no bounds.
void widen_integers(std::string_view json, std::string& out);

}  // namespace sightglass::event
