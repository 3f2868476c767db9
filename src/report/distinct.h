// Different values by day: exact sets with the hours that each value was seen in, and past a bound
// an estimate (HyperLogLog: Flajolet, Fusy, Gandouet, Meunier 2007).
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string_view>
#include <vector>

#include "report/hours.h"

namespace sightglass::report {

// 64 well-mixed bits of a text; the same on every machine, since snapshots hold it.
std::uint64_t hash_text(std::string_view text, std::uint64_t seed = 0);

// An estimate of how many different hashes were added: within 2 % in two cases of three.
class Sketch {
 public:
  static constexpr unsigned kBits = 12;
  void add(std::uint64_t hash);
  void add(const Sketch& other);
  double estimate() const;
  bool empty() const { return registers_.empty(); }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  std::vector<std::uint8_t> registers_;  // empty, or 2^kBits
};

// A set of hashes with a mask of 24 hours each, and what the same value was called before (0:
// nothing). Bounds: whoever adds.
class HashSet {
 public:
  // False where the value was in it already; its hour is noted either way.
  bool add(std::uint64_t hash, std::uint32_t hours, std::uint64_t before = 0);
  std::size_t size() const { return size_; }
  template <typename Visit>
  void each(const Visit& visit) const {
    for (const auto& slot : slots_) {
      if (slot.hours != 0) visit(slot.hash, slot.hours, slot.before);
    }
  }
  void clear();
  void save(ByteWriter& out) const;  // ascending, so that equal sets have equal bytes
  void load(ByteReader& in);

 private:
  struct Slot {
    std::uint64_t hash = 0;
    std::uint64_t before = 0;
    std::uint32_t hours = 0;  // 0: free
  };
  void grow();
  std::vector<Slot> slots_;  // a power of two; at most half full
  std::size_t size_ = 0;
};

// What a distinct count over a range says of itself.
struct DistinctCount {
  double value = 0;
  bool estimated = false;          // a day had too many values for an exact set
  std::set<std::uint32_t> epochs;  // of pseudonym keys; several: the count is an upper bound
};

// Bounds: 10,000 exact values a day and 200,000 over all days; past either a day becomes a sketch
// of 4 KiB, the oldest first, and its hours are no longer known apart.
class DistinctDays {
 public:
  static constexpr std::size_t kExactADay = 10'000;
  static constexpr std::size_t kExact = 200'000;

  // `before`: the pseudonym of the epoch before, where the event carries it. A range over both
  // epochs then counts people by that one.
  void add(Hour hour, std::string_view text, std::string_view before = {});
  DistinctCount count(Window window) const;
  // How many values of one window are in another, too.
  struct Common {
    std::size_t first = 0;   // in the first window
    std::size_t both = 0;    // of them, in the second
    std::size_t epochs = 0;  // of pseudonym keys; several: too few are recognised
    bool estimated = false;  // a sketch stands in the way: nothing is known
  };
  Common common(Window first, Window second) const;
  void forget_before(Day day);
  bool empty() const { return days_.empty(); }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  struct OneDay {
    HashSet exact;
    Sketch sketch;                                  // not empty: counts in place of `exact`
    std::uint32_t first_epoch = 0, last_epoch = 0;  // 0: no pseudonyms
    // The same where what the epoch before called them goes first.
    std::uint32_t first_before = 0, last_before = 0;
  };
  void coarsen(OneDay& day);
  std::set<std::uint32_t> epochs(Window window, bool before) const;
  bool collect(Window window, bool before, HashSet& exact, Sketch& sketch) const;

  std::map<Day, OneDay> days_;
  std::size_t exact_ = 0;
};

}  // namespace sightglass::report
