// Named points at which a test kills this process, to prove what a SIGKILL there may cost. The
// list of points is docs/failpoints.md.
//
// With SIGHTGLASS_FAILPOINT=name[:count] in the environment the count-th arrival (default: the
// first) at SG_FAILPOINT("name") raises SIGKILL: no destructor, no flush, no handler runs.
//
// This is the one permitted piece of process-wide state: a failpoint stands for the machine, which
// a process has one of, and it must be reachable from the deepest function without passing through
// every constructor. It is read from the environment once, on the first arrival, and is immutable
// afterwards but for the count.
// Cost when unset: one guarded load of a bool that never changes.
#pragma once

#include <string_view>

namespace sightglass {

namespace failpoint_detail {
bool from_environment();
}  // namespace failpoint_detail

inline bool failpoints_armed() {
  static const bool armed = failpoint_detail::from_environment();
  return armed;
}

// Counts an arrival at `name`; dies when it is the one that the environment asked for.
void arrive_at_failpoint(std::string_view name);

}  // namespace sightglass

#define SG_FAILPOINT(name)                                                         \
  do {                                                                             \
    if (::sightglass::failpoints_armed()) ::sightglass::arrive_at_failpoint(name); \
  } while (false)
