// Numbers by hour of event time, kept for ninety days: what ranges, days and hours of day are
// added up from.
#pragma once

#include <cstdint>
#include <map>

#include "base/bytes.h"
#include "base/clock.h"

namespace sightglass::report {

using Hour = std::int32_t;  // since 1970-01-01T00:00Z
using Day = std::int32_t;

inline constexpr Nanos kHour = 3'600 * kSecond;
inline constexpr Hour kHoursKept = 90 * 24;

constexpr Hour hour_of(Nanos time_ns) {
  const auto hour = time_ns / kHour;
  return static_cast<Hour>(time_ns % kHour < 0 ? hour - 1 : hour);
}
constexpr Day day_of(Hour hour) { return hour >= 0 ? hour / 24 : (hour - 23) / 24; }
constexpr unsigned hour_in_day(Hour hour) {
  return static_cast<unsigned>(hour - day_of(hour) * 24);
}

// Hours `from` to `to`, both in it.
struct Window {
  Hour from = 0;
  Hour to = 0;
  bool holds(Hour hour) const { return hour >= from && hour <= to; }
};

// A sum that is exact while whole numbers fit 64 bits; the rest is added up as doubles.
class Sum {
 public:
  void add(std::int64_t value);
  void add(double value) { fraction_ += value; }
  void add(const Sum& other) {
    add(other.whole_);
    fraction_ += other.fraction_;
  }
  double value() const { return static_cast<double>(whole_) + fraction_; }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  std::int64_t whole_ = 0;
  double fraction_ = 0;
};

// One hour of one measure.
struct Cell {
  std::uint64_t events = 0;
  std::uint64_t with = 0;  // of them, those that carry the field
  Sum sum;                 // of the field; of durations in ns
  // Pairs (`events` counts them, by the hour of their ends):
  std::uint64_t lost_starts = 0;  // given up without an end
  std::uint64_t lost_ends = 0;    // given up without a start
  std::uint64_t planned = 0;      // pairs whose plan is known
  double planned_s = 0;           // their plans, added up
  double planned_actual_s = 0;    // their durations, added up

  void add(const Cell& other);
};

// Bounds: kHoursKept cells and those of the hour to come.
class HourCells {
 public:
  Cell& at(Hour hour);
  Cell total(Window window) const;
  const std::map<Hour, Cell>& cells() const { return cells_; }
  void forget_before(Hour hour);
  bool empty() const { return cells_.empty(); }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  std::map<Hour, Cell> cells_;
  Hour last_hour_ = 0;
  Cell* last_ = nullptr;  // most events fall into the hour of the one before
};

}  // namespace sightglass::report
