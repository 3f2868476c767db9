#include "store/queries.h"

#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kAggregateColumns =
    "terminal, event_time, outcome, provider, client, total_tokens, cost_nanousd, "
    "unpriced_reason, latency_us";
constexpr std::string_view kSeriesColumns =
    "terminal, event_time, outcome, total_tokens, cost_nanousd, latency_us";

// Latency counts for requests that got an answer, good or bad, and has one.
constexpr std::string_view kTimed = "outcome IN ('ok', 'error') AND latency_us IS NOT NULL";
constexpr std::string_view kInRange =
    "terminal AND event_time >= make_timestamp_ns(?1) AND event_time < make_timestamp_ns(?2)";

double mean_ms(std::int64_t sum_us, std::int64_t count) {
  return count == 0 ? 0 : static_cast<double>(sum_us) / static_cast<double>(count) / 1000.0;
}

std::uint64_t count_at(const duck::Rows& rows, std::size_t column) {
  return static_cast<std::uint64_t>(rows.integer(0, column));
}

}  // namespace

// The engine's infinities stand at the ends of 64 bits.
Range within_engine(Range range) {
  constexpr Nanos kEarliest = -9'000'000'000 * kSecond, kLatest = 9'000'000'000 * kSecond;
  return {std::clamp(range.start_ns, kEarliest, kLatest),
          std::clamp(range.end_ns, kEarliest, kLatest)};
}

double Aggregate::success_rate() const {
  const auto judged = requests - rejected;
  return judged == 0 ? 0 : static_cast<double>(ok) / static_cast<double>(judged);
}

std::string select_version(const Version& version, const std::string& parquet_directory,
                           std::string_view columns, Range range, Missing missing) {
  std::vector<std::string> paths;
  for (const auto& file : version.files) {
    const auto& facts = file->facts;
    if (facts.max_time_ns < range.start_ns || facts.min_time_ns >= range.end_ns) continue;
    paths.push_back(parquet_directory + "/" + file->name);
  }
  std::string sql;
  const auto part = [&](const std::string& from) {
    if (!sql.empty()) sql += missing == Missing::kAllowed ? " UNION ALL BY NAME " : " UNION ALL ";
    sql.append("SELECT ").append(columns).append(" FROM ").append(from);
  };
  if (!paths.empty()) {
    part(missing == Missing::kAllowed ? scan_files_by_name(paths) : scan_files(paths));
  }
  for (const auto& table : version.tables) part(table);
  return sql;
}

LocalQueries::LocalQueries(const Options& options, const std::string& folder, FileSystem& fs,
                           duck::Connection connection, const Clock& clock, Telemetry& telemetry,
                           Look look, Suspect suspect)
    : directory_(folder),
      parquet_directory_(folder + "/parquet"),
      rollup_directory_(folder + "/rollup"),
      fs_(fs),
      connection_(std::move(connection)),
      functions_added_(functions_.add_to(connection_)),
      look_(std::move(look)),
      suspect_(std::move(suspect)),
      queue_(options.query_queue, options.query_limit_ns, clock, telemetry, [this] {
        interrupted_.store(true, std::memory_order_relaxed);
        connection_.interrupt();
      }) {}

Result<duck::Rows> LocalQueries::run(std::string_view columns, Range range,
                                     const std::string& before, const std::string& after,
                                     std::span<const duck::Parameter> parameters) {
  Result<duck::Rows> rows;
  SG_TRY(queue_.run([&]() -> Status {
    SG_ASSIGN(const auto version, look_());
    const auto from = select_version(version, parquet_directory_, columns, range);
    if (from.empty()) return {};
    rows = connection_.query(before + " FROM (" + from + ") WHERE " + after, parameters);
    if (rows) return {};
    return explained(rows.error());
  }));
  return rows;
}

std::unexpected<Error> LocalQueries::explained(const Error& error) const {
  const auto code = error.code;
  if (code == Code::kTimeout || code == Code::kTooLarge || code == Code::kNoSpace) {
    return std::unexpected(error);
  }
  suspect_();  // whatever else goes wrong, a damaged file is the likeliest reason
  if (code == Code::kIo || code == Code::kCorrupt) {
    return fail(Code::kCorrupt,
                "a history file could not be read; the files are being checked, ask again");
  }
  return std::unexpected(error);
}

Result<Aggregate> LocalQueries::aggregate(Range range, const Filter& filter) {
  range = within_engine(range);
  Aggregate out;
  SG_TRY(queue_.run([&]() -> Status {
    SG_ASSIGN(const auto version, look_());
    if (version.expired_newest_ns == 0 || range.start_ns > version.expired_newest_ns) {
      SG_ASSIGN(out, aggregate_rows(version, range, filter, nullptr));
      return {};
    }
    Names names;
    const auto turn = begin_of(version.expired_newest_ns, step_ns(RollupStep::kMinute)) +
                      step_ns(RollupStep::kMinute);
    const Range rest{std::max(range.start_ns, turn), range.end_ns};
    SG_ASSIGN(out, aggregate_rows(version, rest, filter, &names));
    return add_expired(version, {range.start_ns, std::min(turn, range.end_ns)}, filter, out, names);
  }));
  return out;
}

