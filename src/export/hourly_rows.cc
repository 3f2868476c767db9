#include <algorithm>
#include <iterator>

#include "base/log_bucket.h"
#include "export/hourly.h"
#include "export/hourly_columns.h"

namespace sightglass::exporting {
namespace {

constexpr RowColumn kHead[] = {
    {"gateway", "String"},       {"pos", "UInt64"},    {"accept_date", "Date"},
    {"accept_time_ns", "Int64"}, {"hour", "DateTime"},
};
constexpr RowColumn kCounts[] = {{"requests", "UInt64"},
                                 {"errors", "UInt64"},
                                 {"unpriced_requests", "UInt64"},
                                 {"timed_requests", "UInt64"}};
constexpr RowColumn kLatency[] = {{"latency_us", "Decimal(38, 0)"},
                                  {"latency_max_us", "Int64"},
                                  {"latency.bucket", "Array(Int32)"},
                                  {"latency.count", "Array(UInt64)"}};

// The low half first; no sum reaches the 38 digits that the type is for.
void put_decimal(Int128 value, ByteWriter& out) {
  out.u64(static_cast<std::uint64_t>(value));
  out.u64(static_cast<std::uint64_t>(value >> 64));
}

void put_latencies(const HourlyCell& cell, ByteWriter& out) {
  put_decimal(cell.sums.latency_us, out);
  out.i64(cell.sums.latency_max_us);
  out.varint(cell.latencies.size());
  for (const auto& [bucket, count] : cell.latencies) out.u32(static_cast<std::uint32_t>(bucket));
  out.varint(cell.latencies.size());
  for (const auto& [bucket, count] : cell.latencies) out.u64(count);
}

}  // namespace

void HourlyCell::add(const HourlySums& request) {
  sums.add(request);
  if (request.timed == 0) return;
  const auto us = std::max<std::int64_t>(request.latency_max_us, 1);
  ++latencies[log_bucket(static_cast<double>(us))];
}

std::vector<RowColumn> hourly_columns() {
  std::vector<RowColumn> out(std::begin(kHead), std::end(kHead));
  for (const auto& name : kHourlyNames) out.push_back({name.name, "String"});
  out.insert(out.end(), std::begin(kCounts), std::end(kCounts));
  for (const auto& sum : kHourlySums) out.push_back({sum.name, "Decimal(38, 0)"});
  out.insert(out.end(), std::begin(kLatency), std::end(kLatency));
  return out;
}

std::string hourly_rows(const HourlyCells& cells, std::string_view gateway, JournalMark mark) {
  std::string rows;
  ByteWriter out(rows);
  for (const auto& [key, cell] : cells) {
    out.string(gateway);
    out.u64(mark.position);
    put_date(mark.accept_ns, out);
    out.i64(mark.accept_ns);
    put_date_time(key.hour_ns, out);
    for (const auto& name : kHourlyNames) out.string(key.*name.in);
    const auto& sums = cell.sums;
    for (const auto count : {sums.requests, sums.errors, sums.unpriced, sums.timed}) out.u64(count);
    for (const auto& sum : kHourlySums) put_decimal(sums.*sum.in, out);
    put_latencies(cell, out);
  }
  return rows;
}

}  // namespace sightglass::exporting
