// A report's JSON as tables for a terminal.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace sightglass::app {

// 100 columns, numbers aligned; `colour` sets titles off. Errors: kInvalid where the JSON is not a
// report.
Result<std::string> report_table(std::string_view json, bool colour);

// "12,345", "0.75", "1.5e-07" as a person reads them.
std::string number_text(double value);
// With the unit's own form: 75.0 %, 15.00 s, 2.5 h.
std::string value_text(double value, std::string_view unit);

}  // namespace sightglass::app
