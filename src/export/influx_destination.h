// InfluxDB as an outbox's destination: a point for every request.
#pragma once

#include <memory>
#include <string>

#include "export/destination.h"
#include "export/influx.h"

namespace sightglass::exporting {

std::unique_ptr<Destination> make_influx_destination(std::string measurement, std::string gateway,
                                                     std::unique_ptr<LineSink> sink);

}  // namespace sightglass::exporting
