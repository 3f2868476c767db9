#include "store/typed_sql.h"

#include <algorithm>
#include <charconv>

#include "store/pattern_sql.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

using Kind = Accumulator::Kind;

std::string text_of(std::int64_t number) { return std::to_string(number) + "::BIGINT"; }

std::string within(Range range) {
  return "event_time >= make_timestamp_ns(" + text_of(range.start_ns) +
         ") AND event_time < make_timestamp_ns(" + text_of(range.end_ns) + ")";
}

// Writes a plan's parts; the columns' types are those of the table.
class StatementWriter {
 public:
  StatementWriter(const TypedPlan& plan, const Version& version, TypedStatement& out)
      : plan_(plan), version_(version), out_(out) {}

  Status resolve() {
    for (const auto& field : plan_.fields()) {
      const auto wanted = column_type(field.kind);
      const auto& columns = version_.columns;
      const auto at = std::find_if(columns.begin(), columns.end(), [&](const Column& column) {
        return column.name == field.column;
      });
      if (at != columns.end() && at->type != wanted) {
        return fail(Code::kInvalid, "the history holds " + field.column +
                                        " as another kind, from before its pack was changed; its "
                                        "numbers cannot be asked for");
      }
      names_.push_back(duck::quoted_name(field.column));
      types_.push_back(wanted);
    }
    return {};
  }

  std::string source(const RowScope& scope, const std::string& parquet_directory) const {
    std::string columns = "terminal, event_time";
    bool everywhere = true;  // whether every file and table has all of them
    for (std::size_t i = 0; i < names_.size(); ++i) {
      columns += ", " + names_[i];
      everywhere = everywhere && is_fixed(plan_.fields()[i].column);
    }
    const auto missing = everywhere ? Missing::kNever : Missing::kAllowed;
    const auto wanted = everywhere ? std::string_view(columns) : std::string_view("*");
    auto all = select_scope(scope, parquet_directory, wanted, missing);
    if (all.empty() || everywhere) return all;
    std::vector<Column> typed;
    for (std::size_t i = 0; i < types_.size(); ++i) {
      typed.push_back({plan_.fields()[i].column, types_[i]});
    }
    return "SELECT " + columns + " FROM " + with_columns(typed, "(" + all + ")");
  }

  // The rows that the query is about, behind `WHERE <range>`.
  std::string conditions() {
    std::string sql;
    if (plan_.query().rows == TypedQuery::Rows::kRequests) sql += " AND terminal";
    if (plan_.filter() != Accumulator::kNone) sql += " AND " + pattern(plan_.filter());
    for (std::size_t i = 0; i < plan_.only().size(); ++i) {
      const auto& text = plan_.query().only[i].second;
      const bool fits = text.find('\0') == std::string::npos;  // a statement ends there
      sql += " AND " + (fits ? names_[plan_.only()[i]] + " = " + duck::quoted_text(text) : "false");
    }
    return sql;
  }

  std::string pattern(std::size_t place) {
    PatternSql sql(plan_.catalogue(), version_.columns, out_.predicates);
    return sql.condition(plan_.patterns()[place]->root());
  }

  // One or two columns.
  std::string columns_of(const Accumulator& accumulator) {
    if (accumulator.kind == Kind::kRows) {
      if (accumulator.pattern == Accumulator::kNone) return "count(*)";
      return "count(*) FILTER (WHERE " + pattern(accumulator.pattern) + ")";
    }
    const auto& name = names_[accumulator.field];
    const bool real = types_[accumulator.field] == duck::Type::kDouble;
    // No JSON can say what is not finite: there it has no value.
    const auto value = real ? "CASE WHEN isfinite(" + name + ") THEN " + name + " END" : name;
    switch (accumulator.kind) {
      case Kind::kValues:
        return "count(" + name + ")";
      case Kind::kSum:
        return "count(" + value + "), " +
               (real ? "fsum(" + value + ")" : "sum(" + value + ")::VARCHAR");
      case Kind::kMin:
        return "min(" + value + ")";
      case Kind::kMax:
        return "max(" + value + ")";
      case Kind::kSketch:
        return "sg_sketch((" + value + ")::DOUBLE)";
      case Kind::kDistinct:
        return "sg_distinct(" + name + "::VARCHAR)";
      case Kind::kRows:
        break;
    }
    return {};
  }

  std::string group(const TypedPlan::Group& group) const {
    const auto& name = names_[group.field];
    if (!group.bucketed) return name;
    return "CASE WHEN " + name + " IS NOT NULL THEN sg_bucket(" + name + "::DOUBLE) END";
  }

 private:
  static bool is_fixed(const std::string& column) {
    static const Schema schema;  // base and core columns alone
    return schema.find(column) != kNoColumn;
  }

  std::string select_scope(const RowScope& scope, const std::string& parquet_directory,
                           std::string_view columns, Missing missing) const {
    if (scope.rolled.size() == 1 && scope.rolled[0] == scope.range) {
      return select_version(version_, parquet_directory, columns, scope.range, missing);
    }
    Version rolled, newer;
    for (const auto& file : version_.files) {
      (file->covers_to <= version_.rolled_up ? rolled : newer).files.push_back(file);
    }
    newer.tables = version_.tables;
    auto sql = select_version(newer, parquet_directory, columns, scope.range, missing);
    for (const auto& range : scope.rolled) {
      const auto part = select_version(rolled, parquet_directory, columns, range, missing);
      if (part.empty()) continue;
      if (!sql.empty()) sql += missing == Missing::kAllowed ? " UNION ALL BY NAME " : " UNION ALL ";
      sql += "SELECT * FROM (" + part + ") WHERE " + within(range);
    }
    return sql;
  }

