// What the program does to its own process before it holds a secret.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"

namespace sightglass::app {

// No core dumps and no debugger (unless `dumpable`), as many descriptors as the hard limit allows,
// and a handler that prints addresses only when the program crashes.
void harden_process(bool dumpable);

struct ProcessNumbers {
  std::int64_t resident_bytes = 0;
  std::int64_t limit_bytes = 0;  // of the container, else of the machine
  std::int64_t threads = 0;
  std::vector<std::pair<std::string, std::int64_t>> threads_by_name;  // "io-1" counts as "io"
};
ProcessNumbers process_numbers();  // from /proc and cgroups; zeros where they cannot be read

}  // namespace sightglass::app
