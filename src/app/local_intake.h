// The Unix sockets at which applications of this machine may send events.
#pragma once

#include <memory>
#include <string>

#include "app/config.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "ingest/local_sockets.h"
#include "ingest/memory_budget.h"
#include "ingest/service.h"

namespace sightglass::app {

// Null where the configuration wants none, or where they cannot be: they are a convenience, so that
// this is only logged. What is passed in must outlive them.
std::unique_ptr<ingest::LocalSockets> open_local_sockets(const Config& config,
                                                         const std::string& data_folder,
                                                         ingest::Service& service,
                                                         ingest::MemoryBudget& memory,
                                                         Telemetry& telemetry, Log& log);

}  // namespace sightglass::app
