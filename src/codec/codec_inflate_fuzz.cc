// Hostile compressed bodies: the first byte chooses the coding; what comes out keeps its bounds.
// Parser: codec/body.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "codec/body.h"

using namespace sightglass;  // NOLINT: a fuzzer's one namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto coding = static_cast<codec::Coding>(data[0] % 4);
  const std::string_view body(reinterpret_cast<const char*>(data) + 1, size - 1);
  std::string out;
  std::size_t room = 4u << 20;
  const auto done = codec::inflate(coding, body, out, [&](std::size_t bytes) {
    if (bytes > room) return false;
    room -= bytes;
    return true;
  });
  if (out.size() > (4u << 20)) std::abort();
  if (done != codec::Inflated::kDone) return 0;
  codec::LineCutter lines(out);
  codec::RawRecord record;
  while (lines.next(record)) {
    if (record.text.empty()) std::abort();
  }
  if (!out.starts_with('[')) return 0;
  codec::ArrayCutter elements(out);
  while (elements.next(record)) {
    if (record.text.size() > out.size()) std::abort();
  }
  return 0;
}
