#include "base/failpoint.h"

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include "base/text.h"

namespace sightglass {
namespace {

struct Failpoint {
  std::string name;
  std::atomic<std::int64_t> arrivals_left{1};

  Failpoint() {
    const char* text = std::getenv("SIGHTGLASS_FAILPOINT");
    if (text == nullptr) return;
    name = text;
    const auto colon = name.find(':');
    if (colon == std::string::npos) return;
    arrivals_left = parse_int(name.substr(colon + 1)).value_or(1);
    name.resize(colon);
  }
};

Failpoint& failpoint() {
  static Failpoint instance;
  return instance;
}

}  // namespace

bool failpoint_detail::from_environment() { return !failpoint().name.empty(); }

void arrive_at_failpoint(std::string_view name) {
  auto& armed = failpoint();
  if (armed.name != name) return;
  if (armed.arrivals_left.fetch_sub(1, std::memory_order_relaxed) == 1) std::raise(SIGKILL);
}

}  // namespace sightglass
