// A meter's values over event time, for the admin API.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "meter/series_table.h"

namespace sightglass::meter {

struct PointQuery {
  std::optional<Nanos> start_ns, end_ns;  // [start, end); default: all that is kept
  Nanos step_ns = 0;                      // a multiple of the meter's window; 0: the window
};

struct Point {
  Nanos start_ns = 0;
  Sum sum;                             // counter: of the step; gauge: its last value; histogram
  std::vector<std::uint64_t> buckets;  // of a histogram, not cumulative, the last is +Inf
  std::uint64_t different = 0;         // of a distinct count
  bool exact = true;                   // `different` is
  bool open = false;                   // events may still be added
  bool filled = false;                 // no event matched, others arrived: the default
};

struct Points {
  struct Line {
    std::vector<std::string> labels;  // values, as Definition::labels
    std::vector<Point> points;        // ascending; windows without events have none
  };
  Definition definition;
  Nanos step_ns = 0;
  std::vector<Line> lines;  // by label values; those without a point are left out
};

inline constexpr std::size_t kMostPoints = 50'000;

// `arrivals`: the minutes of event time in which any event arrived.
// Errors: kInvalid for a meter without windows and a step that does not fit; kTooLarge.
Result<Points> points_of(const SeriesTable& table, const std::set<std::int64_t>& arrivals,
                         const PointQuery& query);

// One row of the list of meters.
struct MeterState {
  Definition definition;
  std::size_t series = 0;                               // exposed, without the overflow series
  std::uint64_t overflowed = 0, late = 0, refused = 0;  // events
  std::string match;                                    // the pattern, as the pack writes it
  std::uint64_t hits = 0;  // events that it matched, less those of series that were forgotten
  Nanos last_hit_ns = 0;   // accept time; 0: never
};

}  // namespace sightglass::meter
