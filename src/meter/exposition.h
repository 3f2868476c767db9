// The text of series: Prometheus 0.0.4 and OpenMetrics 1.0.
//
// Sources: prometheus.io "Exposition formats" (text 0.0.4); OpenMetrics 1.0.0, sections "Text
// format" and "Counter". `le` is written in OpenMetrics' canonical form ("1.0") in both formats,
// so that a scraper that changes format keeps its series.
#pragma once

#include <string>
#include <string_view>

#include "base/telemetry.h"
#include "meter/meter_fold.h"
#include "meter/series_table.h"

namespace sightglass::meter {

// The family's name as the format's metadata lines carry it: without `_total` for an OpenMetrics
// counter, whole otherwise.
std::string family_name(std::string_view name, event::MeterType type, Format format);

// One family with its samples; parked series are left out. Cost: target 0.6 µs a series.
// `last_event_ns`: accept time of the last event of all; a gauge with a default shows it when its
// own last event lies in an earlier minute.
void append_table(const SeriesTable& table, Exposition how, Nanos last_event_ns, std::string& out);
void append_family(const Telemetry::Family& family, Format format, std::string& out);
void append_end(Format format, std::string& out);  // "# EOF" where the format wants it

// value × 10^scale, exact: no exponent, no digits that a double would invent.
void append_scaled(std::string& out, Int128 value, int scale);
// The sum × 10^scale: exact but for what had to be added up as doubles.
void append_sum(std::string& out, const Sum& sum, int scale);
// A bucket's bound: "0.05", "1.0", "2.5e-05".
std::string bound_text(double bound);

}  // namespace sightglass::meter
