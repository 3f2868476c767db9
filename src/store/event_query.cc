// Pages of single rows, newest first: one source (a tail's table, a file) after the other, so that
// a page of the newest rows reads one table and no file.
#include <algorithm>

#include "store/queries.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::uint32_t kScanRows = 1'024;  // a statement's rows while a filter looks for matches

event::Kind kind_of(duck::Type type) {
  switch (type) {
    case duck::Type::kBoolean:
      return event::Kind::kBool;
    case duck::Type::kDouble:
      return event::Kind::kDouble;
    case duck::Type::kText:
      return event::Kind::kText;
    case duck::Type::kBigint:
    case duck::Type::kUbigint:
    case duck::Type::kTimestampNs:
      break;
  }
  return event::Kind::kInt;
}

// Base columns by name: a file of an older version may have them elsewhere.
bool take_base(StoredEvent& event, std::string_view column, const duck::Rows::Cell& cell) {
  if (column == "pos") {
    event.position = static_cast<journal::Position>(cell.integer);
  } else if (column == "accept_time") {
    event.accept_ns = cell.integer;
  } else if (column == "event_time") {
    event.time_ns = cell.integer;
  } else if (column == "event_type") {
    event.type = cell.text;
  } else if (column == "level") {
    event.level = cell.text;
  } else if (column == "terminal") {
    event.terminal = cell.integer != 0;
  } else {
    return column == "gateway";  // the same in each row of this store
  }
  return true;
}

// The sources that can hold rows of the range, newest first.
std::vector<std::string> sources_of(const Version& version, const std::string& directory,
                                    const EventQuery& query) {
  std::vector<std::string> out(version.tables.rbegin(), version.tables.rend());
  for (auto file = version.files.rbegin(); file != version.files.rend(); ++file) {
    const auto& facts = (*file)->facts;
    if (facts.max_time_ns < query.range.start_ns || facts.min_time_ns >= query.range.end_ns) {
      continue;
    }
    if (query.before && facts.first >= *query.before) continue;
    const std::string path = directory + "/" + (*file)->name;
    out.push_back(scan_files({&path, 1}));
  }
  return out;
}

// The empty first part gives the column a name and a type where the source has none of it.
std::string select_from(const std::string& source, bool by_request) {
  std::string sql =
      "SELECT * FROM (SELECT NULL::VARCHAR AS request_id WHERE false "
      "UNION ALL BY NAME SELECT * FROM " +
      source +
      ") WHERE event_time >= make_timestamp_ns(?1) AND "
      "event_time < make_timestamp_ns(?2) AND pos < ?3";
  if (by_request) sql += " AND starts_with(request_id, ?5)";
  return sql + " ORDER BY pos DESC LIMIT ?4";
}

}  // namespace

StoredEvent event_of(const duck::Rows& rows, std::size_t row) {
  StoredEvent out;
  for (std::size_t c = 0; c < rows.columns().size(); ++c) {
    const auto& column = rows.columns()[c];
    const auto& cell = rows.at(row, c);
    if (take_base(out, column.name, cell) || cell.null) continue;
    out.fields.push_back({column.name, kind_of(column.type), cell.integer, cell.number, cell.text});
  }
  return out;
}

event::Value StoredEvent::Field::value() const {
  switch (kind) {
    case event::Kind::kBool:
      return event::Value::boolean(integer != 0);
    case event::Kind::kInt:
      return event::Value::integer(integer);
    case event::Kind::kDouble:
      return event::Value::number(number);
    case event::Kind::kText:
      return event::Value::text(text);
    case event::Kind::kNull:
      break;
  }
  return {};
}

Status LocalQueries::read_events(const EventQuery& query, EventPage& page) {
  SG_ASSIGN(const auto version, look_());
  std::uint64_t scanned = 0;
  auto before =
      static_cast<std::int64_t>(query.before.value_or(std::numeric_limits<std::int64_t>::max()));
  const auto batch = query.keep ? kScanRows : query.limit + 1;
  for (const auto& source : sources_of(version, parquet_directory_, query)) {
    const auto sql = select_from(source, !query.request_id_prefix.empty());
    for (;;) {
      std::vector<duck::Parameter> parameters = {query.range.start_ns, query.range.end_ns, before,
                                                 static_cast<std::int64_t>(batch)};
      if (!query.request_id_prefix.empty()) parameters.emplace_back(query.request_id_prefix);
      const auto rows = connection_.query(sql, parameters);
      if (!rows) return explained(rows.error());
      for (std::size_t i = 0; i < rows->size(); ++i) {
        auto event = event_of(*rows, i);
        const auto position = event.position;
        if (!query.keep || query.keep(event)) {
          if (page.events.size() == query.limit) {
            page.next = page.events.back().position;
            return {};
          }
          page.events.push_back(std::move(event));
        }
        before = static_cast<std::int64_t>(position);
        if (query.keep && ++scanned == EventQuery::kMostScanned) {
          page.next = position;
          return {};
        }
      }
      if (rows->size() < batch) break;
    }
  }
  return {};
}

Result<EventPage> LocalQueries::events(const EventQuery& query) {
  if (query.limit < 1 || query.limit > EventQuery::kMostEvents) {
    return fail(Code::kInvalid, "limit must be 1 to " + std::to_string(EventQuery::kMostEvents));
  }
  auto bounded = query;
  bounded.range = within_engine(query.range);
  EventPage page;
  SG_TRY(queue_.run([&] { return read_events(bounded, page); }));
  return page;
}

}  // namespace sightglass::store
