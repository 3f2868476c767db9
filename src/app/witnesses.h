// What each witness of the demo says it saw, read as anybody would read it: by HTTP and from the
// log file.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace sightglass::app {

struct Tallied {
  std::uint64_t requests = 0;
  std::uint64_t input_tokens = 0;  // all four input parts
  std::uint64_t output_tokens = 0;
  std::int64_t cost_nanousd = 0;
  friend bool operator==(const Tallied&, const Tallied&) = default;
};

// The provider's own list, GET /tally.
Result<Tallied> read_provider_tally(std::string_view json);
// The text of GET /metrics: sums over all series.
Result<Tallied> read_exposition(std::string_view text);
// GET /metrics/running-totals as JSON.
Result<Tallied> read_running_totals(std::string_view json);
// One fold's totals in the answer of the reconcile route.
Result<Tallied> read_reconciliation(std::string_view json, std::string_view fold);
// Lines of the JSON log: adds each terminal event to `sum`.
Status add_log_lines(std::string_view lines, Tallied& sum);

}  // namespace sightglass::app
