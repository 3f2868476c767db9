#include "base/distinct_set.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace sightglass {
namespace {

__extension__ typedef unsigned __int128 UInt128;

constexpr int kRankBits = 64 - DistinctSet::kPrecision;  // what is left of a fingerprint
constexpr std::size_t kFirstSlots = 16;

// Ertl's sigma and tau: the corrections for registers that are still 0 and for those at their top.
double sigma(double x) {
  if (x == 1) return INFINITY;
  double y = 1;
  double z = x;
  for (double last = -1; z != last;) {
    x *= x;
    last = z;
    z += x * y;
    y += y;
  }
  return z;
}

double tau(double x) {
  if (x == 0 || x == 1) return 0;
  double y = 1;
  double z = 1 - x;
  for (double last = -1; z != last;) {
    x = std::sqrt(x);
    last = z;
    y /= 2;
    z -= (1 - x) * (1 - x) * y;
  }
  return z / 3;
}

std::uint64_t mix(std::uint64_t a, std::uint64_t b) {
  const UInt128 product = static_cast<UInt128>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}

}  // namespace

// Multiply and fold, 16 bytes a step, in the manner of wyhash; little-endian loads.
std::uint64_t fingerprint(std::string_view text) {
  constexpr std::uint64_t kA = 0xa0761d6478bd642full;
  constexpr std::uint64_t kB = 0xe7037ed1a0b428dbull;
  constexpr std::uint64_t kC = 0x8ebc6af09c88c6e3ull;
  std::uint64_t h = mix(kC ^ text.size(), kA);
  while (!text.empty()) {
    char block[16] = {};
    const auto n = std::min<std::size_t>(text.size(), sizeof block);
    std::memcpy(block, text.data(), n);
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::memcpy(&low, block, 8);
    std::memcpy(&high, block + 8, 8);
    h = mix(low ^ kA ^ h, high ^ kB) ^ mix(h, kC);
    text.remove_prefix(n);
  }
  // A bijection from here on (MurmurHash3's last step), so that no two come together.
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdull;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53ull;
  return h ^ (h >> 33);
}

bool DistinctSet::insert(std::uint64_t print) {
  const std::size_t mask = slots_.size() - 1;
  for (std::size_t at = print & mask;; at = (at + 1) & mask) {
    if (slots_[at] == print) return false;
    if (slots_[at] != 0) continue;
    slots_[at] = print;
    return true;
  }
}

void DistinctSet::grow() {
  const auto old = std::move(slots_);
  slots_.assign(std::max(kFirstSlots, old.size() * 2), 0);
  for (const auto print : old) {
    if (print != 0) insert(print);
  }
}

void DistinctSet::add(std::uint64_t print, std::size_t most_exact) {
  if (print == 0) print = 1;  // 0 marks a free slot
  if (!exact()) {
    raise(print);
    return;
  }
  if (2 * (size_ + 1) > slots_.size()) grow();
  if (!insert(print)) return;
  ++size_;
  if (size_ > most_exact) sketch();
}

void DistinctSet::merge(const DistinctSet& other, std::size_t most_exact) {
  for (const auto print : other.slots_) {
    if (print != 0) add(print, most_exact);
  }
  if (other.exact()) return;
  if (exact()) sketch();
  for (std::size_t i = 0; i < kRegisters; ++i) {
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
}

void DistinctSet::sketch() {
  registers_.assign(kRegisters, 0);
  for (const auto print : slots_) {
    if (print != 0) raise(print);
  }
  slots_ = {};
  size_ = 0;
}

void DistinctSet::raise(std::uint64_t print) {
  const auto index = print >> kRankBits;
  const auto rest = print << kPrecision;
  const int rank = rest == 0 ? kRankBits + 1 : std::countl_zero(rest) + 1;
  auto& held = registers_[index];
  held = std::max(held, static_cast<std::uint8_t>(rank));
}

std::uint64_t DistinctSet::count() const {
  if (exact()) return size_;
  constexpr double kM = static_cast<double>(kRegisters);
  std::uint64_t with_rank[kRankBits + 2] = {};
  for (const auto held : registers_) ++with_rank[held];
  double z = kM * tau(1 - static_cast<double>(with_rank[kRankBits + 1]) / kM);
  for (int k = kRankBits; k >= 1; --k) z = 0.5 * (z + static_cast<double>(with_rank[k]));
  z += kM * sigma(static_cast<double>(with_rank[0]) / kM);
  const double estimate = kM * kM / (2 * std::log(2.0) * z);
  // Damaged registers may all stand at their top.
  return estimate < 9e18 ? static_cast<std::uint64_t>(std::llround(estimate))
                         : 9'000'000'000'000'000'000;
}

void DistinctSet::save(ByteWriter& out) const {
  out.u8(exact() ? 0 : 1);
  if (!exact()) {
    out.raw({reinterpret_cast<const char*>(registers_.data()), registers_.size()});
    return;
  }
  std::vector<std::uint64_t> sorted;
  sorted.reserve(size_);
  for (const auto print : slots_) {
    if (print != 0) sorted.push_back(print);
  }
  std::sort(sorted.begin(), sorted.end());
  out.varint(sorted.size());
  for (const auto print : sorted) out.u64(print);
}

bool DistinctSet::load(ByteReader& in) {
  *this = DistinctSet();
  const auto form = in.u8();
  if (form == 1) {
    const auto bytes = in.raw(kRegisters);
    if (!in.ok()) return false;
    registers_.assign(bytes.begin(), bytes.end());
    return std::all_of(registers_.begin(), registers_.end(),
                       [](std::uint8_t held) { return held <= kRankBits + 1; });
  }
  const auto n = in.varint();
  if (form != 0 || !in.ok() || n > kMostExact || n > in.remaining() / 8) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto print = in.u64();
    if (print == 0) return false;
    add(print);
  }
  return size_ == n;
}

}  // namespace sightglass
