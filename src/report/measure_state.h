// What one measure has collected so far.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "event/measure.h"
#include "report/distinct.h"
#include "report/hours.h"
#include "report/pairs.h"
#include "report/top.h"

namespace sightglass::report {

// One pattern of a measure.
struct UseState {
  std::uint64_t seen = 0;  // events since the beginning
  Nanos last_ns = 0;       // event time of the newest
  bool has_value = false;  // kLast: of the newest event that carries the field
  double value = 0;
  Nanos value_ns = 0;
};

// Pure: what it holds hangs on the events alone. Bounds: those of its parts; ninety days.
class MeasureState {
 public:
  explicit MeasureState(const event::Measure& measure)
      : statistic(measure.statistic), uses(measure.uses.size()) {}
  MeasureState() = default;

  bool fits(const event::Measure& measure) const {
    return statistic == measure.statistic && uses.size() == measure.uses.size();
  }
  // The event matched use `use`. It is within the hours that are kept.
  void add(const event::Measure& measure, std::size_t use, const event::Catalogue& catalogue,
           const event::Event& event, Nanos accept_ns);
  void expire(const event::Measure& measure, Nanos accept_ns);
  void forget_before(Hour hour);
  bool empty() const;          // nothing was ever seen
  bool empty_of_days() const;  // nothing is left but the counts since the beginning
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

  event::Statistic statistic = event::Statistic::kCount;
  std::vector<UseState> uses;
  HourCells cells;
  DistinctDays distinct;
  TopDays top;
  Pairs pairs;
  std::uint64_t outside = 0;  // events too old or too far ahead to be kept by hour

  // Not part of the state: whether the packs in force name it, and the sides of a pair that the
  // record in hand was taken for, since several patterns of one side may match.
  bool bound = false;
  std::uint64_t handled = 0;
  unsigned handled_roles = 0;

 private:
  void add_value(const event::Measure& measure, UseState& use, Cell& cell,
                 const event::Catalogue& catalogue, const event::Event& event);
  void add_pair(const event::Measure& measure, event::MeasureRole role,
                const event::Catalogue& catalogue, const event::Event& event, Nanos accept_ns);
};

Pairs::Rules pair_rules(const event::Measure& measure);

}  // namespace sightglass::report
