// A report: key metrics and dashboards of a pack with their values, as data.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "event/measure.h"
#include "journal/record.h"

namespace sightglass::report {

inline constexpr Nanos kDefaultSince = 24 * 3'600 * kSecond;
inline constexpr Nanos kMinSince = 3'600 * kSecond;
inline constexpr Nanos kMaxSince = 90 * 24 * 3'600 * kSecond;

struct Question {
  std::string pack;
  Nanos since_ns = kDefaultSince;  // kMinSince to kMaxSince
  Nanos now_ns = 0;                // wall clock
};

// A line of a table below a metric.
struct Row {
  std::string label;
  std::optional<double> value;
  std::optional<double> share = {};  // 0 to 1
  std::string unit = {};             // "" as the metric's
  std::string reason = {};           // why there is no value
};

struct Answer {
  std::string name, title, group, unit, definition;
  std::optional<double> value;
  std::string reason;              // why there is no value: "no data: …"
  std::vector<std::string> notes;  // what limits the value, or explains it
  std::string rows_title;          // "by hour", "by value", …; "" where there are no rows
  std::vector<Row> rows;
};

struct Board {
  std::string name, title;
  std::vector<Answer> answers;
};

struct Report {
  std::string pack;
  Nanos from_ns = 0;  // a whole hour
  Nanos to_ns = 0;
  journal::Position position = 0;  // of the journal, folded so far
  std::vector<Board> boards;       // key metrics first, then the dashboards
};

// "90m", "24h", "7d". Errors: kInvalid with what is allowed.
Result<Nanos> parse_since(std::string_view text);

// Packs that have something to report, in the catalogue's order.
std::vector<std::string> packs_with_reports(const event::Catalogue& catalogue);

void append_json(const Report& report, std::string& out);

}  // namespace sightglass::report