  const TypedPlan& plan_;
  const Version& version_;
  TypedStatement& out_;
  std::vector<std::string> names_;
  std::vector<duck::Type> types_;
};

std::string step_column(const TypedPlan& plan, PartialAnswer::Period period) {
  const auto& query = plan.query();
  if (query.step_ns == 0) return text_of(0);
  auto from = plan.step_begin(0);
  // What was one length earlier counts as if it were now.
  if (period == PartialAnswer::Period::kPrevious) {
    from -= query.range.end_ns - query.range.start_ns;
  }
  return "(epoch_ns(event_time) - " + text_of(from) + ") // " + text_of(query.step_ns);
}

Cell cell_of(const duck::Rows& rows, std::size_t row, std::size_t column) {
  const auto& cell = rows.at(row, column);
  if (cell.null) return {};
  switch (rows.columns()[column].type) {
    case duck::Type::kBoolean:
      return cell.integer != 0;
    case duck::Type::kDouble:
      return cell.number;
    case duck::Type::kText:
      return cell.text;
    default:
      return cell.integer;
  }
}

bool read_wide(std::string_view digits, Accumulated::Wide& out) {
  const bool negative = digits.starts_with('-');
  if (negative) digits.remove_prefix(1);
  if (digits.empty() || digits.size() > 38) return false;
  out = 0;
  for (const char c : digits) {
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  if (negative) out = -out;
  return true;
}

// Takes the accumulator's columns from `column` on; false when they are not what was asked for.
bool read(const Accumulator& accumulator, const duck::Rows& rows, std::size_t row,
          std::size_t& column, Accumulated& out) {
  const auto& cell = rows.at(row, column);
  switch (accumulator.kind) {
    case Kind::kRows:
    case Kind::kValues:
      out.count = static_cast<std::uint64_t>(cell.integer);
      ++column;
      return true;
    case Kind::kSum: {
      out.count = static_cast<std::uint64_t>(cell.integer);
      const auto& sum = rows.at(row, column + 1);
      const auto type = rows.columns()[column + 1].type;
      column += 2;
      if (sum.null) return true;
      if (type == duck::Type::kText) return read_wide(sum.text, out.whole);
      out.real = sum.number;
      return true;
    }
    case Kind::kMin:
    case Kind::kMax:
      out.extreme = cell_of(rows, row, column++);
      return true;
    case Kind::kSketch:
    case Kind::kDistinct:
      break;
  }
  ++column;
  if (cell.null) return true;
  ByteReader bytes(cell.text);
  if (accumulator.kind == Kind::kSketch) {
    out.sketch = std::make_unique<ValueHistogram>();
    return out.sketch->load(bytes);
  }
  out.distinct = std::make_unique<DistinctSet>();
  return out.distinct->load(bytes);
}

}  // namespace

Result<TypedStatement> typed_statement(const TypedPlan& plan, PartialAnswer::Period period,
                                       const Version& version, const RowScope& scope,
                                       const std::string& parquet_directory) {
  TypedStatement out;
  StatementWriter writer(plan, version, out);
  SG_TRY(writer.resolve());
  const auto from = writer.source(scope, parquet_directory);
  if (from.empty()) return out;
  std::string groups;
  if (plan.query().step_ns != 0) groups = "1";
  auto sql = "SELECT " + step_column(plan, period);
  for (std::size_t i = 0; i < plan.groups().size(); ++i) {
    sql += ", " + writer.group(plan.groups()[i]);
    groups += (groups.empty() ? "" : ", ") + std::to_string(i + 2);
  }
  for (const auto& accumulator : plan.accumulators()) sql += ", " + writer.columns_of(accumulator);
  sql += " FROM (" + from + ") WHERE " + within(scope.range);
  sql += writer.conditions();
  if (!groups.empty()) sql += " GROUP BY " + groups;
  out.sql = sql + " LIMIT " + std::to_string(TypedQuery::kMostRows + 1);
  return out;
}

Status add_rows(const TypedPlan& plan, PartialAnswer::Period period, const duck::Rows& rows,
                PartialAnswer& answer) {
  if (rows.size() > TypedQuery::kMostRows) {
    return fail(Code::kTooLarge,
                "more than 50,000 groups and steps; filter more, group by fewer fields, or take a "
                "longer step");
  }
  std::vector<Cell> group(plan.groups().size());
  for (std::size_t row = 0; row < rows.size(); ++row) {
    for (std::size_t i = 0; i < group.size(); ++i) group[i] = cell_of(rows, row, i + 1);
    AccumulatedRow values(plan.accumulators().size());
    auto column = group.size() + 1;
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (!read(plan.accumulators()[i], rows, row, column, values[i])) {
        return fail(Code::kCorrupt, "the query engine's answer does not read");
      }
    }
    SG_TRY(answer.add(period, rows.integer(row, 0), group, std::move(values)));
  }
  return {};
}

}  // namespace sightglass::store
