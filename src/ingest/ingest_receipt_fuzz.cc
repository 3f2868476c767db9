// Hostile receipts and snapshots: decoding is safe, and what it accepts is written again equal.
// Parser: ingest/receipt.cc:decode_receipt|is_source ingest/id_window.cc:load|place|find
#include <cstdint>
#include <cstdlib>
#include <string>

#include "ingest/marks_fold.h"

using namespace sightglass;  // NOLINT: a fuzzer's one namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const char*>(data), size);
  if (const auto receipt = ingest::decode_receipt(bytes)) {
    const auto again = ingest::decode_receipt(ingest::encode(*receipt));
    if (!again || again->source != receipt->source || again->end != receipt->end ||
        again->ids != receipt->ids || again->accepted != receipt->accepted) {
      std::abort();
    }
  }
  ingest::MarksFold fold(100);
  if (fold.load(bytes)) {
    std::string saved, second;
    fold.save(saved);
    ingest::MarksFold other(100);
    if (!other.load(saved)) std::abort();
    other.save(second);
    if (saved != second) std::abort();
  }
  return 0;
}
