// What a client has used: money by UTC hour, day and month, requests and tokens of the last minute.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"

namespace sightglass::control {

// Money windows are calendar ones.
enum class Period : std::uint8_t { kHour, kDay, kMonth };
inline constexpr std::size_t kPeriods = 3;
// A number that grows with time and is the same within one period.
std::int64_t period_of(Period period, Nanos wall_ns);
Nanos period_end(Period period, std::int64_t id);  // the first moment after it

// Money spent in the current hour, day and month. Time does not go back: what comes for an earlier
// period is left out of the current one.
class MoneySpent {
 public:
  void add(std::int64_t nanousd, Nanos wall_ns);
  // In the period that `wall_ns` lies in; 0 when nothing was.
  std::int64_t in(Period period, Nanos wall_ns) const;

  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  struct Window {
    std::int64_t id = 0;
    std::int64_t nanousd = 0;
  };
  std::array<Window, kPeriods> windows_{};
};

// A sum over the last minute, by seconds. It spans the second that is running and the sixty before,
// so that no minute, wherever it begins, holds more than a limit held against it.
class MinuteSum {
 public:
  static constexpr std::int64_t kSeconds = 61;
  void add(std::int64_t amount, std::int64_t second);
  std::int64_t sum(std::int64_t now_s) const;
  // Seconds until at least `amount` of the sum has left the minute; at least 1. `amount` past the
  // sum counts as all of it.
  std::int64_t seconds_until_free(std::int64_t amount, std::int64_t now_s) const;
  // The same use by a clock that shows so many seconds more.
  void shift(std::int64_t seconds);
  // What still counts, as "second=amount second=amount", in no order: how gateways tell each other.
  void append_text(std::string& out, std::int64_t now_s) const;
  // The sum of such a text; what is no such pair counts as nothing.
  static std::int64_t sum_of_text(std::string_view text, std::int64_t now_s);

  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  struct Slot {
    std::int64_t second = -1;
    std::int64_t amount = 0;
  };
  std::array<Slot, kSeconds> slots_{};
};

struct Spending {
  MoneySpent money;
  MinuteSum requests;
  MinuteSum tokens;
};

}  // namespace sightglass::control
