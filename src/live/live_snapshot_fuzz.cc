// Any bytes as a snapshot: refused, or a state that saves to bytes which load to the same state.
// Parser: live/totals.cc:load
#include <cstdlib>
#include <string>

#include "live/totals.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  live::TotalsFold fold;
  if (!fold.load({reinterpret_cast<const char*>(data), size})) return 0;
  std::string first, second;
  fold.save(first);
  live::TotalsFold other;
  if (!other.load(first)) std::abort();
  other.save(second);
  if (first != second) std::abort();
  return 0;
}
