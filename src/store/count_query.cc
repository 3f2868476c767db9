// How many events of each type: rows, each for as many as its sampling rule says.
#include <algorithm>
#include <map>

#include "store/queries.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

std::string count_in(const std::string& source) {
  const Column sampled{"sampled_one_in", duck::Type::kBigint};
  return "SELECT event_type, count(*), count(*) FILTER (sampled_one_in > 1), "
         "sum(coalesce(sampled_one_in, 1)) FROM " +
         with_columns({&sampled, 1}, source) +
         " WHERE event_time >= make_timestamp_ns(?1) AND event_time < make_timestamp_ns(?2) "
         "GROUP BY event_type";
}

}  // namespace

// One source after the other, since only some have the column.
Status LocalQueries::read_counts(Range range, std::vector<EventCount>& out) {
  SG_ASSIGN(const auto version, look_());
  std::vector<std::string> sources(version.tables.begin(), version.tables.end());
  for (const auto& file : version.files) {
    const auto& facts = file->facts;
    if (facts.max_time_ns < range.start_ns || facts.min_time_ns >= range.end_ns) continue;
    const std::string path = parquet_directory_ + "/" + file->name;
    sources.push_back(scan_files({&path, 1}));
  }
  std::map<std::string, EventCount> by_type;
  const std::vector<duck::Parameter> parameters = {range.start_ns, range.end_ns};
  for (const auto& source : sources) {
    const auto rows = connection_.query(count_in(source), parameters);
    if (!rows) return explained(rows.error());
    for (std::size_t i = 0; i < rows->size(); ++i) {
      auto& count = by_type[rows->at(i, 0).text];
      count.rows += static_cast<std::uint64_t>(rows->integer(i, 1));
      count.sampled_rows += static_cast<std::uint64_t>(rows->integer(i, 2));
      count.events += static_cast<std::uint64_t>(rows->integer(i, 3));
    }
  }
  for (auto& [type, count] : by_type) {
    count.type = type;
    out.push_back(std::move(count));
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.events != b.events ? a.events > b.events : a.type < b.type;
  });
  return {};
}

Result<std::vector<EventCount>> LocalQueries::counts(Range range) {
  range = within_engine(range);
  std::vector<EventCount> out;
  SG_TRY(queue_.run([&] { return read_counts(range, out); }));
  return out;
}

}  // namespace sightglass::store
