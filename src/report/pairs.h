// Starts and ends that wait for each other.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "report/hours.h"

namespace sightglass::report {

inline constexpr std::size_t kMaxJoinKeys = 4;

// The hashed values of an event's join keys, in the order in which they are tried; 0: not carried.
using Keys = std::array<std::uint64_t, kMaxJoinKeys>;

enum class Side : std::uint8_t { kStart, kEnd, kPlan };

// A start and an end pair when they share a key and the end is not before the start and at most the
// expiry after it, by event time; in whichever order they come. The oldest that waits is taken. A
// plan goes to the first start behind it in the same way. What waits longer than the expiry, by
// accept time, is given up.
//
// Bounds: 32,768 that wait, all sides together; past it the oldest is given up.
class Pairs {
 public:
  static constexpr std::size_t kMaxWaiting = 32'768;

  struct Waiting {
    Side side = Side::kStart;
    Nanos time_ns = 0;
    Nanos accept_ns = 0;
    Keys keys{};
    bool has_plan = false;
    double plan_s = 0;
  };

  // Rules of the measure, which a snapshot does not hold.
  struct Rules {
    Nanos expires_after_ns = 0;
    bool stray_ends = false;
  };

  void start(const Rules& rules, Waiting start, const Keys& plan_keys, HourCells& cells);
  void end(const Rules& rules, Waiting end, HourCells& cells);
  void plan(const Rules& rules, Waiting plan, HourCells& cells);
  // Hands a plan that shares one of `find` on to the keys in `keep`.
  void pass_on(const Rules& rules, Nanos time_ns, Nanos accept_ns, const Keys& find,
               const Keys& keep, HourCells& cells);
  void expire(const Rules& rules, Nanos accept_ns, HourCells& cells);

  struct Open {
    std::uint64_t starts = 0, ends = 0;
    std::uint64_t overdue = 0;  // of them, past the expiry by event time
  };
  Open open(const Rules& rules, Window window, Nanos now_ns) const;

  bool empty() const { return waiting_.empty(); }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  using Place = std::map<std::uint64_t, Waiting>::iterator;
  template <typename Fits>
  std::optional<Waiting> take(Side side, const Keys& keys, const Fits& fits);
  void wait(Waiting waiting, HourCells& cells);
  void remove(Place place);
  void give_up(Place place, HourCells& cells);
  static void complete(const Waiting& start, const Waiting& end, HourCells& cells);

  std::map<std::uint64_t, Waiting> waiting_;                  // by order of arrival
  std::set<std::pair<std::uint64_t, std::uint64_t>> by_key_;  // key and side → order
  std::uint64_t next_ = 1;
};

}  // namespace sightglass::report
