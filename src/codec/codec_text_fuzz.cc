// Hostile activity lines: reading is safe, and every value is a part of the line or of its quotes.
// Parser: codec/text_reader.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "codec/body.h"
#include "codec/fuzz_catalogue.h"
#include "codec/text_reader.h"

using namespace sightglass;  // NOLINT: a fuzzer's one namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto catalogue = codec::fuzz_catalogue();
  static codec::JsonReader json(*catalogue);
  static codec::TextReader reader(*catalogue, json);
  static event::Event event;
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(codec::kPadding, ' ');
  codec::LineCutter cutter(std::string_view(text).substr(0, size));
  codec::RawRecord line;
  codec::RecordNotes notes;
  while (cutter.next(line)) {
    if (line.text.find('\n') != std::string_view::npos || line.text.empty()) std::abort();
    const auto verdict = reader.read(line.text, 1'763'700'000 * kSecond, event, notes);
    if (verdict != codec::Verdict::kAccepted) continue;
    std::size_t bytes = 0;
    for (const auto& f : event.fields) bytes += f.value.as_text().size();
    // `unknown` stands for a user that is missing.
    if (bytes > line.text.size() + 7) std::abort();
  }
  return 0;
}
