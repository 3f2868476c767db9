// The queryable history: rows in an in-memory tail, sealed into Parquet files under a manifest.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/telemetry.h"
#include "event/catalogue.h"
#include "event/pattern.h"
#include "event/value.h"
#include "journal/fold.h"
#include "store/retention.h"
#include "store/rollup.h"

namespace sightglass::store {

struct Options {
  std::string directory;  // <data>/store: manifest.json, parquet/, tmp/
  std::string gateway;    // written into each row: the journal's gateway id
  std::uint32_t seal_rows = 32'768;
  Nanos seal_age_ns = 60 * kSecond;                 // of the tail's oldest row, in accept time
  std::uint64_t memory_limit_bytes = 128ull << 20;  // DuckDB's own
  Nanos query_limit_ns = 10 * kSecond;
  std::uint32_t query_queue = 8;  // waiting queries; one runs
  Retention retention = {};
  // For rows of damaged files; empty: those stay lost. Used on the store's own threads.
  std::function<Result<std::unique_ptr<journal::Reader>>(journal::Position after)> read_journal =
      {};
};

// A window of event time: [start, end) in Unix nanoseconds.
struct Range {
  Nanos start_ns = 0;
  Nanos end_ns = 0;
  friend bool operator==(const Range&, const Range&) = default;
};

// The Administration seed's numbers over terminal events; definitions in ARCHITECTURE.md. Counts
// and sums are exact; a sum past 64 bits stays at the end of the range.
struct Aggregate {
  std::uint64_t requests = 0, ok = 0;
  std::uint64_t errors = 0;  // outcomes error and timeout
  std::uint64_t rejected = 0, client_gone = 0;
  std::uint64_t unpriced = 0;  // cost unknown, with a reason
  std::int64_t total_tokens = 0;
  std::int64_t cost_nanousd = 0;
  double average_latency_ms = 0;  // over ok and error
  std::int64_t latency_us = 0;    // the sum, and over how many: what the average is made of
  std::uint64_t timed = 0;
  Nanos last_request_ns = 0;
  std::uint64_t distinct_clients = 0, distinct_providers = 0;
  // ok ÷ (all less rejected); 0 when there is none
  double success_rate() const;
};

struct Filter {
  std::optional<std::string> client = std::nullopt;
  std::optional<std::string> provider = std::nullopt;
};

struct Point {
  std::int64_t timestamp_s = 0;
  double value = 0;
};

// One row of the history. Ownership: its own.
struct StoredEvent {
  struct Field {
    std::string name;  // of the column: the field's name
    event::Kind kind = event::Kind::kText;
    std::int64_t integer = 0;    // kInt, kBool
    double number = 0;           // kDouble
    std::string text;            // kText
    event::Value value() const;  // borrows from this
  };
  journal::Position position = 0;
  Nanos accept_ns = 0;
  Nanos time_ns = 0;
  std::string type, level;
  bool terminal = false;
  std::vector<Field> fields;  // those with a value, in the table's order
};

// Which rows are wanted: what a filter pattern says of the events that they were. No condition
// holds of a field that the catalogue does not know.
struct RowFilter {
  std::shared_ptr<const event::Pattern> pattern;  // over fields, not over lines; null: every row
  std::shared_ptr<const event::Catalogue> catalogue;  // with a pattern never null
};

struct EventQuery {
  Range range = {};
  std::optional<journal::Position> before = std::nullopt;  // only rows with smaller positions
  std::uint32_t limit = 100;                               // 1 to kMostEvents
  std::string request_id_prefix = {};                      // empty: any
  RowFilter filter = {};
  // About so many rows may a filter look at in one call: a quarter of a second's work.
  std::uint64_t most_scanned = 4'000'000;

  static constexpr std::uint32_t kMostEvents = 1'000;
};

// Newest first, by journal position: a row never moves between two pages.
struct EventPage {
  std::vector<StoredEvent> events;
  // Where the next page begins: EventQuery::before. Empty: there is none. A page may hold fewer
  // events than asked for, even none, and yet have a next one: EventQuery::most_scanned was
  // reached.
  std::optional<journal::Position> next;
};

// What requests can be counted by.
enum class Dimension : std::uint8_t { kClient, kProvider, kModel, kKey };

struct GroupQuery {
  Range range = {};
  std::vector<Dimension> by = {};  // none: one group of everything
  std::vector<std::pair<Dimension, std::string>> only = {};

