#include "store/rollup_sql.h"

#include <algorithm>

#include "base/text.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kKeys =
    "start, provider, client, model, \"key\", outcome, error_type, streaming";

// "2:7 31:1": bucket and count.
void add_buckets(std::string_view text, LatencySketch& out) {
  while (!text.empty()) {
    const auto end = text.find(' ');
    const auto pair = text.substr(0, end);
    const auto colon = pair.find(':');
    const auto bucket = parse_int(pair.substr(0, colon));
    const auto count = colon == pair.npos ? std::nullopt : parse_int(pair.substr(colon + 1));
    if (bucket && count && *count > 0) {
      const auto within =
          std::clamp<std::int64_t>(*bucket, LatencySketch::kBelow, LatencySketch::kLargest);
      out.add_bucket(static_cast<int>(within), static_cast<std::uint64_t>(*count));
    }
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
}

}  // namespace

// Grouped twice: by bucket within a cell first, so that a cell is one row whatever its latencies.
// The empty part in front gives columns that nobody used yet a name and a type.
std::string select_rollup(const std::string& select, const std::string& where) {
  const auto minute = std::to_string(step_ns(RollupStep::kMinute));
  const auto ns = std::string("epoch_ns(event_time)");
  std::string inner =
      "SELECT " + ns + " - ((" + ns + " % " + minute + " + " + minute + ") % " + minute +
      ") AS start, coalesce(provider, '') AS provider, coalesce(client, '') AS client, "
      "coalesce(model, '') AS model, coalesce(\"key\", '') AS \"key\", "
      "coalesce(outcome, '') AS outcome, coalesce(error_type, '') AS error_type, "
      "coalesce(is_streaming::BIGINT, -1) AS streaming, "
      "CASE WHEN latency_us > 0 THEN ceil(ln(latency_us) / ln(1.02))::BIGINT "
      "WHEN latency_us IS NOT NULL THEN -1 END AS bucket, "
      "count(*) AS n, count(unpriced_reason) AS unpriced, count(latency_us) AS timed, "
      "sum(latency_us) AS latency, sum(input_tokens) AS input, "
      "sum(cache_read_tokens) AS cache_read, sum(cache_write_5m_tokens) AS write_5m, "
      "sum(cache_write_1h_tokens) AS write_1h, sum(output_tokens) AS output, "
      "sum(total_tokens) AS total, sum(cost_nanousd) AS cost, max(" +
      ns +
      ") AS newest FROM (SELECT NULL::VARCHAR AS \"key\", NULL::VARCHAR AS error_type, "
      "NULL::BOOLEAN AS is_streaming WHERE false UNION ALL BY NAME SELECT * FROM (" +
      select + ")) WHERE terminal AND " + where + " GROUP BY ";
  inner.append(kKeys).append(", bucket");
  std::string out = "SELECT ";
  out.append(kKeys).append(
      ", sum(n), sum(unpriced), sum(timed), sum(latency), sum(input), sum(cache_read), "
      "sum(write_5m), sum(write_1h), sum(output), sum(total), sum(cost), max(newest), "
      "string_agg(bucket || ':' || timed, ' ') FILTER (bucket IS NOT NULL) FROM (");
  out.append(inner).append(") GROUP BY ").append(kKeys);
  return out;
}

RollupTable read_rollup(const duck::Rows& rows) {
  RollupTable out;
  for (std::size_t r = 0; r < rows.size(); ++r) {
    RollupKey key;
    key.start_ns = rows.integer(r, 0);
    std::size_t c = 1;
    for (auto* const name :
         {&key.provider, &key.client, &key.model, &key.key, &key.outcome, &key.error_type}) {
      *name = rows.at(r, c++).text;
    }
    key.streaming = static_cast<std::int8_t>(rows.integer(r, c++));
    RollupCell cell;
    for (auto* const count : {&cell.requests, &cell.unpriced, &cell.timed}) {
      *count = static_cast<std::uint64_t>(rows.integer(r, c++));
    }
    for (auto* const sum : {&cell.latency_us, &cell.input_tokens, &cell.cache_read_tokens,
                            &cell.cache_write_5m_tokens, &cell.cache_write_1h_tokens,
                            &cell.output_tokens, &cell.total_tokens, &cell.cost_nanousd}) {
      *sum = rows.integer(r, c++);
    }
    cell.last_ns = rows.integer(r, c++);
    add_buckets(rows.at(r, c).text, cell.latency);
    out.add(key, cell);
  }
  return out;
}

}  // namespace sightglass::store
