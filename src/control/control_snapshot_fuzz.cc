// Any bytes as a snapshot: refused, or a state that saves to bytes which load to the same state.
// Parser: control/clients_fold.cc:load control/client_use.cc:load control/output_sizes.cc:load
#include <cstdlib>
#include <string>

#include "control/clients_fold.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  control::ClientsFold fold;
  if (!fold.load({reinterpret_cast<const char*>(data), size})) return 0;
  std::string first, second;
  fold.save(first);
  control::ClientsFold other;
  if (!other.load(first)) std::abort();
  other.save(second);
  if (first != second) std::abort();
  static_cast<void>(other.usual_outputs(1'795'219'200 * kSecond));
  return 0;
}
