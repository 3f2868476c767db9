// Roll-ups as SQL: the engine groups and adds up, so that the tail, a file and a damaged roll-up
// that is made again give the same cells.
#pragma once

#include <string>

#include "store/duckdb.h"
#include "store/rollup.h"

namespace sightglass::store {

// One row a cell, by minute, of the terminal rows of `select`, which has at least the core columns;
// read_rollup() takes it. `where`: a further condition, or "true".
std::string select_rollup(const std::string& select, const std::string& where);
RollupTable read_rollup(const duck::Rows& rows);

}  // namespace sightglass::store
