// A fold: a pure function of (snapshot, records). No clock, no randomness, no configuration except
// what the journal says. Each owns its state; none sees another.
#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/forget.h"
#include "journal/journal.h"

namespace sightglass::journal {

// What a witness counted, for `reconcile`: terminal events up to a barrier.
struct Totals {
  std::uint64_t requests = 0;
  std::uint64_t input_tokens = 0;  // the four input parts together
  std::uint64_t output_tokens = 0;
  std::int64_t cost_nanousd = 0;
  std::uint64_t unpriced = 0;
  friend bool operator==(const Totals&, const Totals&) = default;
};

// What a fold knows of `accepted = stored + dropped(reason)`, for `reconcile`. Each knows a part of
// it; what it does not know stays as it is here.
struct Account {
  // meter, ingest: of the events behind this record. nullopt: it saw only a part of the journal,
  // and the sum cannot be told.
  std::optional<Position> since;
  std::uint64_t events = 0;       // meter: event records
  std::uint64_t ingested = 0;     // meter: of them from applications; ingest: acknowledged to them
  std::uint64_t no_row = 0;       // meter: events whose type makes no row
  std::uint64_t sampled = 0;      // meter: events that a sampling rule kept out of the rows
  std::uint64_t unreadable = 0;   // meter: event records that are none
  bool counts_rows = true;        // meter: the store has run since then
  std::uint64_t rows_before = 0;  // meter: what the store had had by then
  std::uint64_t rows = 0;         // store: in its table
  std::uint64_t expired = 0;      // store: rows that retention took
  std::uint64_t lost = 0;         // store: rows that damage took
  friend bool operator==(const Account&, const Account&) = default;
};

// Threads: load, apply and save come from the fold's own runner thread, one at a time. What other
// threads read is each fold's own business.
class Fold {
 public:
  virtual ~Fold() = default;
  virtual std::string_view name() const = 0;  // "meter", "live", "store", "logs"

  virtual void apply(const Reader::Batch& batch) = 0;

  // The state as bytes; load(save()) gives the same state, byte for byte.
  virtual void save(std::string& out) const = 0;
  virtual Status load(Bytes snapshot) = 0;

  // A fold that keeps its own durable state (store, logs) says how far that reaches; the runner
  // then keeps no snapshot for it and resumes behind this position. nullopt: use snapshots.
  virtual std::optional<Position> durable_position() const { return std::nullopt; }

  // Called between batches, at least every 100 ms, for work by size or accept time (sealing).
  virtual void idle(Nanos accept_ns) { (void)accept_ns; }

  // Removes from what this fold keeps outside its snapshots the texts that a forget record before
  // its position names. May be repeated. (From its state a fold removes them in apply().)
  virtual Status forget(const Forget& forget) {
    (void)forget;
    return {};
  }

  // What this fold counted so far; called on the runner's thread as a barrier passes.
  virtual Totals totals() const { return {}; }
  virtual Account account() const { return {}; }  // likewise
};

// What to do when neither generation of a fold's snapshot can be read, or both are missing though
// the journal no longer begins at its first record.
enum class LostSnapshot : std::uint8_t {
  kRefuse,       // load() fails with kCorrupt and the choices spelled out
  kStartAfresh,  // --reset-counters: an empty state at the journal's first record
};

struct RunnerOptions {
  std::string snapshot_directory;                    // <data>/snapshots
  std::uint64_t snapshot_every_bytes = 64ull << 20;  // of journal folded; at most max_bytes / 8
  bool required = true;                              // else it may be moved ahead when it lags
  std::uint64_t max_lag_bytes = 1ull << 30;
  // While records keep coming, the folds rest this long once they have caught up, and are not woken
  // by each commit: 50 wakes a second instead of 200 a runner. The first record after silence is
  // folded at once.
  Nanos gather_ns = 0;
  LostSnapshot lost_snapshot = LostSnapshot::kRefuse;
  // Whether a fold of which no snapshot file stands was not there when the journal was cut: an
  // older version did not have it. It then begins at the journal's first record, whatever
  // lost_snapshot says. Asked when the folds before it in the list are loaded. Null: none.
  std::function<bool(std::string_view fold)> is_new;
};

// Runs folds that share one thread and one reader. Snapshots: two generations, CRC, version,
// written aside, synced, renamed. Both unreadable: load() fails with the choices spelled out.
//
// Each runner holds the journal's segments up to durable() and lets them go as that grows, from
// start() on: make every runner before the first one starts.
// A fold whose snapshot is ahead of the journal (which lost its end) makes the journal go on behind
// it; nothing is folded twice.
// Ownership: journal, folds and the rest outlive the runner.
class FoldRunner {
 public:
  static std::unique_ptr<FoldRunner> make(RunnerOptions options, Options journal_options,
                                          Journal& journal, FileSystem& fs, const Clock& clock,
                                          Telemetry& telemetry, Log& log, std::vector<Fold*> folds);
  virtual ~FoldRunner() = default;  // stops

  virtual Status load() = 0;  // snapshots, then everything committed so far, on this thread
  virtual void start() = 0;   // then follow on a thread of its own
  // Folds what is committed, for about `within_ns` at most (the rest is folded after the next
  // load()), snapshots, joins.
  virtual Status stop(Nanos within_ns = kNoLimit) = 0;
  static constexpr Nanos kNoLimit = std::numeric_limits<Nanos>::max();
  virtual Position position() const = 0;  // folded so far; any thread
  // The journal may be cut up to here: the least over the folds of durable_position() or the older
  // snapshot's position; any thread.
  virtual Position durable() const = 0;
  virtual Position wait_position(Position at_least, Nanos timeout_ns) = 0;
  // Calls forget() of every fold on the runner's thread, between batches, and waits for it; any
  // thread. Errors: those of the folds; kUnavailable when the runner stops.
  virtual Status forget(const Forget& forget) = 0;
  // A snapshot of every fold with the next batch, whatever was folded since the last; any thread.
  virtual void snapshot_soon() = 0;
  // The totals of fold `name` as it passed barrier `id`; nullopt before that, and again once 64
  // later barriers passed.
  virtual std::optional<Totals> barrier_totals(std::string_view fold, std::uint64_t id) const = 0;
  // Its account, as it passed the same barrier.
  virtual std::optional<Account> barrier_account(std::string_view fold, std::uint64_t id) const = 0;
};

}  // namespace sightglass::journal
