// Which events of a sampled type become rows and lines.
#pragma once

#include <cstdint>

#include "event/catalogue.h"

namespace sightglass::event {

// Of a type with `sample: N` one in N, by the event's position in the journal: the same ones in
// every fold and in every replay. The position is mixed first (splitmix64), since types alternate
// in the journal and a plain remainder would keep all of one and none of another.
inline bool is_kept(const EventType& type, std::uint64_t position) {
  if (type.sample <= 1) return true;
  auto x = position + 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return (x ^ (x >> 31)) % type.sample == 0;
}

}  // namespace sightglass::event
