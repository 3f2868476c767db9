// Hostile JSON records and bodies: reading is safe, borrows only what is there, and cutting a body
// loses and invents no bytes.
// Parser: codec/json_reader.cc codec/time.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "codec/body.h"
#include "codec/fuzz_catalogue.h"
#include "codec/json_reader.h"

namespace {

using namespace sightglass;  // NOLINT: a fuzzer's one namespace

void touch(const event::Event& event) {
  std::size_t sum = 0;
  for (const auto& f : event.fields) {
    for (const char c : f.value.as_text()) sum += static_cast<unsigned char>(c);
  }
  volatile std::size_t sink = sum;
  (void)sink;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto catalogue = codec::fuzz_catalogue();
  static codec::JsonReader reader(*catalogue);
  static event::Event event;
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(codec::kPadding, ' ');
  const std::string_view record(text.data(), size);
  codec::RecordNotes notes;
  const Nanos now = 1'763'700'000 * kSecond;
  if (reader.read(record, now, event, notes) == codec::Verdict::kAccepted) {
    touch(event);
    if (event.type >= catalogue->event_types().size()) std::abort();
  }
  if (size == 0 || record.front() != '[') return 0;
  codec::ArrayCutter cutter(record);
  codec::RawRecord element;
  std::uint64_t line = 0;
  while (cutter.next(element)) {
    if (element.line != ++line) std::abort();
    if (element.text.data() < text.data() ||
        element.text.data() + element.text.size() > text.data() + size) {
      std::abort();
    }
    if (reader.read(element.text, now, event, notes) == codec::Verdict::kAccepted) touch(event);
  }
  return 0;
}
