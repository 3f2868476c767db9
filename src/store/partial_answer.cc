#include "store/partial_answer.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>

namespace sightglass::store {
namespace {

using Kind = Accumulator::Kind;

std::unexpected<Error> too_many(std::string_view what) {
  return fail(Code::kTooLarge, "the answer has more than " + std::string(what) +
                                   "; filter more, group by fewer fields, or take a longer step");
}

constexpr const char* kSketchesTooLarge =
    "percentiles and distinct counts of so many groups and steps take too much memory; filter "
    "more, "
    "group by fewer fields, or take a longer step";

void merge_rows(AccumulatedRow& into, const AccumulatedRow& from, const TypedPlan& plan) {
  if (from.empty()) return;
  if (into.empty()) into.resize(from.size());
  for (std::size_t i = 0; i < from.size(); ++i) {
    into[i].merge(from[i], plan.accumulators()[i].kind);
  }
}

// 64 bits where they suffice, else the nearest double.
Cell cell_of(Accumulated::Wide sum) {
  if (sum >= std::numeric_limits<std::int64_t>::min() &&
      sum <= std::numeric_limits<std::int64_t>::max()) {
    return static_cast<std::int64_t>(sum);
  }
  return static_cast<double>(sum);
}

double number_of(const Cell& cell) {
  if (const auto* const whole = std::get_if<std::int64_t>(&cell)) {
    return static_cast<double>(*whole);
  }
  const auto* const real = std::get_if<double>(&cell);
  return real == nullptr ? 0 : *real;
}

Cell change_of(const Cell& now, const Cell& before) {
  if (is_null(now) || is_null(before) || number_of(before) == 0) return {};
  return (number_of(now) - number_of(before)) / std::fabs(number_of(before));
}

bool is_real(const TypedPlan& plan, std::size_t accumulator) {
  return plan.fields()[plan.accumulators()[accumulator].field].kind == event::Kind::kDouble;
}

// A count of rows, or the sum of fields: null when none of them has a value.
Cell total_of(const TypedPlan& plan, const std::vector<std::size_t>& inputs,
              const AccumulatedRow& row) {
  Accumulated::Wide whole = 0;
  double real = 0;
  bool any = false, any_real = false;
  for (const auto input : inputs) {
    const auto& value = row[input];
    if (plan.accumulators()[input].kind != Kind::kSum) {
      return static_cast<std::int64_t>(value.count);
    }
    any = any || value.count != 0;
    any_real = any_real || is_real(plan, input);
    whole += value.whole;
    real += value.real;
  }
  if (!any) return {};
  return any_real ? Cell(static_cast<double>(whole) + real) : cell_of(whole);
}

}  // namespace

void Accumulated::merge(const Accumulated& other, Accumulator::Kind kind) {
  count += other.count;
  whole += other.whole;
  real += other.real;
  if (!is_null(other.extreme)) {
    const bool better = kind == Kind::kMin ? other.extreme < extreme : extreme < other.extreme;
    if (is_null(extreme) || better) extreme = other.extreme;
  }
  if (other.sketch) {
    if (!sketch) sketch = std::make_unique<ValueHistogram>();
    sketch->merge(*other.sketch);
  }
  if (other.distinct) {
    if (!distinct) distinct = std::make_unique<DistinctSet>();
    distinct->merge(*other.distinct);
  }
}

std::size_t Accumulated::sketch_bytes() const {
  std::size_t out = 0;
  if (sketch) out += sizeof *sketch + sketch->memory_bytes();
  if (distinct) out += sizeof *distinct + distinct->memory_bytes();
  return out;
}

bool PartialAnswer::Less::operator()(const std::vector<Cell>& a, const std::vector<Cell>& b) const {
  return std::lexicographical_compare(a.begin(), a.end(), b.begin(), b.end(), comes_before);
}

Status PartialAnswer::add(Period period, std::int64_t step, const std::vector<Cell>& group,
                          AccumulatedRow values) {
  const auto [at, added] = groups_.try_emplace(group);
  if (groups_.size() > TypedQuery::kMostGroups) return too_many("10,000 groups");
  const auto [place, first] = at->second.try_emplace(step);
  if (first && ++steps_ > 2 * TypedQuery::kMostRows) return too_many("50,000 rows");
  auto& row = period == Period::kAsked ? place->second.asked : place->second.previous;
  for (const auto& value : row) sketch_bytes_ -= value.sketch_bytes();
  if (row.empty()) {
    row = std::move(values);
  } else {
    merge_rows(row, values, plan_);
  }
  for (const auto& value : row) sketch_bytes_ += value.sketch_bytes();
  if (sketch_bytes_ <= 2 * TypedQuery::kSketchBytes) return {};
  return fail(Code::kTooLarge, kSketchesTooLarge);
}

// Turns what was accumulated into the answer's cells.
class PartialAnswer::Writer {
 public:
  Writer(const TypedPlan& plan, const Groups& groups) : plan_(plan), groups_(groups) {}

