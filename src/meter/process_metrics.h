// What the kernel says about this process, under the names that every Prometheus client uses.
#pragma once

#include "base/telemetry.h"

namespace sightglass::meter {

// Registers process_resident_memory_bytes, process_cpu_seconds_total, process_start_time_seconds
// and process_open_fds. Read from /proc/self when collected; 0 where /proc cannot be read.
void register_process_metrics(Telemetry& telemetry);

}  // namespace sightglass::meter
