// Room-internal: from what measures collected to the answers of a report.
#pragma once

#include <functional>

#include "report/measure_state.h"
#include "report/report.h"

namespace sightglass::report {

// What a measure collected; nullptr where nothing was ever seen.
using FindState = std::function<const MeasureState*(const event::Measure&)>;

// Errors: kNotFound.
Result<Report> evaluate(const event::Catalogue& catalogue, const Question& question,
                        const FindState& find);

}  // namespace sightglass::report
