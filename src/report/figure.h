// Room-internal: one measure over a range as a figure, with what there is to say about it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "report/evaluate.h"

namespace sightglass::report {

struct Figure {
  std::optional<double> value;
  std::string reason;  // where there is no value, without "no data: " in front
  std::vector<std::string> notes;
  bool ever_seen = false;
  bool upper_bound = false;
};

// The measures of one catalogue over one range.
class Figures {
 public:
  Figures(const event::Reports& reports, const FindState& find, Window window, Nanos now_ns)
      : reports_(reports), find_(find), window_(window), now_ns_(now_ns) {}

  const event::Measure& measure(event::MeasureId id) const { return reports_.measures[id]; }
  const MeasureState* state(event::MeasureId id) const { return find_(measure(id)); }
  Window window() const { return window_; }
  Nanos now_ns() const { return now_ns_; }

  Figure figure(event::MeasureId id) const;
  // The sum; without a value only where none of them has one.
  Figure total(const std::vector<event::MeasureId>& ids) const;
  bool ever_seen(event::MeasureId id) const;
  // What the measure is about, in words: "cache_hit or cache_miss".
  std::string events(event::MeasureId id) const;
  std::string events(const std::vector<event::MeasureId>& ids) const;
  // "no cache_hit event seen", or "… since 2026-11-20 11:00".
  std::string absence(const std::vector<event::MeasureId>& ids) const;

 private:
  Figure counted(event::MeasureId id, const MeasureState& state) const;
  Figure last(event::MeasureId id, const MeasureState& state) const;
  Figure distinct(event::MeasureId id, const MeasureState& state) const;
  Figure pairs(event::MeasureId id, const MeasureState& state) const;

  const event::Reports& reports_;
  const FindState& find_;
  const Window window_;
  const Nanos now_ns_;
};

std::string time_text(Nanos time_ns);                          // "2026-11-20 11:00"
std::string count_text(std::uint64_t n, std::string_view of);  // "1 pair", "12 pairs"

}  // namespace sightglass::report
