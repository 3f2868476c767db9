// The periodic summary: an event with numbers, and the lines that people read.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/log.h"
#include "event/event.h"
#include "live/totals.h"

namespace sightglass::live {

struct SummaryLine {
  Level level = Level::kInfo;
  std::string text;  // as the original prints it, with its leading space
};

// ` SUMMARY (last N requests) | Total: … | …`, ` MODELS | …` and, when there were errors,
// ` ERRORS | …` (a warning). Totals are durable, not of the window, as in the original.
// Bounds: 50 names a line, then "and n more".
std::vector<SummaryLine> summary_lines(const TotalsFold::Summary& summary,
                                       std::int64_t last_requests);

// Fills `out` with the metrics_summary event of the same numbers; false when the catalogue has no
// such event. The caller matches its meters, encodes and appends it.
[[nodiscard]] bool build_summary_event(const TotalsFold::Summary& summary,
                                       std::int64_t last_requests,
                                       const event::Catalogue& catalogue, Nanos now_wall_ns,
                                       event::Event& out);

}  // namespace sightglass::live
