// An engine that takes text, as an outbox's destination.
#pragma once

#include <memory>

#include "export/destination.h"
#include "export/sink.h"

namespace sightglass::exporting {

std::unique_ptr<Destination> make_destination(std::unique_ptr<Writer> writer,
                                              std::unique_ptr<Sink> sink);

}  // namespace sightglass::exporting