// `names`: what the distinct counts counted, when they are to be joined with others.
Result<Aggregate> LocalQueries::aggregate_rows(const Version& version, Range range,
                                               const Filter& filter, Names* names) {
  Aggregate out;
  const auto from = select_version(version, parquet_directory_, kAggregateColumns, range);
  if (from.empty()) return out;
  std::vector<duck::Parameter> parameters = {range.start_ns, range.end_ns};
  std::string where(kInRange);
  const auto only = [&](std::string_view column, const std::optional<std::string>& value) {
    if (!value) return;
    parameters.emplace_back(*value);
    where.append(" AND ").append(column).append(" = ?") += std::to_string(parameters.size());
  };
  only(core::kClient, filter.client);
  only(core::kProvider, filter.provider);

  const std::string timed(kTimed);
  const auto source = " FROM (" + from + ") WHERE " + where;
  const auto asked = connection_.query(
      "SELECT count(*), count(*) FILTER (outcome = 'ok'), "
      "count(*) FILTER (outcome IN ('error', 'timeout')), "
      "count(*) FILTER (outcome = 'rejected'), "
      "count(*) FILTER (outcome = 'client_gone'), count(unpriced_reason), "
      "sum(total_tokens), sum(cost_nanousd), sum(latency_us) FILTER (" +
          timed + "), count(*) FILTER (" + timed +
          "), max(epoch_ns(event_time)), count(DISTINCT client), "
          "count(DISTINCT provider)" +
          source,
      parameters);
  if (!asked) return explained(asked.error());
  const auto& rows = *asked;
  out.requests = count_at(rows, 0);
  out.ok = count_at(rows, 1);
  out.errors = count_at(rows, 2);
  out.rejected = count_at(rows, 3);
  out.client_gone = count_at(rows, 4);
  out.unpriced = count_at(rows, 5);
  out.total_tokens = rows.integer(0, 6);
  out.cost_nanousd = rows.integer(0, 7);
  out.latency_us = rows.integer(0, 8);
  out.timed = count_at(rows, 9);
  out.average_latency_ms = mean_ms(out.latency_us, rows.integer(0, 9));
  out.last_request_ns = rows.integer(0, 10);
  out.distinct_clients = count_at(rows, 11);
  out.distinct_providers = count_at(rows, 12);
  if (names == nullptr) return out;
  const auto distinct = connection_.query("SELECT DISTINCT client, provider" + source, parameters);
  if (!distinct) return explained(distinct.error());
  for (std::size_t i = 0; i < distinct->size(); ++i) {
    if (!distinct->at(i, 0).null) names->clients.insert(distinct->at(i, 0).text);
    if (!distinct->at(i, 1).null) names->providers.insert(distinct->at(i, 1).text);
  }
  return out;
}

Result<Queries::Series> LocalQueries::series(Range range, Nanos step_ns) {
  range = within_engine(range);
  if (step_ns < kSecond || step_ns % kSecond != 0) {
    return fail(Code::kInvalid, "a step is a whole number of seconds, at least one");
  }
  Series out;
  if (range.end_ns <= range.start_ns) return out;
  Nanos length_ns = 0;  // may exceed 63 bits
  if (__builtin_sub_overflow(range.end_ns, range.start_ns, &length_ns) ||
      length_ns / step_ns > kMaxSteps) {
    return fail(Code::kTooLarge, "more than 11,000 steps; take a longer step or a shorter range");
  }
  const std::vector<duck::Parameter> parameters = {range.start_ns, range.end_ns, step_ns};
  const std::string timed(kTimed);
  SG_ASSIGN(
      const auto rows,
      run(kSeriesColumns, range,
          "SELECT (epoch_ns(event_time) - ?1) // ?3 AS step, sum(latency_us) FILTER (" + timed +
              "), count(*) FILTER (" + timed + "), sum(total_tokens), sum(cost_nanousd)",
          std::string(kInRange) + " GROUP BY step ORDER BY step", parameters));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const auto at_ns = range.start_ns + rows.integer(i, 0) * step_ns;
    // Rounded down, also before 1970.
    const auto at_s = at_ns / kSecond - (at_ns % kSecond < 0 ? 1 : 0);
    if (rows.integer(i, 2) != 0) {
      out.latency_ms.push_back({at_s, mean_ms(rows.integer(i, 1), rows.integer(i, 2))});
    }
    out.tokens.push_back({at_s, static_cast<double>(rows.integer(i, 3))});
    out.cost_usd.push_back({at_s, static_cast<double>(rows.integer(i, 4)) / 1e9});
  }
  return out;
}

}  // namespace sightglass::store
