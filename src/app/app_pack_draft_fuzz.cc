// Hostile logs: whatever the lines hold, the draft is a pack.
// Parser: app/pack_draft.cc
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "app/pack_draft.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::event::Catalogue;
  if (size > 4096) return 0;
  static const auto known = Catalogue::parse(
      "pack: known\nversion: 1\nfields:\n"
      "  user_id: { kind: text, class: identifier, identifier: u, aliases: [userId] }\n"
      "events: { seen: { level: info } }\n");
  sightglass::app::PackDraft draft(*known);
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    draft.add_line(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  const auto text = draft.text("own", "fuzz");
  if (!Catalogue::parse((*known)->text() + "---\n" + text)) std::abort();
  return 0;
}
