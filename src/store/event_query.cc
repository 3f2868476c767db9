// Pages of single rows, newest first: one source (a tail's table, a file) after the other, so that
// a page of the newest rows reads one table and no file.
#include <algorithm>
#include <limits>

#include "store/queries.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

// A statement's rows while a filter looks for matches: a page of what is frequent needs few, and
// each statement has to unpack the row group that it begins in.
constexpr std::int64_t kFirstScanRows = 1'024, kMostScanRows = 8'192;

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

// A table, or a file and where its rows are.
struct Source {
  std::string rows;  // what stands behind FROM
  std::int64_t first = 0;
  std::int64_t last = std::numeric_limits<std::int64_t>::max() - 1;  // positions
  std::int64_t positions_per_row = 0;  // 0: not known, it is read as a whole

  // From where about so many rows stand before a position; 0: all that are left.
  std::int64_t from(std::int64_t before, std::int64_t wanted) const {
    if (positions_per_row == 0 || (before - first) / positions_per_row <= wanted) return 0;
    return before - wanted * positions_per_row;
  }
};

// The sources that can hold rows of the range, newest first.
std::vector<Source> sources_of(const Version& version, const std::string& directory,
                               const EventQuery& query) {
  std::vector<Source> out;
  for (auto table = version.tables.rbegin(); table != version.tables.rend(); ++table) {
    out.emplace_back().rows = *table;
  }
  for (auto file = version.files.rbegin(); file != version.files.rend(); ++file) {
    const auto& facts = (*file)->facts;
    if (facts.max_time_ns < query.range.start_ns || facts.min_time_ns >= query.range.end_ns) {
      continue;
    }
    if (query.before && facts.first >= *query.before) continue;
    const std::string path = directory + "/" + (*file)->name;
    Source source{scan_files({&path, 1}), static_cast<std::int64_t>(facts.first),
                  static_cast<std::int64_t>(facts.last)};
    // One request may be anywhere.
    if (query.request_id_prefix.empty()) {
      source.positions_per_row = static_cast<std::int64_t>(
          (facts.last - facts.first) / std::max<std::uint64_t>(facts.rows, 1) + 1);
    }
    out.push_back(std::move(source));
  }
  return out;
}

// The empty first part gives the column a name and a type where the source has none of it. The
// bounds of positions stand in the statement, so that the engine passes over row groups.
std::string select_from(const std::string& source, bool by_request, std::int64_t from,
                        std::int64_t before, std::int64_t limit) {
  std::string sql =
      "SELECT * FROM (SELECT NULL::VARCHAR AS request_id WHERE false "
      "UNION ALL BY NAME SELECT * FROM " +
      source +
      ") WHERE event_time >= make_timestamp_ns(?1) AND event_time < make_timestamp_ns(?2) AND "
      "pos >= " +
      std::to_string(from) + " AND pos < " + std::to_string(before);
  if (by_request) sql += " AND starts_with(request_id, ?3)";
  return sql + " ORDER BY pos DESC LIMIT " + std::to_string(limit);
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
  std::vector<duck::Parameter> parameters = {query.range.start_ns, query.range.end_ns};
  if (!query.request_id_prefix.empty()) parameters.emplace_back(query.request_id_prefix);
  std::uint64_t scanned = 0;
  auto before =
      static_cast<std::int64_t>(query.before.value_or(std::numeric_limits<std::int64_t>::max()));
  auto batch = query.keep ? kFirstScanRows : static_cast<std::int64_t>(query.limit) + 1;
  for (const auto& source : sources_of(version, parquet_directory_, query)) {
    before = std::min(before, source.last + 1);
    for (std::int64_t wider = 1;;) {
      const auto from = source.from(before, batch * wider);
      const auto rows = connection_.query(
          select_from(source.rows, !query.request_id_prefix.empty(), from, before, batch),
          parameters);
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
      const auto found = static_cast<std::int64_t>(rows->size());
      if (found < batch) {  // none is left from `from` on
        if (from == 0) break;
        before = from;
      }
      // Where the range leaves most of them out, ever more are looked at.
      wider = 2 * found < batch ? 2 * wider : 1;
      if (query.keep) batch = std::min(2 * batch, kMostScanRows);
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
