// One meter's series: a flat table from label values to exact numbers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "journal/forget.h"
#include "meter/definition.h"
#include "meter/window_table.h"

namespace sightglass::meter {

inline constexpr Nanos kParkAfter = 24 * 3600 * kSecond;
inline constexpr std::uint32_t kParkedPerBudget = 4;  // parked series kept per budgeted series

struct Series {
  std::uint64_t hash = 0;
  std::string key;
  Nanos created_ns = 0;  // accept time of the first event, or of the series that it came with
};

// What an event changes, apart from what only names the series: an event touches one cache line.
struct Reading {
  Sum sum;
  Nanos touched_ns = 0;  // accept time of the last event
  bool parked = false;
};

enum class Refusal : std::uint8_t { kNone, kMissing, kNotANumber, kNegative };
std::string_view refusal_name(Refusal refusal);

// An event's two times.
struct When {
  Nanos event_ns = 0;
  Nanos accept_ns = 0;
};

// Bounds: Definition::max_series exposed series, one overflow series, kParkedPerBudget times as
// many parked ones; the oldest parked are evicted and their sums handed to the caller.
// Cost: a hit is one probe and one comparison of the key; no allocation.
// Threads: none of its own; the fold's mutex covers it.
class SeriesTable {
 public:
  explicit SeriesTable(Definition definition);

  using Index = std::uint32_t;
  struct Found {
    Index index = 0;
    bool fresh = false;       // made or brought back just now
    bool overflowed = false;  // the budget was full: this is the overflow series
  };
  static constexpr Index kNone = 0xffffffff;
  Index find(std::string_view key, std::uint64_t hash) const;
  Found find_or_create(std::string_view key, std::uint64_t hash, Nanos now_ns);

  // Whether a series found before can take an event as it is.
  bool active(Index index) const { return !readings_[index].parked; }
  // Adds (counter), sets (gauge), observes (histogram) or tells apart (distinct); with a window, in
  // the window of the event's time too, unless the event is `late` for it.
  Refusal record(Index index, const event::Value& value, const When& when, bool& late);
  // The same without windows.
  Refusal record(Index index, const event::Value& value, Nanos accept_ns);

  // Parks what was idle for kParkAfter. `source`: the table that this one's series live as long
  // as, or null. Evicted sums are added to `evicted` and their number is returned; where it is not
  // 0, indices kept from before are void.
  std::size_t park(Nanos now_ns, const SeriesTable* source, Int128& evicted);

  // Folds the series that have one of the texts as a label into the overflow series, so that sums
  // stay; their windows go. Returns how many; where it is not 0, indices kept from before are void.
  std::size_t forget(const journal::Forget& forget, Nanos now_ns);

  const Definition& definition() const { return definition_; }
  // For a rule whose name, text or limits changed, not what it counts.
  void set_definition(Definition definition);
  std::size_t size() const { return series_.size(); }
  const Series& series(Index index) const { return series_[index]; }
  const Reading& reading(Index index) const { return readings_[index]; }
  const std::uint64_t* buckets(Index index) const { return counts_.data() + index * stride_; }
  // Of a distinct count: the different values in the window of the newest event.
  std::uint64_t different(Index index) const;
  const WindowTable* windows() const { return windows_ ? &*windows_ : nullptr; }
  std::size_t active() const { return active_; }
  Int128 total() const;  // of every series, parked ones too; integers only

  void save(ByteWriter& out) const;
  // False when the bytes are malformed. `version`: of the snapshot.
  [[nodiscard]] bool load(ByteReader& in, int version);

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t index = 0;  // + 1; 0 is free
  };
  Index insert(std::string_view key, std::uint64_t hash, Nanos now_ns);
  void place(std::uint64_t hash, Index index);
  void grow();
  Found overflow(Nanos now_ns);
  Refusal check(const event::Value& value) const;
  std::size_t bucket_of(const event::Value& value) const;
  void record_in_window(Index index, const event::Value& value, std::int64_t window);
  void evict(Int128& evicted, std::size_t n);
  void compact(std::vector<Index> to);
  static void load_reading(ByteReader& in, int version, Reading& out);

  Definition definition_;
  std::vector<std::int64_t> thresholds_;  // bounds in the value's own unit, for integers
  std::vector<Slot> slots_;
  std::vector<Series> series_;
  std::vector<Reading> readings_;      // one a series
  std::vector<std::uint64_t> counts_;  // histograms: stride_ per series, not cumulative
  std::size_t stride_ = 0;
  std::size_t active_ = 0;  // exposed, less the overflow series
  std::string overflow_key_;
  std::uint64_t overflow_hash_ = 0;
  std::string scratch_;
  std::optional<WindowTable> windows_;  // of meters with a window, and of distinct counts
};

}  // namespace sightglass::meter
