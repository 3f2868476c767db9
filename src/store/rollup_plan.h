// A typed query held against what roll-ups keep: whether their cells answer it, and what a cell
// adds to which group.
#pragma once

#include <optional>
#include <unordered_map>
#include <vector>

#include "store/partial_answer.h"
#include "store/rollup.h"

namespace sightglass::event {
struct PatternCondition;  // event/pattern_node.h
}

namespace sightglass::store {

// What a roll-up tells requests apart by.
enum class RollupName : std::uint8_t {
  kProvider,
  kClient,
  kModel,
  kKey,
  kOutcome,
  kErrorType,
  kStreaming,
};

// Roll-ups answer a query of requests whose conditions, patterns and groups are over RollupName's
// fields alone and whose statistics need counts, sums of what cells sum, percentiles of latencies,
// and how many different names there are. Patterns are asked of a cell's names as they would be of
// each of its rows, so that any pattern will do.
//
// Ownership: `plan` outlives it. Threads: const use from any.
class RollupPlan {
 public:
  // Nothing when the query needs single rows.
  static std::optional<RollupPlan> make(const TypedPlan& plan);

  const TypedPlan& plan() const { return *plan_; }

  // Whether the cell says exactly what its rows would: not where names beyond the bound of cells
  // were put together, a sum stands at the end of 64 bits, or the number of values is not known.
  bool suffices(const RollupKey& key, const RollupCell& cell) const;
  // Whether what the query asks of its rows holds for the cell's rows.
  bool wants(const RollupKey& key) const;
  std::vector<Cell> group_of(const RollupKey& key) const;
  // Parallel to TypedPlan::accumulators().
  AccumulatedRow values_of(const RollupKey& key, const RollupCell& cell) const;

 private:
  // What an accumulator takes of a cell.
  struct Source {
    enum class What : std::uint8_t { kRequests, kNamed, kUnpriced, kSum, kSketch, kDistinct };
    What what = What::kRequests;
    std::size_t pattern = Accumulator::kNone;
    RollupName name = RollupName::kProvider;  // kNamed, kDistinct
    std::size_t sum = 0;                      // a place among what cells sum
    bool needs_values = false;                // how many values there are matters
  };

  explicit RollupPlan(const TypedPlan& plan) : plan_(&plan) {}
  bool add_names(const event::Pattern& pattern);
  bool add_source(const Accumulator& accumulator);
  void count_values();
  bool holds(std::size_t pattern, const RollupKey& key) const;
  std::optional<RollupName> name_of(std::size_t field) const;
  void use(RollupName name) { used_[static_cast<std::size_t>(name)] = true; }

  const TypedPlan* plan_;
  std::vector<RollupName> groups_, only_;
  std::vector<Source> sources_;  // parallel to the plan's accumulators
  // The conditions of the plan's patterns, which it keeps in their place.
  std::unordered_map<const event::PatternCondition*, RollupName> conditions_;
  bool used_[7] = {};  // by RollupName
};

}  // namespace sightglass::store
