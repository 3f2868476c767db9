// What was added up, exactly: whole numbers in 128 bits, decimals of up to nine places too.
#pragma once

#include <cstdint>

#include "base/bytes.h"
#include "event/value.h"

namespace sightglass::meter {

__extension__ typedef __int128 Int128;

// A double that is the nearest one to a decimal of nine places (below a million; of six below a
// thousand million) is that decimal: 2.1 added ten times is 21, in whatever order it comes. Other
// doubles are added up as doubles, apart. Int128 never overflows in practice, and wraps if it does.
struct Sum {
  Int128 whole = 0;
  double real = 0;
  std::uint64_t count = 0;
  std::uint32_t nano = 0;  // below 10^9, on top of `whole`
  bool has_real = false;

  // A finite number.
  void add(const event::Value& value) {
    ++count;
    if (value.kind() == event::Kind::kDouble) {
      add_real(value.as_double());
    } else {
      add_whole(value.as_int());
    }
  }
  void set(const event::Value& value) {
    *this = {0, 0, count, 0, false};
    add(value);
  }
  void merge(const Sum& other);
  double as_double() const;

  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  void add_whole(Int128 value);
  void add_real(double value);
  void add_nano(std::int64_t value);
};

void write_int128(ByteWriter& out, Int128 value);
Int128 read_int128(ByteReader& in);

// 10^n for 0 ≤ n ≤ 22, exact.
double power_of_ten(int n);

}  // namespace sightglass::meter
