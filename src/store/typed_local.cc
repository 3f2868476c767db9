// Typed queries over the local history: roll-ups where they answer, single rows for the rest.
#include <algorithm>
#include <optional>

#include "base/json_writer.h"
#include "store/queries.h"
#include "store/rollup_cover.h"
#include "store/rollup_plan.h"
#include "store/typed_sql.h"

namespace sightglass::store {

// What an answer is made of, and what there is to say of it.
struct LocalQueries::Gathered {
  explicit Gathered(const TypedPlan& plan) : partial(plan) {}
  PartialAnswer partial;
  bool rows = false, cells = false;  // whether any were read
  bool blurred = false;              // by cells that do not suffice, where there is nothing else
  Nanos rounded_to_ns = 0;           // RollupCover
  Nanos missing_to_ns = 0;           // up to here rows are missing; 0: none are
};

namespace {

std::string_view plural_of(Nanos length_ns) {
  if (length_ns == step_ns(RollupStep::kMinute)) return "minutes";
  return length_ns == step_ns(RollupStep::kHour) ? "hours" : "days";
}

// The index of the query's step in which a roll-up's step lies.
std::int64_t step_of(const TypedPlan& plan, PartialAnswer::Period period, Nanos start_ns) {
  const auto& query = plan.query();
  if (query.step_ns == 0) return 0;
  auto from = plan.step_begin(0);
  if (period == PartialAnswer::Period::kPrevious) {
    from -= query.range.end_ns - query.range.start_ns;
  }
  return (start_ns - from) / query.step_ns;
}

bool lies_within(const ManifestRollup& file, const RollupCover::Part& part) {
  return file.step == part.step && file.end_ns() > part.range.start_ns &&
         file.partition_ns < part.range.end_ns;
}

// A file that the roll-ups know half of: none of theirs can be told from the others'.
bool is_half_rolled(const Version& version) {
  return std::any_of(version.files.begin(), version.files.end(), [&](const DataFile& file) {
    return file->covers_from <= version.rolled_up && file->covers_to > version.rolled_up;
  });
}

}  // namespace

Status LocalQueries::read_typed(const TypedPlan& plan, PartialAnswer::Period period,
                                const Version& version, const RowScope& scope, Gathered& out) {
  SG_ASSIGN(auto statement, typed_statement(plan, period, version, scope, parquet_directory_));
  if (statement.sql.empty()) return {};
  out.rows = true;
  functions_.begin(std::move(statement.predicates));
  const auto rows = connection_.query(statement.sql);
  if (functions_.too_large()) {
    return fail(Code::kTooLarge,
                "percentiles and distinct counts of so many groups and steps take too much "
                "memory; filter more, group by fewer fields, or take a longer step");
  }
  if (!rows) return explained(rows.error());
  return add_rows(plan, period, *rows, out.partial);
}

Result<bool> LocalQueries::read_cells(const RollupPlan& rollups, PartialAnswer::Period period,
                                      const Version& version, const RollupCover& cover, Reach reach,
                                      Gathered& out) {
  for (const auto& file : version.rollups) {
    const auto wanted = std::any_of(cover.rollups.begin(), cover.rollups.end(),
                                    [&](const auto& part) { return lies_within(*file, part); });
    if (!wanted) continue;
    SG_TRY(check_interrupted());
    bool sufficed = true;
    Status added;
    const auto add = [&](const RollupKey& key, const RollupCell& cell) {
      const auto holds = [&](const RollupCover::Part& part) {
        return part.step == file->step && key.start_ns >= part.range.start_ns &&
               key.start_ns < part.range.end_ns;
      };
      if (std::none_of(cover.rollups.begin(), cover.rollups.end(), holds)) return true;
      if (!rollups.suffices(key, cell)) {
        sufficed = reach != Reach::kAll;
        if (!sufficed) return false;
        out.blurred = true;
      }
      if (!rollups.wants(key)) return true;
      added = out.partial.add(period, step_of(rollups.plan(), period, key.start_ns),
                              rollups.group_of(key), rollups.values_of(key, cell));
      return added.has_value();
    };
    if (!visit_rollup_file(fs_, rollup_directory_ + "/" + file->name, *file, add)) {
      suspect_();
      if (reach == Reach::kAll) return false;
      return fail(Code::kCorrupt,
                  "a roll-up file could not be read; it is being made again, ask again");
    }
    SG_TRY(std::move(added));
    if (!sufficed) return false;
    out.cells = true;
  }
  return true;
}

// Before a history began nothing could expire. A file that cannot be read speaks for the cautious
// answer.
Result<bool> LocalQueries::had_requests(const Version& version, RollupStep step, Range range) {
  bool any = false;
  for (const auto& file : version.rollups) {
    any = any || file->step == step;
    if (!lies_within(*file, {step, range})) continue;
    SG_TRY(check_interrupted());
    bool had = false;
    const auto look = [&](const RollupKey& key, const RollupCell&) {
      had = key.start_ns + step_ns(step) > range.start_ns && key.start_ns < range.end_ns;
      return !had;
    };
    if (!visit_rollup_file(fs_, rollup_directory_ + "/" + file->name, *file, look)) return true;
    if (had) return true;
  }
  return !any;
}

Status LocalQueries::check_interrupted() const {
  if (!interrupted_.load(std::memory_order_relaxed)) return {};
  return fail(Code::kTimeout, "the query was interrupted");
}

Result<bool> LocalQueries::gather(const TypedPlan& plan, const RollupPlan* rollups,
                                  const Version& version, Reach reach, Gathered& out) {
  using Period = PartialAnswer::Period;
  for (const auto period : {Period::kAsked, Period::kPrevious}) {
    const bool asked = period == Period::kAsked;
    if (!asked && plan.query().compare != TypedQuery::Compare::kPrevious) continue;
    auto cover = cover_of(plan, period, version, reach);
    RowScope scope{asked ? plan.query().range : plan.previous(), std::move(cover.rows)};
    SG_TRY(read_typed(plan, period, version, scope, out));
    out.rounded_to_ns = std::max(out.rounded_to_ns, cover.rounded_to_ns);
    if (cover.missing.start_ns < cover.missing.end_ns) {
      SG_ASSIGN(const bool missing, had_requests(version, cover.missing_step, cover.missing));
      if (missing) out.missing_to_ns = std::max(out.missing_to_ns, cover.missing.end_ns);
    }
    if (cover.rollups.empty()) continue;
    SG_ASSIGN(const bool sufficed, read_cells(*rollups, period, version, cover, reach, out));
    if (!sufficed) return false;
  }
  return true;
}

Status LocalQueries::read_answer(const TypedPlan& plan, Answer& out) {
  interrupted_.store(false, std::memory_order_relaxed);
  SG_ASSIGN(const auto version, look_());
  std::optional<RollupPlan> rollups;
  if (plan.query().source == TypedQuery::Source::kAny) rollups = RollupPlan::make(plan);
  auto reach = rollups ? Reach::kAll : Reach::kNothing;
  if (rollups && is_half_rolled(version)) reach = Reach::kExpired;
  std::optional<Gathered> made(std::in_place, plan);
  SG_ASSIGN(bool sufficed, gather(plan, rollups ? &*rollups : nullptr, version, reach, *made));
  if (!sufficed) {
    made.emplace(plan);
    SG_ASSIGN(sufficed, gather(plan, &*rollups, version, Reach::kExpired, *made));
  }
  const auto& gathered = *made;
  SG_ASSIGN(out, gathered.partial.finish());
  out.up_to = version.up_to;
  out.newest_ns = version.newest_ns;
  if (gathered.cells) out.source = gathered.rows ? Answer::Source::kBoth : Answer::Source::kRollups;
  if (gathered.rounded_to_ns != 0) {
    out.notes.push_back("single requests of an end of the range have expired: there whole " +
                        std::string(plural_of(gathered.rounded_to_ns)) +
                        " count that begin in the range");
  }
  if (gathered.missing_to_ns != 0) {
    std::string note = "single requests up to ";
    append_iso8601(note, gathered.missing_to_ns, 0);
    out.notes.push_back(note +
                        " have expired, and what is kept of them does not answer this: of that "
                        "time only those count that are left");
  }
  if (gathered.blurred) {
    out.notes.emplace_back(
        "of requests that have expired, some are kept together as __other__ or without the number "
        "of their values: averages and groups of that time are not exact");
  }
  return {};
}

Result<Answer> LocalQueries::answer(const TypedPlan& plan, const std::atomic<bool>* left) {
  SG_TRY(functions_added_);
  Answer out;
  SG_TRY(queue_.run([&] { return read_answer(plan, out); }, left));
  return out;
}

}  // namespace sightglass::store
