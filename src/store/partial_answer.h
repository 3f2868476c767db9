// An answer in the making: what was accumulated of groups and steps, from wherever it came, until
// it is all there.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "base/distinct_set.h"
#include "store/typed_plan.h"
#include "store/value_histogram.h"

namespace sightglass::store {

// One accumulator's value over some rows. Merging is exact, in whatever order.
struct Accumulated {
  __extension__ using Wide = __int128;
  std::uint64_t count = 0;  // kRows: rows; kValues, kSum: values
  Wide whole = 0;           // kSum, of whole numbers: cannot overflow
  double real = 0;          // kSum, of fractions
  Cell extreme;             // kMin, kMax
  std::unique_ptr<ValueHistogram> sketch;
  std::unique_ptr<DistinctSet> distinct;

  void merge(const Accumulated& other, Accumulator::Kind kind);
  std::size_t sketch_bytes() const;  // of sketch and distinct
};
using AccumulatedRow = std::vector<Accumulated>;  // parallel to TypedPlan::accumulators()

// The seam between answers and what they are made of: single rows are one source of parts, what was
// rolled up of them before is another. Each hands over its part of the range with add().
//
// Threads: one. Bounds: TypedQuery's groups and rows, and twice its bytes for sketches: of a period
// and of the one before.
class PartialAnswer {
 public:
  enum class Period : std::uint8_t { kAsked, kPrevious };

  explicit PartialAnswer(const TypedPlan& plan) : plan_(plan) {}

  // A part of a group's step, `values` parallel to TypedPlan::accumulators(). Of the previous
  // period the step is that of the asked one which it is compared with. The same group and step may
  // come again. Errors: kTooLarge.
  Status add(Period period, std::int64_t step, const std::vector<Cell>& group,
             AccumulatedRow values);
  // All of it in order. `up_to` and `newest_ns` are left to the caller. Errors: kTooLarge.
  Result<Answer> finish() const;

 private:
  struct Step {
    AccumulatedRow asked, previous;  // empty: no rows
  };
  struct Less {
    bool operator()(const std::vector<Cell>& a, const std::vector<Cell>& b) const;
  };
  using Groups = std::map<std::vector<Cell>, std::map<std::int64_t, Step>, Less>;
  class Writer;

  const TypedPlan& plan_;
  Groups groups_;
  std::size_t steps_ = 0;         // of all groups
  std::size_t sketch_bytes_ = 0;  // of all of them
};

}  // namespace sightglass::store
