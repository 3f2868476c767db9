// Hostile packs: a catalogue or an error, and every pattern of a catalogue compiles.
// Parser: event/pack_document.cc event/catalogue_builder.cc event/meter_builder.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "event/catalogue.h"
#include "event/pattern.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::event::Catalogue;
  using sightglass::event::MatchPlan;
  // The YAML library takes more than linear time for nested brackets; a pack is the operator's own
  // file, so that its size is what bounds it.
  if (size > 4096) return 0;
  const auto catalogue = Catalogue::parse(std::string(reinterpret_cast<const char*>(data), size));
  if (!catalogue) {
    if (catalogue.error().message.empty()) std::abort();
    return 0;
  }
  const auto plan = MatchPlan::compile(*catalogue);
  if (!plan) std::abort();
  sightglass::event::Event event;
  for (std::size_t i = 0; i < (*catalogue)->fields().size(); ++i) {
    event.fields.push_back(
        {static_cast<sightglass::event::FieldId>(i), sightglass::event::Value::text("x")});
  }
  MatchPlan::Scratch scratch;
  (*plan)->match(event, scratch);
  return 0;
}
