// Hostile journal payloads: decoding is safe, and what it accepts is written and read again equal.
// Parser: event/event.cc
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "event/event.h"

namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

bool same(const sightglass::event::Value& a, const sightglass::event::Value& b) {
  if (a.kind() != b.kind()) return false;
  return a.kind() == sightglass::event::Kind::kDouble ? same_bits(a.as_double(), b.as_double())
                                                      : a == b;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::event::Event;
  const sightglass::Bytes payload(reinterpret_cast<const char*>(data), size);
  Event event;
  if (!sightglass::event::decode(payload, event)) return 0;
  std::string written;
  sightglass::event::encode(event, written);
  Event again;
  if (!sightglass::event::decode(written, again)) std::abort();
  if (again.type != event.type || again.level != event.level || again.time_ns != event.time_ns ||
      again.meters.size() != event.meters.size() || again.fields.size() != event.fields.size()) {
    std::abort();
  }
  for (std::size_t i = 0; i < event.meters.size(); ++i) {
    if (again.meters[i].meter != event.meters[i].meter ||
        again.meters[i].has_value != event.meters[i].has_value ||
        !same_bits(again.meters[i].value, event.meters[i].value)) {
      std::abort();
    }
  }
  for (std::size_t i = 0; i < event.fields.size(); ++i) {
    if (again.fields[i].field != event.fields[i].field ||
        !same(again.fields[i].value, event.fields[i].value)) {
      std::abort();
    }
  }
  return 0;
}