  Result<Answer> write() {
    const auto& query = plan_.query();
    answer_.range = query.range;
    answer_.step_ns = query.step_ns;
    if (compares()) answer_.previous = plan_.previous();
    add_columns();
    count_totals();
    make_groups();
    answer_.groups = ranked_.size();
    rank(ranked_, query.order);
    const bool by_group = !query.group_by.empty();
    if (by_group && query.limit != 0 && ranked_.size() > query.limit) ranked_.resize(query.limit);
    const auto rows = ranked_.size() * static_cast<std::size_t>(plan_.steps());
    if (rows > TypedQuery::kMostRows) return too_many("50,000 rows");
    if (query.step_ns == 0) {
      for (auto& group : ranked_) answer_.rows.push_back(std::move(group));
    } else {
      write_steps();
      if (!by_group && query.limit != 0) {
        answer_.groups = answer_.rows.size();
        if (answer_.rows.size() > query.limit) answer_.rows.resize(query.limit);
      }
    }
    add_exactness();
    return std::move(answer_);
  }

 private:
  using Row = std::vector<Cell>;

  bool compares() const { return plan_.query().compare == TypedQuery::Compare::kPrevious; }
  std::size_t first_group() const { return plan_.query().step_ns != 0 ? 1 : 0; }

  void add_columns() {
    using Role = AnswerColumn::Role;
    const auto& query = plan_.query();
    auto& columns = answer_.columns;
    if (query.step_ns != 0) columns.push_back({"time", Role::kTime, "unix_s", Exactness::kExact});
    for (std::size_t i = 0; i < plan_.groups().size(); ++i) {
      const auto& field = plan_.fields()[plan_.groups()[i].field];
      columns.push_back({query.group_by[i], Role::kGroup, field.unit, Exactness::kExact});
    }
    for (std::size_t i = 0; i < query.measures.size(); ++i) {
      const auto& name = query.measures[i].name;
      columns.push_back({name, Role::kStatistic, plan_.unit(i), Exactness::kExact});
      if (!compares()) continue;
      columns.push_back({name + " previous", Role::kPrevious, plan_.unit(i), Exactness::kExact});
      columns.push_back({name + " change", Role::kChange, "ratio", Exactness::kExact});
    }
  }

  // What shares are of: the rows of all groups, by step, and over all steps under -1.
  void count_totals() {
    for (const auto& [key, steps] : groups_) {
      for (const auto& [number, step] : steps) {
        for (const auto at : {number, std::int64_t{-1}}) {
          auto& total = totals_[at];
          total.asked += rows_of(step.asked);
          total.previous += rows_of(step.previous);
        }
      }
    }
  }
  std::uint64_t rows_of(const AccumulatedRow& row) const {
    const auto& all = plan_.accumulators();
    const auto at =
        static_cast<std::size_t>(std::find(all.begin(), all.end(), Accumulator{}) - all.begin());
    return at < row.size() ? row[at].count : 0;
  }

