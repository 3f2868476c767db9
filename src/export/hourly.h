// Requests as sums by the hour: what business reports ask for.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "export/own_requests.h"
#include "export/row_column.h"
#include "journal/record.h"

namespace sightglass::exporting {

__extension__ typedef __int128 Int128;

// Whose sums they are. What a request does not say is an empty text. No person, session, group or
// request is among them.
struct HourlyKey {
  Nanos hour_ns = 0;  // Unix, at its beginning, UTC; of the event's own time
  std::string client, provider, model, outcome;
  friend auto operator<=>(const HourlyKey&, const HourlyKey&) = default;
};

// Exact: no sum of 64-bit values reaches the ends of 128 bits. A request that lacks a value adds 0.
struct HourlySums {
  std::uint64_t requests = 0;
  std::uint64_t errors = 0;    // outcome error or timeout
  std::uint64_t unpriced = 0;  // whose cost is not known
  std::uint64_t timed = 0;     // whose latency is known
  Int128 input_tokens = 0, cache_read_tokens = 0;
  Int128 cache_write_5m_tokens = 0, cache_write_1h_tokens = 0;
  Int128 output_tokens = 0, total_tokens = 0;
  Int128 cost_nanousd = 0;
  Int128 latency_us = 0;
  std::int64_t latency_max_us = 0;
  void add(const HourlySums& other);
  friend bool operator==(const HourlySums&, const HourlySums&) = default;
};

// Where a record lies in its journal: later ones are greater, also in a journal that was brought
// back from a backup and went on from there, as long as the clock did.
struct JournalMark {
  Nanos accept_ns = 0;
  journal::Position position = 0;
  friend auto operator<=>(const JournalMark&, const JournalMark&) = default;
};

// One request.
struct HourlyEntry {
  JournalMark mark;
  HourlyKey key;
  HourlySums sums;
};

// Makes an entry of each terminal event of the gateway's own.
class HourlyReader {
 public:
  void use(const std::shared_ptr<const event::Catalogue>& catalogue);  // in force from here on
  // Appends the entry of this record, if it is such an event. Cost: about 1 µs.
  void append(Bytes payload, JournalMark mark, std::vector<HourlyEntry>& out);

 private:
  OwnRequests requests_;
  event::FieldId latency_ = event::kNoField, unpriced_ = event::kNoField;
  std::vector<event::FieldId> names_, sums_;
};

// In the order of its keys, so that two who write the same rows lock them in the same order.
using HourlyTable = std::map<HourlyKey, HourlySums>;

// A JSON array with an object for each row, of the columns of sightglass.hourly_usage but gateway.
std::string hourly_json(const HourlyTable& table);

// The same as rows of ClickHouse's table `hourly` in its format RowBinary, with the distribution of
// latencies beside the sums.
// Source: ClickHouse documentation, "RowBinary"; 18.16 and today's take the same bytes.
struct HourlyCell {
  HourlySums sums;
  std::map<std::int32_t, std::uint64_t> latencies;  // by log_bucket() of microseconds, from 1 on
  void add(const HourlySums& request);
};
using HourlyCells = std::map<HourlyKey, HourlyCell>;
std::vector<RowColumn> hourly_columns();
// `mark`: of the last record that they are made of; with the gateway a block's identity.
std::string hourly_rows(const HourlyCells& cells, std::string_view gateway, JournalMark mark);

}  // namespace sightglass::exporting
