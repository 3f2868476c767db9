// Points in time as logs write them.
#pragma once

#include <optional>
#include <string_view>

#include "base/clock.h"

namespace sightglass::codec {

// ISO 8601 and what loggers make of it: `2025-08-19T13:59:12.345Z`, with an offset (`+02:00`,
// `+0200`, `+02`), a blank in place of the T, a comma in place of the point, up to nine digits of a
// fraction (more are cut), no zone (UTC), no seconds, or a date alone. Leap second 60 counts as 59.
std::optional<Nanos> parse_time(std::string_view text);

// parse_time for lines of a log, which are mostly of the minute of the line before: 13 ns instead
// of 40. Threads: one.
class TimeReader {
 public:
  std::optional<Nanos> read(std::string_view text);

 private:
  static constexpr std::size_t kMinuteBytes = 16;  // 2025-08-19T13:59
  char minute_[kMinuteBytes] = {};
  Nanos minute_ns_ = 0;
};

// A Unix time whose unit shows by its size: seconds below 10^11, milliseconds below 10^14,
// microseconds below 10^17, else nanoseconds.
std::optional<Nanos> unix_time(double number);
std::optional<Nanos> unix_time(std::int64_t number);

}  // namespace sightglass::codec