  // One row a group over the whole range, in the columns' order but for the time.
  void make_groups() {
    for (const auto& [key, steps] : groups_) {
      AccumulatedRow asked, previous;
      for (const auto& [number, step] : steps) {
        merge_rows(asked, step.asked, plan_);
        merge_rows(previous, step.previous, plan_);
      }
      const auto& range = plan_.query().range;
      Row row(first_group());
      row.insert(row.end(), key.begin(), key.end());
      append(row, asked, previous, static_cast<double>(range.end_ns - range.start_ns) / 1e9, -1);
      ranked_.push_back(std::move(row));
    }
    if (ranked_.empty() && plan_.query().group_by.empty()) {
      Row row(first_group());
      const auto& range = plan_.query().range;
      append(row, {}, {}, static_cast<double>(range.end_ns - range.start_ns) / 1e9, -1);
      ranked_.push_back(std::move(row));
    }
  }

  void write_steps() {
    const std::map<std::int64_t, Step> none;
    const AccumulatedRow nothing;
    const auto groups = plan_.groups().size();
    for (const auto& group : ranked_) {
      const Row key(group.begin() + 1, group.begin() + 1 + static_cast<std::ptrdiff_t>(groups));
      const auto found = groups_.find(key);
      const auto& steps = found == groups_.end() ? none : found->second;
      for (std::int64_t number = 0; number < plan_.steps(); ++number) {
        const auto step = steps.find(number);
        const bool there = step != steps.end();
        // Time is rounded down to seconds: steps are whole seconds, a range without one is not cut.
        Row row = {plan_.step_begin(number) / kSecond};
        row.insert(row.end(), key.begin(), key.end());
        append(row, there ? step->second.asked : nothing, there ? step->second.previous : nothing,
               plan_.step_seconds(number), number);
        answer_.rows.push_back(std::move(row));
      }
    }
    const auto& order = plan_.query().order;
    const auto time = std::find_if(order.begin(), order.end(),
                                   [](const auto& by) { return by.column == "time"; });
    if (plan_.query().group_by.empty()) {
      rank(answer_.rows, order);
    } else if (time != order.end() && time == order.begin()) {
      rank(answer_.rows, {*time});
    } else if (time != order.end() && time->descending) {
      const auto steps = static_cast<std::ptrdiff_t>(plan_.steps());
      for (auto at = answer_.rows.begin(); at != answer_.rows.end(); at += steps) {
        std::reverse(at, at + steps);
      }
    }
  }

