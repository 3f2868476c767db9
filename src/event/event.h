// An event that passed the door, as it lies in the journal.
//
// Payload of a journal record of kind kEvent, little-endian:
//   varint type        EventTypeId of the catalogue in force
//   u8     level
//   i64    time_ns     event time, Unix nanoseconds UTC
//   varint n_meters    then per matched meter: varint MeterId, u8 has_value, [f64 value]
//                      has_value only where the value's field does not itself pass, or
//                      where another field gave the number (Meter::or_value)
//   varint n_fields    then per field: varint FieldId, u8 Kind, value
//                      kBool u8 · kInt zigzag varint · kDouble f64 · kText varint length + bytes
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/log.h"
#include "event/catalogue.h"
#include "event/value.h"

namespace sightglass::event {

struct FieldValue {
  FieldId field = kNoField;
  Value value;
};

struct MeterHit {
  MeterId meter = 0;
  bool has_value = false;
  double value = 0;
};

// Of a raw record, what no pack knows and some pack has a rule for (Catalogue::keep_rules).
struct UnknownField {
  std::string_view name;
  Value value;
};

// A decoded event. Ownership: text is borrowed from the payload. Reuse one object for many events;
// decoding then allocates nothing in the steady state.
struct Event {
  EventTypeId type = kOtherEvent;
  Level level = Level::kInfo;
  Nanos time_ns = 0;
  std::vector<MeterHit> meters;
  std::vector<FieldValue> fields;     // in the writer's order, at most one per FieldId; before the
                                      // door also what Catalogue::match_only() asks for
  std::vector<UnknownField> unknown;  // of raw records only; behind the door those that it kept

  Value get(FieldId field) const {  // null when absent
    for (const auto& f : fields) {
      if (f.field == field) return f.value;
    }
    return {};
  }
};

// False when the bytes are malformed; `out` is then unspecified. Ids are not checked against a
// catalogue here.
[[nodiscard]] bool decode(Bytes payload, Event& out);

// The same without the fields, for readers that mostly need none: about a tenth of the work. False
// when what stands before the fields is malformed.
[[nodiscard]] bool decode_head(Bytes payload, Event& out);

// Appends the payload. Cost: about 3 ns a field.
void encode(const Event& event, std::string& out);

}  // namespace sightglass::event
