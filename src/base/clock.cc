#include "base/clock.h"

#include <ctime>

namespace sightglass {
namespace {
Nanos read_clock(clockid_t id) {
  timespec now{};
  clock_gettime(id, &now);
  return static_cast<Nanos>(now.tv_sec) * kSecond + now.tv_nsec;
}
}  // namespace

Nanos SystemClock::wall_ns() const { return read_clock(CLOCK_REALTIME); }
Nanos SystemClock::monotonic_ns() const { return read_clock(CLOCK_MONOTONIC); }

}  // namespace sightglass