  // Equal rows keep the order of their keys; what has no value comes last.
  void rank(std::vector<Row>& rows, const std::vector<TypedQuery::Order>& order) const {
    std::vector<std::pair<std::size_t, bool>> keys;
    for (const auto& by : order) keys.emplace_back(column_of(by.column), by.descending);
    const auto before = [&](const Row& a, const Row& b) -> std::optional<bool> {
      for (const auto& [at, descending] : keys) {
        const auto& left = a[at];
        const auto& right = b[at];
        if (is_null(left) || is_null(right)) {
          if (is_null(left) != is_null(right)) return is_null(right);
          continue;
        }
        if (less(left, right)) return !descending;
        if (less(right, left)) return descending;
      }
      return std::nullopt;
    };
    std::vector<std::size_t> places(rows.size());
    std::iota(places.begin(), places.end(), std::size_t{0});
    std::sort(places.begin(), places.end(), [&](std::size_t a, std::size_t b) {
      return before(rows[a], rows[b]).value_or(a < b);
    });
    std::vector<Row> ranked;
    ranked.reserve(rows.size());
    for (const auto place : places) ranked.push_back(std::move(rows[place]));
    rows = std::move(ranked);
  }
  // A statistic goes before a group of the same name.
  std::size_t column_of(const std::string& name) const {
    const auto& columns = answer_.columns;
    std::size_t found = 0;
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name != name) continue;
      found = i;
      if (columns[i].role == AnswerColumn::Role::kStatistic) break;
    }
    return found;
  }
  // A sum may be a whole number in one row and a double in another.
  static bool less(const Cell& a, const Cell& b) {
    return a.index() == b.index() ? a < b : number_of(a) < number_of(b);
  }

  void append(Row& row, const AccumulatedRow& asked, const AccumulatedRow& previous, double seconds,
              std::int64_t step) {
    const auto total = totals_.find(step);
    const bool any = total != totals_.end();
    for (std::size_t i = 0; i < plan_.query().measures.size(); ++i) {
      row.push_back(value(i, asked, seconds, any ? total->second.asked : 0));
      if (!compares()) continue;
      row.push_back(value(i, previous, seconds, any ? total->second.previous : 0));
      row.push_back(change_of(row[row.size() - 2], row[row.size() - 1]));
    }
  }

  Cell value(std::size_t measure, const AccumulatedRow& given, double seconds,
             std::uint64_t total) {
    if (given.empty()) {
      if (empty_.empty()) empty_.resize(plan_.accumulators().size());
      return value(measure, empty_, seconds, total);
    }
    const auto& what = plan_.query().measures[measure];
    const auto& inputs = plan_.inputs(measure);
    const auto& first = given[inputs.of[0]];
    switch (what.statistic) {
      case Statistic::kCount:
        return static_cast<std::int64_t>(first.count);
      case Statistic::kSum:
        return total_of(plan_, inputs.of, given);
      case Statistic::kAverage:
        if (first.count == 0) return {};
        return static_cast<double>(
            (static_cast<long double>(first.whole) + static_cast<long double>(first.real)) /
            static_cast<long double>(first.count));
      case Statistic::kMin:
      case Statistic::kMax:
        return first.extreme;
      case Statistic::kQuantile:
        if (!first.sketch) return {};
        return first.sketch->quantile(what.quantile);
      case Statistic::kDistinct:
        if (!first.distinct) return std::int64_t{0};
        if (!first.distinct->exact()) estimated_ = true;
        return static_cast<std::int64_t>(first.distinct->count());
      case Statistic::kRate: {
        const auto sum = total_of(plan_, inputs.of, given);
        return is_null(sum) ? Cell() : Cell(number_of(sum) / seconds);
      }
      case Statistic::kRatio: {
        const auto part = total_of(plan_, inputs.of, given);
        const auto whole = total_of(plan_, inputs.whole, given);
        if (is_null(part) || is_null(whole) || number_of(whole) == 0) return {};
        return number_of(part) / number_of(whole);
      }
      case Statistic::kShare:
        if (total == 0) return {};
        return static_cast<double>(first.count) / static_cast<double>(total);
    }
    return {};
  }

  void add_exactness() {
    const auto& measures = plan_.query().measures;
    const std::size_t each = compares() ? 3 : 1;
    for (std::size_t i = 0; i < measures.size(); ++i) {
      auto exactness = Exactness::kExact;
      if (measures[i].statistic == Statistic::kQuantile) exactness = Exactness::kWithinOnePercent;
      if (measures[i].statistic == Statistic::kDistinct && estimated_) {
        exactness = Exactness::kEstimated;
      }
      for (std::size_t c = 0; c < each; ++c) {
        answer_.columns[first_group() + plan_.groups().size() + i * each + c].exactness = exactness;
      }
    }
  }

  struct Total {
    std::uint64_t asked = 0, previous = 0;
  };
  const TypedPlan& plan_;
  const Groups& groups_;
  Answer answer_;
  std::vector<Row> ranked_;
  std::map<std::int64_t, Total> totals_;
  AccumulatedRow empty_;
  bool estimated_ = false;
};

Result<Answer> PartialAnswer::finish() const { return Writer(plan_, groups_).write(); }

}  // namespace sightglass::store