  static constexpr std::size_t kMostGroups = 10'000;
};

struct Group {
  std::vector<std::string> values;  // as GroupQuery::by; "" where a request has none
  std::uint64_t requests = 0;
  std::int64_t total_tokens = 0;
  std::int64_t cost_nanousd = 0;
};

class TypedQueries;  // store/typed_query.h

// The events of one type in a range, made from its rows. Where a sampling rule kept one row in N,
// each stands for N: the number is then an estimate, and says so.
struct EventCount {
  std::string type;
  std::uint64_t rows = 0;
  std::uint64_t sampled_rows = 0;  // of them: those that stand for several events
  std::uint64_t events = 0;
};

// What a query reads: one immutable version of (files, tails). An aggregate over a time whose
// requests have expired is taken from the roll-ups, minutes where they are kept, else hours, else
// days; there a step counts when it begins in the range.
// Threads: any, but not I/O workers: each call waits in a queue of Options::query_queue for the one
// query thread, at most Options::query_limit_ns in all. Each sees every row that was applied before
// it began. Errors: kBusy when the queue is full, kTimeout past the limit, kTooLarge past the
// memory limit, kCorrupt when a file could not be read.
class Queries {
 public:
  virtual ~Queries() = default;
  virtual Result<Aggregate> aggregate(Range range, const Filter& filter) = 0;
  // Average latency (ms), total tokens and cost (US dollars) per step, steps without requests left
  // out. Steps begin at range.start_ns; a point's time is its step's beginning. At most 11,000
  // steps of whole seconds.
  struct Series {
    std::vector<Point> latency_ms, tokens, cost_usd;
  };
  virtual Result<Series> series(Range range, Nanos step_ns) = 0;
  virtual Result<EventPage> events(const EventQuery& query) = 0;
  // The roll-up's cells of the query's step, those of rows that are not sealed yet among them.
  // Exact wherever roll-ups of this step are kept (Retention), whether or not the rows still are.
  virtual Result<RollupTable> rollups(const RollupQuery& query) = 0;
  // Terminal events by dimensions, ordered by the groups' values. Errors: also kTooLarge past
  // GroupQuery::kMostGroups.
  virtual Result<std::vector<Group>> groups(const GroupQuery& query) = 0;
  // By event type, most events first.
  virtual Result<std::vector<EventCount>> counts(Range range) = 0;
};

// The fold. durable_position() is the manifest's: what is only in the tail is folded again after a
// restart. Records at or below what was applied already are skipped, so that a batch may repeat.
//
// Threads: rows are taken on the runner's; sealing, merging and queries have one each.
// Bounds: two tails of Options::seal_rows. When both are full, because sealing fails, apply() waits
// and the journal is the queue; health() says so and sealing is tried again every 1 to 30 s. It
// needs a runner of its own for this reason.
// Ownership: must be gone before main() ends; the engine has statics of its own, which a store that
// is itself a static would outlive.
// Cost: 3 to 4 µs of CPU a row on the runner's thread, about as much again when it is sealed.
class Store : public journal::Fold {
 public:
  // Errors: kVersion when a newer version wrote the history.
  static Result<std::unique_ptr<Store>> open(Options options, FileSystem& fs, const Clock& clock,
                                             Telemetry& telemetry, Log& log);
  std::string_view name() const override { return "store"; }
  void save(std::string&) const override {}
  Status load(Bytes) override { return {}; }

  virtual Queries& queries() = 0;
  virtual TypedQueries& typed_queries() = 0;
  // Rewrites every file that holds one of these texts, by the steps of a seal, with null in its
  // place; rows up to `up_to` are sealed first, which must have been applied. Returns when no file
  // of ours holds one any more: replaced files are unlinked, and what was set aside as orphaned or
  // damaged is deleted. File by file, so that sealing goes on; may be repeated. Any thread but the
  // runner's. Errors: those of rewriting; kUnavailable when the history is closed meanwhile.
  virtual Status forget_texts(const journal::Forget& forget, journal::Position up_to) = 0;
  // Ends a forget_texts() that runs with kUnavailable, and those to come. Any thread.
  virtual void stop_forgetting() = 0;
  // Tail → Parquet, whatever its size, and waits for it; runner's thread, or when that is stopped.
  virtual Status seal_now() = 0;
  struct Health {
    bool ok = true;
    std::string problem;                                          // for people; empty when ok
    std::uint64_t files = 0, rows = 0, tail_rows = 0, bytes = 0;  // rows: sealed ones
  };
  virtual Health health() const = 0;  // any thread

  // Stop order: stop_waiting(), the runner's stop, seal_now() if wanted, close(). From now on
  // apply() waits for a seal only until the next attempt fails; then it takes no more rows, which
  // stay in the journal and are folded again after the restart. Any thread.
  virtual void stop_waiting() = 0;
  virtual void close() = 0;  // ends both threads; no query may come after
};

}  // namespace sightglass::store
