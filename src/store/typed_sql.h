// A typed query as one statement over a version of the history.
#pragma once

#include <string>
#include <vector>

#include "store/duckdb_functions.h"
#include "store/partial_answer.h"
#include "store/queries.h"
#include "store/typed_plan.h"

namespace sightglass::store {

// The statement, and what its sg_holds calls mean. No rows can come: an empty text.
struct TypedStatement {
  std::string sql;
  std::vector<duck::Functions::Predicate> predicates;
};

// Which rows of a period are read: those of files that the roll-ups know within `rolled`, and of
// the newer ones all in the range.
struct RowScope {
  Range range;
  std::vector<Range> rolled;  // ascending, within `range`
  // Every row of the range.
  static RowScope everything(Range range) { return {range, {range}}; }
};

// The plan's rows of one period: step, groups, then each accumulator's columns, at most
// TypedQuery::kMostRows + 1 rows. Errors: kInvalid when a column is of another kind than the plan
// needs.
Result<TypedStatement> typed_statement(const TypedPlan& plan, PartialAnswer::Period period,
                                       const Version& version, const RowScope& scope,
                                       const std::string& parquet_directory);

// Its rows, handed on. Errors: kTooLarge; kCorrupt when they are not what was asked for.
Status add_rows(const TypedPlan& plan, PartialAnswer::Period period, const duck::Rows& rows,
                PartialAnswer& answer);

}  // namespace sightglass::store
