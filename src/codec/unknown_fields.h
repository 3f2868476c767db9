// Room-internal: what no pack knows, set aside for the door where a pack has a rule for it.
#pragma once

#include <string_view>

#include "codec/json_reader.h"
#include "event/event.h"

namespace sightglass::codec {

inline constexpr std::size_t kMostUnknown = 64;  // of one record; further ones are dropped

// False: it is no scalar, the name is the mark that is ours to set, or there is no room. A name
// given twice counts as given last.
inline bool set_aside(std::string_view name, const event::Value& value, event::Event& out,
                      RecordNotes& notes) {
  if (value.is_null() || name == "ingested") return false;
  for (auto& earlier : out.unknown) {
    if (earlier.name != name) continue;
    earlier.value = value;
    ++notes.unknown_fields;
    return true;
  }
  if (out.unknown.size() == kMostUnknown) return false;
  out.unknown.push_back({name, value});
  return true;
}

}  // namespace sightglass::codec
