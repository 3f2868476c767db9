// What is true of a set of rows: counted once while they arrive, and once more from the file that
// they were written to. A seal goes on only when both agree.
#pragma once

#include <algorithm>
#include <cstdint>
#include <limits>

#include "base/clock.h"
#include "journal/fold.h"

namespace sightglass::store {

struct Facts {
  std::uint64_t rows = 0;
  journal::Position first = 0, last = 0;  // of rows; 0 when there is none
  Nanos min_time_ns = 0, max_time_ns = 0;
  Nanos accepted_from_ns = 0, accepted_to_ns = 0;  // 0: not known, from before this was counted
  journal::Totals totals;
  Nanos newest_accept_ns() const { return accepted_to_ns != 0 ? accepted_to_ns : max_time_ns; }
  friend bool operator==(const Facts&, const Facts&) = default;
};

// A sum that cannot overflow, read as the engine's HUGEINT is: saturated to 64 bits at the end.
class ExactSum {
 public:
  void add(std::int64_t value) { sum_ += value; }
  std::int64_t value() const {
    if (sum_ > std::numeric_limits<std::int64_t>::max()) {
      return std::numeric_limits<std::int64_t>::max();
    }
    if (sum_ < std::numeric_limits<std::int64_t>::min()) {
      return std::numeric_limits<std::int64_t>::min();
    }
    return static_cast<std::int64_t>(sum_);
  }

 private:
  __extension__ __int128 sum_ = 0;
};

inline journal::Totals operator+(journal::Totals a, const journal::Totals& b) {
  a.requests += b.requests;
  a.input_tokens += b.input_tokens;
  a.output_tokens += b.output_tokens;
  a.cost_nanousd += b.cost_nanousd;
  a.unpriced += b.unpriced;
  return a;
}

// What is left when `b`'s rows, which are some of `a`'s, are taken away.
inline journal::Totals operator-(journal::Totals a, const journal::Totals& b) {
  a.requests -= b.requests;
  a.input_tokens -= b.input_tokens;
  a.output_tokens -= b.output_tokens;
  a.cost_nanousd -= b.cost_nanousd;
  a.unpriced -= b.unpriced;
  return a;
}

}  // namespace sightglass::store
