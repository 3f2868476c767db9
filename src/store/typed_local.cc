// Typed queries over the local history.
#include "store/queries.h"
#include "store/typed_sql.h"

namespace sightglass::store {

Status LocalQueries::read_typed(const TypedPlan& plan, PartialAnswer::Period period,
                                const Version& version, PartialAnswer& answer) {
  SG_ASSIGN(auto statement, typed_statement(plan, period, version, parquet_directory_));
  if (statement.sql.empty()) return {};
  functions_.begin(std::move(statement.predicates));
  const auto rows = connection_.query(statement.sql);
  if (functions_.too_large()) {
    return fail(Code::kTooLarge,
                "percentiles and distinct counts of so many groups and steps take too much "
                "memory; filter more, group by fewer fields, or take a longer step");
  }
  if (!rows) return explained(rows.error());
  return add_rows(plan, period, *rows, answer);
}

Status LocalQueries::read_answer(const TypedPlan& plan, Answer& out) {
  SG_ASSIGN(const auto version, look_());
  PartialAnswer partial(plan);
  SG_TRY(read_typed(plan, PartialAnswer::Period::kAsked, version, partial));
  if (plan.query().compare == TypedQuery::Compare::kPrevious) {
    SG_TRY(read_typed(plan, PartialAnswer::Period::kPrevious, version, partial));
  }
  SG_ASSIGN(out, partial.finish());
  out.up_to = version.up_to;
  out.newest_ns = version.newest_ns;
  return {};
}

Result<Answer> LocalQueries::answer(const TypedPlan& plan, const std::atomic<bool>* left) {
  SG_TRY(functions_added_);
  Answer out;
  SG_TRY(queue_.run([&] { return read_answer(plan, out); }, left));
  return out;
}

}  // namespace sightglass::store
