// Which part of a query's range is answered from which roll-ups, and which from single rows.
#pragma once

#include <vector>

#include "store/queries.h"
#include "store/rollup.h"
#include "store/typed_plan.h"

namespace sightglass::store {

// A period's range in parts that do not overlap.
struct RollupCover {
  struct Part {
    RollupStep step = RollupStep::kMinute;
    Range range;  // of whole steps
  };
  std::vector<Part> rollups;
  std::vector<Range> rows;  // from the files whose rows the roll-ups have, too

  // Where rows have expired and no finer roll-up is kept: of this step, those that begin within the
  // range count whole. 0: every number is of the range itself.
  Nanos rounded_to_ns = 0;
  // Rows of this time have expired and nothing that is kept answers in their place. Whether there
  // were any the roll-ups of `missing_step` say. Empty: none has.
  Range missing;
  RollupStep missing_step = RollupStep::kDay;
};

// How far roll-ups are taken.
enum class Reach : std::uint8_t {
  kNothing,  // single rows, as far as they are there
  kExpired,  // roll-ups where rows have expired
  kAll,      // roll-ups wherever they answer
};

// The longest roll-ups that fit in, shorter ones at its ends, rows for what is less than a minute.
// A roll-up fits where each of its steps lies within one step of the query.
RollupCover cover_of(const TypedPlan& plan, PartialAnswer::Period period, const Version& version,
                     Reach reach);

}  // namespace sightglass::store
