// Room-internal: what is wrong with a record.
#pragma once

#include <memory>
#include <string_view>

#include "codec/verdict.h"

namespace sightglass::codec {

// Tells the faults apart that JsonDocument::read only refuses; with simdjson's DOM, by itself, so
// that a fuzzer can hold the two against each other.
// Threads: one. Cost: two to three times a good record's; memory as JsonDocument.
class JsonFault {
 public:
  JsonFault();
  ~JsonFault();

  // kAccepted: nothing. `text` is followed by kPadding readable bytes.
  Verdict judge(std::string_view text);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::codec
