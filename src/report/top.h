// Counts by value and hour, for the most frequent values of each day (Space-Saving: Metwally,
// Agrawal, El Abbadi 2005).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "journal/forget.h"
#include "report/hours.h"

namespace sightglass::report {

struct TopRow {
  std::string key;
  std::uint64_t count = 0;  // seen for certain
  std::uint64_t over = 0;   // and at most so many more
};

struct TopCounts {
  std::vector<TopRow> rows;  // most first, then by name
  bool overflowed = false;   // a day had more values than are kept: counts may be too low
};

// Bounds: 512 values a day of at most 128 bytes; past it the least frequent one makes room and what
// is known of it stands in `over` of its successor.
class TopDays {
 public:
  static constexpr std::size_t kValuesADay = 512;
  static constexpr std::size_t kMaxKeyBytes = 128;

  void add(Hour hour, std::string_view key);
  TopCounts count(Window window) const;
  void forget_before(Day day) { days_.erase(days_.begin(), days_.lower_bound(day)); }
  // Values that hold one of the texts become one, in which it is overwritten.
  void forget(const journal::Forget& forget);
  bool empty() const { return days_.empty(); }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  struct Entry {
    std::uint64_t over = 0;
    std::uint64_t own = 0;  // the hours together
    std::array<std::uint32_t, 24> hours{};
  };
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  using OneDay = std::unordered_map<std::string, Entry, Hash, std::equal_to<>>;
  static void make_room(OneDay& day, Entry& successor);

  std::map<Day, OneDay> days_;
};

}  // namespace sightglass::report
