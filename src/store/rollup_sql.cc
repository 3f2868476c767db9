#include "store/rollup_sql.h"

#include <algorithm>

#include "base/text.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::string_view kKeys =
    "start, provider, client, model, \"key\", outcome, error_type, streaming";
// By place: a pack may have a field called `start`.
constexpr std::string_view kKeyPlaces = "1, 2, 3, 4, 5, 6, 7, 8";

// "2:7 31:1": a code of bucket_code() and a count.
void add_buckets(std::string_view text, ValueHistogram& out) {
  while (!text.empty()) {
    const auto end = text.find(' ');
    const auto pair = text.substr(0, end);
    const auto colon = pair.find(':');
    const auto code = parse_int(pair.substr(0, colon));
    const auto count = colon == pair.npos ? std::nullopt : parse_int(pair.substr(colon + 1));
    constexpr std::int64_t kFar = 10'000;  // past any bucket
    if (code && count && *count > 0) {
      const auto n = static_cast<std::uint64_t>(*count);
      const auto within = static_cast<std::int32_t>(std::clamp(*code, -kFar, kFar));
      if (within > 0) out.add_bucket(within - 1, n);
      if (within == 0) out.add(0, n);
      if (within < 0) out.add_negative_bucket(-within - 1, n);
    }
    text = end == text.npos ? std::string_view() : text.substr(end + 1);
  }
}

// A whole number's bucket, one further from 0 and signed; 0 is its own.
std::string bucket_code(const std::string& column) {
  return "CASE WHEN " + column + " > 0 THEN 1 + ceil(ln(" + column + ") / ln(1.02))::BIGINT WHEN " +
         column + " < 0 THEN -1 - ceil(ln(-(" + column + "::DOUBLE)) / ln(1.02))::BIGINT ELSE " +
         column + " END";
}

// What a row lacks is no name; a text without a letter is one.
std::string name_of(const duck::Rows::Cell& cell) {
  if (cell.null) return {};
  return cell.text.empty() ? std::string(RollupKey::kEmptyName) : cell.text;
}

constexpr std::string_view kSummed[] = {
    "input_tokens",  "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
    "output_tokens", "total_tokens",      "cost_nanousd"};

}  // namespace

// Grouped twice: by bucket within a cell first, so that a cell is one row whatever its latencies.
std::string select_rollup(const std::string& select, const std::string& where) {
  const Column optional[] = {{"key", duck::Type::kText},
                             {"error_type", duck::Type::kText},
                             {"is_streaming", duck::Type::kBoolean}};  // perhaps nobody used yet
  const auto minute = std::to_string(step_ns(RollupStep::kMinute));
  const auto ns = std::string("epoch_ns(event_time)");
  std::string inner = "SELECT " + ns + " - ((" + ns + " % " + minute + " + " + minute + ") % " +
                      minute +
                      ") AS start, provider, client, model, \"key\", outcome, error_type, "
                      "coalesce(is_streaming::BIGINT, -1) AS streaming, " +
                      bucket_code("latency_us") +
                      " AS bucket, count(*) AS n, count(unpriced_reason) AS unpriced, "
                      "count(latency_us) AS timed, sum(latency_us) AS latency";
  std::string counts, sums;
  for (std::size_t i = 0; i < std::size(kSummed); ++i) {
    const auto place = std::to_string(i);
    const std::string column(kSummed[i]);
    inner += ", count(" + column + ") AS n" + place + ", sum(" + column + ") AS s" + place;
    counts += ", sum(n" + place + ")";
    sums += ", sum(s" + place + ")";
  }
  inner += ", max(" + ns + ") AS newest FROM " + with_columns(optional, "(" + select + ")") +
           " WHERE terminal AND " + where + " GROUP BY ";
  inner.append(kKeyPlaces).append(", 9");
  std::string out = "SELECT ";
  out.append(kKeys).append(", sum(n), sum(unpriced), sum(timed)").append(counts);
  out.append(", sum(latency)")
      .append(sums)
      .append(
          ", max(newest), string_agg(bucket || ':' || timed, ' ') FILTER (bucket IS NOT NULL) FROM "
          "(");
  out.append(inner).append(") GROUP BY ").append(kKeyPlaces);
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
      *name = name_of(rows.at(r, c++));
    }
    key.streaming = static_cast<std::int8_t>(rows.integer(r, c++));
    RollupCell cell;
    for (auto* const count :
         {&cell.requests, &cell.unpriced, &cell.timed, &cell.input_values, &cell.cache_read_values,
          &cell.cache_write_5m_values, &cell.cache_write_1h_values, &cell.output_values,
          &cell.total_values, &cell.cost_values}) {
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
