// Requests, tokens and cost by up to four dimensions: one statement over one version.
#include "store/queries.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

std::string_view column_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::kClient:
      return core::kClient;
    case Dimension::kProvider:
      return core::kProvider;
    case Dimension::kModel:
      return core::kModel;
    case Dimension::kKey:
      break;
  }
  return "\"key\"";  // no core column: a file whose rows have none does not have it
}

bool asks_for_key(const GroupQuery& query) {
  const auto is_key = [](Dimension d) { return d == Dimension::kKey; };
  return std::any_of(query.by.begin(), query.by.end(), is_key) ||
         std::any_of(query.only.begin(), query.only.end(),
                     [&](const auto& filter) { return is_key(filter.first); });
}

// As select_version(), with the column `key`, null where a file or a tail has none.
std::string select_with_key(const Version& version, const std::string& directory, Range range) {
  const auto all = select_version(version, directory, "*", range, Missing::kAllowed);
  // The empty first part gives the column a name and a type.
  return all.empty() ? all : "SELECT NULL::VARCHAR AS \"key\" WHERE false UNION ALL BY NAME " + all;
}

}  // namespace

Result<std::vector<Group>> LocalQueries::groups(const GroupQuery& query) {
  const auto range = within_engine(query.range);
  std::string columns, order;
  for (std::size_t i = 0; i < query.by.size(); ++i) {
    columns.append("coalesce(").append(column_of(query.by[i])).append(", ''), ");
    order.append(i == 0 ? "" : ", ").append(std::to_string(i + 1));
  }
  std::vector<duck::Parameter> parameters = {range.start_ns, range.end_ns};
  std::string where =
      "terminal AND event_time >= make_timestamp_ns(?1) AND event_time < make_timestamp_ns(?2)";
  for (const auto& [dimension, value] : query.only) {
    parameters.emplace_back(value);
    where.append(" AND ").append(column_of(dimension)).append(" = ?");
    where += std::to_string(parameters.size());
  }
  std::string sql = "SELECT " + columns + "count(*), sum(total_tokens), sum(cost_nanousd) FROM (";
  Result<duck::Rows> rows;
  SG_TRY(queue_.run([&]() -> Status {
    SG_ASSIGN(const auto version, look_());
    const auto from =
        asks_for_key(query)
            ? select_with_key(version, parquet_directory_, range)
            : select_version(version, parquet_directory_,
                             "terminal, event_time, client, provider, model, total_tokens, "
                             "cost_nanousd",
                             range);
    if (from.empty()) return {};
    sql += from + ") WHERE " + where;
    if (!order.empty()) sql += " GROUP BY " + order + " ORDER BY " + order;
    sql += " LIMIT " + std::to_string(GroupQuery::kMostGroups + 1);
    rows = connection_.query(sql, parameters);
    if (rows) return {};
    return explained(rows.error());
  }));
  if (rows->size() > GroupQuery::kMostGroups) {
    return fail(Code::kTooLarge, "more than " + std::to_string(GroupQuery::kMostGroups) +
                                     " groups; take fewer dimensions or a shorter range");
  }
  std::vector<Group> out;
  const auto width = query.by.size();
  for (std::size_t i = 0; i < rows->size(); ++i) {
    Group group;
    for (std::size_t c = 0; c < width; ++c) group.values.push_back(rows->at(i, c).text);
    group.requests = static_cast<std::uint64_t>(rows->integer(i, width));
    group.total_tokens = rows->integer(i, width + 1);
    group.cost_nanousd = rows->integer(i, width + 2);
    // Without a dimension an empty history is one row of zeros: no group.
    if (group.requests > 0) out.push_back(std::move(group));
  }
  return out;
}

}  // namespace sightglass::store
