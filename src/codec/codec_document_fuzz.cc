// Hostile lines: one by one and several at a time they are read alike, and as simdjson's DOM reads
// them.
// Parser: codec/json_document.cc codec/json_scalars.cc codec/json_fault.cc
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "codec/body.h"
#include "codec/document_oracle.h"
#include "codec/json_reader.h"

namespace {

using namespace sightglass::codec;  // NOLINT: a fuzzer's one namespace

void check(std::string_view text, JsonDocument& document, DocumentOracle& oracle) {
  LineCutter cutter(text);
  RawRecord record;
  while (cutter.next(record)) {
    const bool taken = document.read(record.text);
    const auto objection = oracle.objection(document, taken, record.text);
    if (objection.empty()) continue;
    std::fprintf(stderr, "%.*s: %.*s\n", static_cast<int>(objection.size()), objection.data(),
                 static_cast<int>(record.text.size()), record.text.data());
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static JsonDocument document;
  static DocumentOracle oracle;
  std::string text(reinterpret_cast<const char*>(data), size);
  text.append(kPadding, ' ');
  const std::string_view lines(text.data(), size);
  check(lines, document, oracle);
  document.look_ahead(lines);
  check(lines, document, oracle);
  document.forget_ahead();
  return 0;
}
