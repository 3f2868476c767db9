// Questions to the roll-ups: partitions from their files, newer rows from the tails.
#include <algorithm>
#include <limits>

#include "store/queries.h"
#include "store/rollup_sql.h"

namespace sightglass::store {
namespace {

void add_cells(const RollupTable& cells, const RollupQuery& query, RollupTable& out) {
  for (const auto& [key, cell] : cells.cells()) {
    if (query.wants(key)) out.add(key, cell);
  }
}

// Where a range is read from which step: the oldest part by days, the next by hours, the rest by
// minutes. Whole partitions go at once, so that these borders are those of days and hours.
std::vector<RollupQuery> pieces_of(const Version& version, Range range) {
  auto hours_from = range.end_ns, minutes_from = range.end_ns;
  for (const auto& file : version.rollups) {
    if (file->end_ns() <= range.start_ns) continue;
    auto& from = file->step == RollupStep::kMinute ? minutes_from : hours_from;
    if (file->step != RollupStep::kDay) from = std::min(from, file->partition_ns);
  }
  // A quiet hour has no file, and none is needed: what matters is where the finer ones begin.
  minutes_from = std::clamp(minutes_from, range.start_ns, range.end_ns);
  hours_from =
      std::clamp(begin_of(hours_from, step_ns(RollupStep::kDay)), range.start_ns, minutes_from);
  const auto piece = [](Nanos start, Nanos end, RollupStep step) {
    RollupQuery out;
    out.start_ns = start;
    out.end_ns = end;
    out.step = step;
    return out;
  };
  return {piece(range.start_ns, hours_from, RollupStep::kDay),
          piece(hours_from, minutes_from, RollupStep::kHour),
          piece(minutes_from, range.end_ns, RollupStep::kMinute)};
}

}  // namespace

Result<RollupTable> LocalQueries::read_rollups(const Version& version, const RollupQuery& query) {
  RollupTable out;
  for (const auto& file : version.rollups) {
    if (file->step != query.step || file->end_ns() <= query.start_ns ||
        file->partition_ns >= query.end_ns) {
      continue;
    }
    const auto add = [&](const RollupKey& key, const RollupCell& cell) {
      if (query.wants(key)) out.add(key, cell);
      return true;
    };
    if (!visit_rollup_file(fs_, rollup_directory_ + "/" + file->name, *file, add)) {
      suspect_();
      return fail(Code::kCorrupt,
                  "a roll-up file could not be read; it is being made again, ask again");
    }
  }
  // Rows in the tails are in no roll-up file yet. A step may begin before the range's rows do.
  const Range range = within_engine({query.start_ns, query.end_ns});
  const auto until =
      std::min(range.end_ns, std::numeric_limits<Nanos>::max() - step_ns(query.step)) +
      step_ns(query.step);
  const auto bounds = "event_time >= make_timestamp_ns(" + std::to_string(range.start_ns) +
                      ") AND event_time < make_timestamp_ns(" + std::to_string(until) + ")";
  std::string select;
  for (const auto& table : version.tables) {
    select.append(select.empty() ? "SELECT * FROM " : " UNION ALL BY NAME SELECT * FROM ");
    select += table;
  }
  if (select.empty()) return out;
  const auto rows = connection_.query(select_rollup(select, bounds));
  if (!rows) return explained(rows.error());
  add_cells(read_rollup(*rows).coarser(query.step), query, out);
  return out;
}

Result<RollupTable> LocalQueries::rollups(const RollupQuery& query) {
  RollupTable out;
  SG_TRY(queue_.run([&]() -> Status {
    SG_ASSIGN(const auto version, look_());
    SG_ASSIGN(out, read_rollups(version, query));
    return {};
  }));
  return out;
}

Status LocalQueries::add_expired(const Version& version, Range range, const Filter& filter,
                                 Aggregate& out, Names& names) {
  for (auto& piece : pieces_of(version, range)) {
    if (piece.start_ns >= piece.end_ns) continue;
    piece.client = filter.client;
    piece.provider = filter.provider;
    SG_ASSIGN(const auto table, read_rollups(version, piece));
    for (const auto& [key, cell] : table.cells()) {
      out.requests += cell.requests;
      out.unpriced += cell.unpriced;
      if (key.outcome == "ok") out.ok += cell.requests;
      if (key.outcome == "error" || key.outcome == "timeout") out.errors += cell.requests;
      if (key.outcome == "rejected") out.rejected += cell.requests;
      if (key.outcome == "client_gone") out.client_gone += cell.requests;
      if (key.outcome == "ok" || key.outcome == "error") {
        out.latency_us += cell.latency_us;
        out.timed += cell.timed;
      }
      out.total_tokens += cell.total_tokens;
      out.cost_nanousd += cell.cost_nanousd;
      out.last_request_ns = std::max(out.last_request_ns, cell.last_ns);
      if (!key.client.empty()) names.clients.insert(key.client);
      if (!key.provider.empty()) names.providers.insert(key.provider);
    }
  }
  out.distinct_clients = names.clients.size();
  out.distinct_providers = names.providers.size();
  if (out.timed != 0) {
    out.average_latency_ms =
        static_cast<double>(out.latency_us) / static_cast<double>(out.timed) / 1000.0;
  }
  return {};
}

}  // namespace sightglass::store
