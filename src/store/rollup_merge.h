// Cells added to a roll-up file without taking it apart: what a seal does to the files of its
// minutes, hours and days. Those have up to 50,000 cells each, of which one seal touches few.
#pragma once

#include <string>

#include "store/rollup.h"

namespace sightglass::store {

// Neighbours in a RollupTable.
struct RollupCells {
  RollupTable::Cells::const_iterator first, last;
};

// encode_rollup() of the cells in `untrusted_file` and of these, byte for byte, within the bound of
// a table. They begin in the file's partition; step and partition are the file's.
// Errors: kVersion, kCorrupt.
// Cost: 0.1 to 0.2 µs for each cell that stays as it is, ten times that for one that is added.
Result<std::string> merge_rollup(Bytes untrusted_file, RollupCells added);
// The same where there is no file yet.
std::string encode_rollup(RollupStep step, Nanos partition_ns, RollupCells cells);

}  // namespace sightglass::store
