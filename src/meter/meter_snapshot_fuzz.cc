// Any bytes as a snapshot: refused, or a state that saves to bytes which load to the same state.
// Parser: meter/meter_fold.cc:load meter/series_table.cc:load
#include <cstdlib>
#include <string>

#include "meter/meter_fold.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass;
  Telemetry telemetry;
  meter::MeterFold fold(telemetry);
  if (!fold.load({reinterpret_cast<const char*>(data), size})) return 0;
  std::string first, second, text;
  fold.save(first);
  meter::MeterFold other(telemetry);
  if (!other.load(first)) std::abort();
  other.save(second);
  if (first != second) std::abort();
  const Telemetry none;
  other.expose(meter::Format::kPrometheus004, none, text);
  other.expose(meter::Format::kOpenMetrics100, none, text);
  return 0;
}
