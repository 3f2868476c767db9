// Roll-ups: what the requests of one minute, hour or day add up to, by the names that the admin API
// and the page ask for. They outlive the rows: counts and sums are exact, latencies within 1 %.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/result.h"
#include "store/value_histogram.h"

namespace sightglass::store {

enum class RollupStep : std::uint8_t { kMinute, kHour, kDay };
inline constexpr std::array kRollupSteps = {RollupStep::kMinute, RollupStep::kHour,
                                            RollupStep::kDay};

std::string_view step_name(RollupStep step);  // "minute", "hour", "day"
Nanos step_ns(RollupStep step);
// One file holds the steps of so long a time: an hour of minutes, a day of hours, 30 days of days.
Nanos partition_ns(RollupStep step);
// The beginning of the step or partition that holds a time; UTC.
Nanos begin_of(Nanos time_ns, Nanos length_ns);

// Whose numbers a cell has. A name that the rows do not have is empty; kEmptyName stands for the
// text without a letter, which rows can have and which is no UTF-8.
struct RollupKey {
  static constexpr std::string_view kEmptyName = "\xff";
  Nanos start_ns = 0;  // of the step
  std::string provider, client, model, key, outcome, error_type;
  std::int8_t streaming = -1;  // 0 no, 1 yes, -1 the rows do not say
  friend auto operator<=>(const RollupKey&, const RollupKey&) = default;
};

// Sums stay at the ends of 64 bits. A request may lack any of the values.
struct RollupCell {
  std::uint64_t requests = 0;
  std::uint64_t unpriced = 0;
  std::uint64_t timed = 0;  // those with a latency
  // How many have the value that is summed below; known only where `counted`.
  std::uint64_t input_values = 0, cache_read_values = 0;
  std::uint64_t cache_write_5m_values = 0, cache_write_1h_values = 0;
  std::uint64_t output_values = 0, total_values = 0, cost_values = 0;
  std::int64_t input_tokens = 0, cache_read_tokens = 0;
  std::int64_t cache_write_5m_tokens = 0, cache_write_1h_tokens = 0;
  std::int64_t output_tokens = 0, total_tokens = 0;
  std::int64_t cost_nanousd = 0;
  std::int64_t latency_us = 0;  // their sum
  Nanos last_ns = 0;            // the newest request
  ValueHistogram latency = {};  // in µs
  bool counted = true;          // false: some are from files of version 1
  void add(const RollupCell& other);
  friend bool operator==(const RollupCell&, const RollupCell&) = default;
};

// Cells by key, in its order. Bounds: kMaxCells; a new key past that adds to one of its step,
// provider, outcome and streaming whose other names are kOther, so that sums stay exact.
class RollupTable {
 public:
  static constexpr std::size_t kMaxCells = 50'000;
  static constexpr std::string_view kOther = "__other__";

  void add(const RollupKey& key, const RollupCell& cell);
  void add(const RollupTable& other);
  // The same with longer steps.
  RollupTable coarser(RollupStep step) const;
  using Cells = std::map<RollupKey, RollupCell>;
  const Cells& cells() const { return cells_; }
  // The one that a new key past kMaxCells adds to.
  static RollupKey other_of(const RollupKey& key);

 private:
  friend Result<struct DecodedRollup> decode_rollup(Bytes untrusted);
  Cells cells_;
};

// One file's worth: the cells of a step that begin in one partition. Layout: docs/store-format.md.
std::string encode_rollup(RollupStep step, Nanos partition_ns, const RollupTable& table);
struct DecodedRollup {
  RollupStep step = RollupStep::kMinute;
  Nanos partition_ns = 0;
  RollupTable table;
};
// Errors: kVersion, kCorrupt.
Result<DecodedRollup> decode_rollup(Bytes untrusted);
// A file's parts, for rollup_merge: what stands before the cells and behind their number, one cell.
void begin_rollup(ByteWriter& out, RollupStep step, Nanos partition_ns, std::size_t cells);
void write_cell(ByteWriter& out, RollupStep step, Nanos partition_ns, const RollupKey& key,
                const RollupCell& cell);
// Checks the checksum and reads what stands before the cells. Errors as decode_rollup().
struct RollupHead {
  std::uint32_t version = 0;  // 1, whose cells are shorter, or 2
  RollupStep step = RollupStep::kMinute;
  Nanos partition_ns = 0;
  std::uint64_t cells = 0;
};
Result<RollupHead> read_rollup_head(Bytes untrusted, ByteReader& cells);
// Malformed: the reader is no longer ok.
void read_cell(ByteReader& in, const RollupHead& head, RollupKey& key, RollupCell& cell);
// The cells in their order, which are the callee's for the call only: most questions want few of
// them, and a table of all costs five times the reading. False: no more are wanted.
// Errors: kCorrupt, when earlier ones were handed over already.
using RollupVisitor = std::function<bool(RollupKey&, RollupCell&)>;
Status visit_cells(ByteReader cells, const RollupHead& head, const RollupVisitor& each);

// What is asked of roll-ups: the steps that begin in [start, end), whose names are as given.
struct RollupQuery {
  Nanos start_ns = 0, end_ns = 0;
  RollupStep step = RollupStep::kMinute;
  std::optional<std::string> provider = {}, client = {}, model = {}, key = {}, outcome = {},
                             error_type = {};
  std::optional<bool> streaming = {};
  bool wants(const RollupKey& key) const;
};

}  // namespace sightglass::store
