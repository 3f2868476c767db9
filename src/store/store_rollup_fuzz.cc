// Any bytes as a roll-up file: refused, or cells that are written as bytes that read back the same.
// The checksum is made right first, so that what lies behind it is reached. Adding to the file
// without taking it apart gives what adding to its cells does.
//
// Parser: store/rollup.cc:decode_rollup store/value_histogram.cc:load
// store/rollup_merge.cc:merge_rollup
#include <cmath>
#include <cstdlib>
#include <string>

#include "base/crc32c.h"
#include "store/rollup_merge.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  std::string bytes(reinterpret_cast<const char*>(data), size);
  (void)store::decode_rollup(bytes);
  ByteWriter(bytes).u32(crc32c(Bytes(bytes)));
  const auto got = store::decode_rollup(bytes);
  const store::RollupTable none;
  (void)store::merge_rollup(bytes, {none.cells().begin(), none.cells().end()});
  if (!got) return 0;
  const auto& cells = got->table.cells();
  const auto merged = store::merge_rollup(bytes, {cells.begin(), cells.end()});
  auto doubled = got->table;
  doubled.add(got->table);
  if (!merged || *merged != store::encode_rollup(got->step, got->partition_ns, doubled)) {
    std::abort();
  }
  const auto again = store::encode_rollup(got->step, got->partition_ns, got->table);
  const auto twice = store::decode_rollup(again);
  if (!twice || twice->table.cells() != got->table.cells()) std::abort();
  for (const auto& [key, cell] : got->table.cells()) {
    for (const std::uint32_t q : {1u, 50'000u, 100'000u}) {
      if (!std::isfinite(cell.latency.quantile(q))) std::abort();
    }
  }
  return 0;
}
