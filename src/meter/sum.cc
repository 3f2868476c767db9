#include "meter/sum.h"

#include <cmath>

namespace sightglass::meter {
namespace {

__extension__ typedef unsigned __int128 UInt128;

constexpr std::int64_t kNano = 1'000'000'000;

}  // namespace

void write_int128(ByteWriter& out, Int128 value) {
  out.u64(static_cast<std::uint64_t>(value));
  out.u64(static_cast<std::uint64_t>(value >> 64));
}

Int128 read_int128(ByteReader& in) {
  const auto low = in.u64();
  const auto high = in.u64();
  return static_cast<Int128>((static_cast<UInt128>(high) << 64) | low);
}

double power_of_ten(int n) {
  double out = 1;
  for (int i = 0; i < n; ++i) out *= 10;
  return out;
}

// Wraps rather than overflows, whatever a snapshot holds.
void Sum::add_whole(Int128 value) {
  whole = static_cast<Int128>(static_cast<UInt128>(whole) + static_cast<UInt128>(value));
}

void Sum::add_nano(std::int64_t value) {
  std::int64_t units = value / kNano;
  std::int64_t rest = value % kNano + nano;  // above -10^9, below 2 × 10^9
  if (rest < 0) rest += kNano, --units;
  if (rest >= kNano) rest -= kNano, ++units;
  nano = static_cast<std::uint32_t>(rest);
  add_whole(units);
}

// Below 10^6 (10^9) the product is under 10^15, where its two roundings stay below a half; and no
// two decimals that close together have the same nearest double.
void Sum::add_real(double value) {
  const double magnitude = std::abs(value);
  if (magnitude < 1e6) {
    const auto nanos = std::llround(value * 1e9);
    if (static_cast<double>(nanos) / 1e9 == value) return add_nano(nanos);
  } else if (magnitude < 1e9) {
    const auto micros = std::llround(value * 1e6);
    if (static_cast<double>(micros) / 1e6 == value) {
      add_whole(micros / 1'000'000);
      return add_nano(micros % 1'000'000 * 1'000);
    }
  } else if (magnitude < 9e18 && std::trunc(value) == value) {
    return add_whole(static_cast<std::int64_t>(value));
  }
  real += value;
  has_real = true;
}

void Sum::merge(const Sum& other) {
  add_whole(other.whole);
  add_nano(other.nano);
  real += other.real;
  count += other.count;
  has_real = has_real || other.has_real;
}

double Sum::as_double() const {
  return real + static_cast<double>(whole) + static_cast<double>(nano) / 1e9;
}

void Sum::save(ByteWriter& out) const {
  write_int128(out, whole);
  out.u32(nano);
  out.u8(has_real ? 1 : 0);
  if (has_real) out.f64(real);
  out.varint(count);
}

void Sum::load(ByteReader& in) {
  whole = read_int128(in);
  nano = in.u32();
  const auto flag = in.u8();
  if (flag > 1 || nano >= kNano) in.invalidate();
  has_real = flag == 1;
  if (has_real) real = in.f64();
  count = in.varint();
}

}  // namespace sightglass::meter
