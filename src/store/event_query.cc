// Pages of single rows, newest first: one source (a tail's table, a file) after the other, so that
// a page of the newest rows reads one table and no file.
#include <algorithm>
#include <limits>

#include "store/id_index.h"
#include "store/id_indexes.h"
#include "store/pattern_sql.h"
#include "store/queries.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

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

// A table, or a file and where in it to look.
struct Source {
  std::string rows;  // what stands behind FROM
  // Positions, both ends among them; newest first.
  std::vector<Stretch> stretches = {{0, std::numeric_limits<std::int64_t>::max() - 1}};
  std::uint64_t positions_per_row = 0;  // 0: not known, stretches are read as a whole
};

// Nothing: no row of the file can be the request.
std::vector<Stretch> stretches_of(const DataFile& file, const std::string& directory,
                                  const std::string& request, FileSystem& fs) {
  if (!request.empty()) {
    auto found = stretches_with(fs, id_index_path(directory, file->name), file->crc, request);
    if (found) {
      std::reverse(found->begin(), found->end());
      return std::move(*found);
    }
  }
  return {{file->facts.first, file->facts.last}};
}

// The sources that can hold rows of the range, newest first.
std::vector<Source> sources_of(const Version& version, const std::string& directory,
                               const EventQuery& query, FileSystem& fs) {
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
    Source source;
    source.stretches = stretches_of(*file, directory, query.request_id_prefix, fs);
    if (source.stretches.empty()) continue;
    const std::string path = directory + "/parquet/" + (*file)->name;
    source.rows = scan_files({&path, 1});
    // One request may be anywhere.
    if (query.request_id_prefix.empty()) {
      source.positions_per_row =
          (facts.last - facts.first) / std::max<std::uint64_t>(facts.rows, 1) + 1;
    }
    out.push_back(std::move(source));
  }
  return out;
}

// A statement's rows: at first as many as a page of what is frequent needs, then ever more, since
// each begins anew in some row group.
constexpr std::uint64_t kFirstScanRows = 65'536, kMostScanRows = 1'048'576;

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

// What is asked of rows, as it stands behind WHERE.
struct LocalQueries::EventSearch {
  const EventQuery& query;
  std::vector<Column> columns;  // that are asked about, beside time and position
  std::string where;
  std::vector<duck::Parameter> parameters;
  std::vector<duck::Functions::Predicate> predicates;

  EventSearch(const EventQuery& asked, const Version& version) : query(asked) {
    parameters = {query.range.start_ns, query.range.end_ns};
    where = " WHERE event_time >= make_timestamp_ns(?1) AND event_time < make_timestamp_ns(?2)";
    if (!query.request_id_prefix.empty()) {
      columns.push_back({"request_id", duck::Type::kText});
      parameters.emplace_back(query.request_id_prefix);
      where += " AND starts_with(request_id, ?3)";
    }
    if (query.filter.pattern != nullptr) {
      PatternSql sql(*query.filter.catalogue, version.columns, predicates);
      const auto& root = query.filter.pattern->root();
      where += " AND " + sql.condition(root);
      for (auto& column : sql.columns_of(root)) columns.push_back(std::move(column));
    }
  }

  bool asks() const { return !columns.empty(); }

  // The bounds of positions stand in the statement, so that the engine passes over row groups.
  std::string select(const std::string& source, std::int64_t from, std::int64_t before,
                     std::size_t limit) const {
    return "SELECT " + std::string(asks() ? "pos" : "*") + " FROM " +
           with_columns(columns, source) + where + " AND pos >= " + std::to_string(from) +
           " AND pos < " + std::to_string(before) + " ORDER BY pos DESC LIMIT " +
           std::to_string(limit);
  }
};

// The rows of these positions, newest first, until the page has one more than it may. Where more
// than the time is asked, the columns that are asked about are read first, and of the few rows that
// are wanted all: rows have dozens of columns.
Status LocalQueries::read_span(const EventSearch& search, const std::string& source,
                               std::int64_t from, std::int64_t before, EventPage& page) {
  const auto wanted = search.query.limit + 1 - page.events.size();
  auto rows = connection_.query(search.select(source, from, before, wanted), search.parameters);
  if (rows && search.asks() && rows->size() != 0) {
    std::string positions;
    for (std::size_t i = 0; i < rows->size(); ++i) {
      positions += (i == 0 ? "" : ", ") + std::to_string(rows->integer(i, 0));
    }
    const auto newest = rows->integer(0, 0), oldest = rows->integer(rows->size() - 1, 0);
    rows = connection_.query("SELECT * FROM " + source + " WHERE pos >= " + std::to_string(oldest) +
                             " AND pos <= " + std::to_string(newest) + " AND pos IN (" + positions +
                             ") ORDER BY pos DESC");
  }
  if (!rows) return explained(rows.error());
  for (std::size_t i = 0; i < rows->size(); ++i) page.events.push_back(event_of(*rows, i));
  return {};
}

Status LocalQueries::read_events(const EventQuery& query, EventPage& page) {
  SG_ASSIGN(const auto version, look_());
  EventSearch search(query, version);
  if (!search.predicates.empty()) SG_TRY(functions_added_);
  functions_.begin(std::move(search.predicates));
  const bool filters = query.filter.pattern != nullptr;
  const auto first_window = filters ? kFirstScanRows : query.limit + 1;
  std::uint64_t scanned = 0;
  const auto end = query.before.value_or(std::numeric_limits<std::int64_t>::max());
  for (const auto& source : sources_of(version, directory_, query, fs_)) {
    for (const auto& stretch : source.stretches) {
      auto before = std::min(end, stretch.last + 1);
      for (auto window = first_window; before > stretch.first;) {
        if (filters && scanned >= query.most_scanned) {
          page.next = before;
          return {};
        }
        const auto positions = source.positions_per_row * window;
        const bool rest = positions == 0 || before - stretch.first <= positions;
        const auto from = rest ? stretch.first : before - positions;
        SG_TRY(read_span(search, source.rows, static_cast<std::int64_t>(from),
                         static_cast<std::int64_t>(before), page));
        if (page.events.size() > query.limit) {
          page.events.pop_back();
          page.next = page.events.back().position;
          return {};
        }
        if (source.positions_per_row != 0) {
          scanned += (before - from) / source.positions_per_row;
        }
        before = from;
        window = std::min(4 * window, kMostScanRows);
      }
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
