// One meter's values by window of event time: sums, last values, histograms, distinct counts.
#pragma once

#include <cstdint>
#include <deque>
#include <vector>

#include "base/bytes.h"
#include "base/distinct_set.h"
#include "meter/definition.h"
#include "meter/sum.h"

namespace sightglass::meter {

// The watermark is the latest event time seen, at most the accept time, so that a clock that runs
// ahead closes nothing. A window is closed when the watermark is `grace` past its end; what comes
// for it then is late. An event from further ahead than `grace` counts at its accept time.
// Without a window (a distinct count over all time) there is one window, which never closes.
//
// Deterministic: all of it follows from the order of the events and their two times.
// Bounds: Definition::keep_windows of them up to the watermark; 16 MiB of sums and buckets, past
// which the oldest windows go first; a million fingerprints of exact distinct counts, past which a
// set becomes a sketch at 2,048 of them. A closed window keeps the number, not the set.
// Threads: none of its own; the fold's mutex covers it.
class WindowTable {
 public:
  struct Cell {
    Sum sum;                    // of a distinct count: `count` events
    DistinctSet distinct;       // while open
    std::uint64_t counted = 0;  // the set's count, once closed
    bool counted_exactly = true;

    std::uint64_t different() const { return counted != 0 ? counted : distinct.count(); }
    bool exact() const { return counted_exactly && distinct.exact(); }
  };

  explicit WindowTable(const Definition& definition);

  // Moves the watermark. False when the event is late; else `window` is where it belongs.
  bool admit(Nanos time_ns, Nanos accept_ns, std::int64_t& window);
  // A series' cell (by its index in the SeriesTable) in a window that admit() gave. Valid until
  // the next call.
  struct Place {
    Cell* cell = nullptr;
    std::uint64_t* buckets = nullptr;  // of a histogram
  };
  Place place(std::uint32_t series, std::int64_t window);
  void add_distinct(Cell& cell, std::uint64_t fingerprint);

  // Null when nothing was counted there.
  const Cell* find(std::uint32_t series, std::int64_t window) const;
  const std::uint64_t* buckets(std::uint32_t series, std::int64_t window) const;

  std::int64_t window_of(Nanos time_ns) const;
  std::int64_t newest() const { return window_of(watermark_); }
  std::int64_t oldest_kept() const;
  Nanos watermark() const { return watermark_; }
  bool closed(std::int64_t window) const;
  // The windows in which something was counted, ascending.
  std::vector<std::int64_t> windows() const;

  // After a change of the rule's limits, and of its window: then everything begins anew.
  void set_limits(const Definition& definition);
  // Series moved: `to[old]` is the new index or kGone.
  static constexpr std::uint32_t kGone = 0xffffffff;
  void renumber(const std::vector<std::uint32_t>& to);

  // `rank[series]`: the series' place in the snapshot, and its index once that is loaded.
  void save(const std::vector<std::uint32_t>& rank, ByteWriter& out) const;
  // False when the bytes are malformed. `series`: how many there are.
  [[nodiscard]] bool load(ByteReader& in, std::size_t series);

 private:
  struct Slice {
    std::int64_t window = 0;
    bool closed = false;
    std::vector<std::uint32_t> at;  // series → cell + 1; 0: none
    std::vector<Cell> cells;
    std::vector<std::uint64_t> counts;  // stride_ per cell
    std::vector<std::uint32_t> owner;   // cell → series
  };
  const Slice* slice(std::int64_t window) const;
  Slice& slice_for(std::int64_t window);
  std::uint32_t cell_index(Slice& slice, std::uint32_t series);
  void advance();
  void close(Slice& slice);
  void drop_oldest();
  void save_slice(const Slice& slice, const std::vector<std::uint32_t>& rank,
                  ByteWriter& out) const;
  [[nodiscard]] bool load_slice(ByteReader& in, std::size_t series, Slice& out);
  std::size_t words_a_cell() const { return sizeof(Sum) / 8 + stride_; }

  Nanos length_ = 0;  // 0: all time
  Nanos grace_ = 0;
  std::uint32_t keep_ = 0;
  bool distinct_ = false;
  std::size_t stride_ = 0;
  std::deque<Slice> slices_;  // ascending by window
  Nanos watermark_ = INT64_MIN;
  std::int64_t dropped_before_ = INT64_MIN;  // windows below it were given up for the bound
  std::size_t cells_ = 0;
  std::size_t fingerprints_ = 0;  // in exact sets
};

}  // namespace sightglass::meter
