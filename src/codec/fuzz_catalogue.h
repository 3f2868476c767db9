// The catalogue that the codec's fuzzers read with: one field of each kind, nested and not, and
// selectors that only patterns use.
#pragma once

#include <cstdlib>
#include <memory>

#include "event/catalogue.h"

namespace sightglass::codec {

inline std::shared_ptr<const event::Catalogue> fuzz_catalogue() {
  auto parsed = event::Catalogue::parse(R"(
pack: fuzz
version: 1
fields:
  user_id:  { kind: text, class: identifier, identifier: u, aliases: [user] }
  model:    { kind: text, class: name, aliases: [modelId] }
  n:        { kind: int, class: count, aliases: [sse.n] }
  ms:       { kind: double, class: duration, aliases: [sse.ms] }
  flag:     { kind: bool, class: flag }
  status:   { kind: any, class: category }
  prompt:   { kind: text, class: content }
  ingested: { kind: bool, class: flag }
events:
  call: { level: info }
  fail: { level: error }
meters:
  - { metric: a_total, type: counter, help: A., match: '{ $.list[0] = 1 }' }
  - { metric: b_total, type: counter, help: B., match: '{ $.list[*] = 1 }' }
  - { metric: c_total, type: counter, help: C., match: '{ $.deep.down[*].x = "y" }' }
)");
  if (!parsed) std::abort();
  return *parsed;
}

}  // namespace sightglass::codec
