#include "report/distinct.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace sightglass::report {
namespace {

constexpr std::uint32_t kAllHours = (1u << 24) - 1;

// Source: the finaliser of MurmurHash3, which spreads every bit over all others.
std::uint64_t mix(std::uint64_t h) {
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdULL;
  h ^= h >> 33;
  h *= 0xc4ceb9fe1a85ec53ULL;
  return h ^ (h >> 33);
}

// The epoch in `<letter>:<epoch>.<digits>`; 0 for what is no pseudonym.
std::uint32_t epoch_of(std::string_view text) {
  if (text.size() < 4 || text[1] != ':') return 0;
  std::uint32_t epoch = 0;
  for (std::size_t i = 2; i < text.size() && i < 11; ++i) {
    if (text[i] == '.') return epoch;
    if (text[i] < '0' || text[i] > '9') return 0;
    epoch = epoch * 10 + static_cast<std::uint32_t>(text[i] - '0');
  }
  return 0;
}

// The hours of `day` that lie in the window.
std::uint32_t hours_of(Day day, Window window) {
  const Hour first = day * 24;
  const auto from = std::max(window.from, first) - first;
  const auto to = std::min(window.to, first + 23) - first;
  if (from > to) return 0;
  return (kAllHours >> (23 - to)) & (kAllHours << from) & kAllHours;
}

}  // namespace

std::uint64_t hash_text(std::string_view text, std::uint64_t seed) {
  std::uint64_t h = mix(seed ^ (text.size() * 0x9e3779b97f4a7c15ULL));
  while (text.size() >= 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, text.data(), 8);
    h = mix(h ^ word) + 0x9e3779b97f4a7c15ULL;
    text.remove_prefix(8);
  }
  std::uint64_t word = 0;
  if (!text.empty()) std::memcpy(&word, text.data(), text.size());
  return mix(h ^ word);
}

void Sketch::add(std::uint64_t hash) {
  if (registers_.empty()) registers_.resize(std::size_t{1} << kBits);
  auto& place = registers_[hash >> (64 - kBits)];
  const auto rest = (hash << kBits) | (std::uint64_t{1} << (kBits - 1));
  place = std::max(place, static_cast<std::uint8_t>(std::countl_zero(rest) + 1));
}

void Sketch::add(const Sketch& other) {
  if (other.empty()) return;
  if (registers_.empty()) registers_.resize(other.registers_.size());
  for (std::size_t i = 0; i < registers_.size(); ++i) {
    registers_[i] = std::max(registers_[i], other.registers_[i]);
  }
}

double Sketch::estimate() const {
  if (registers_.empty()) return 0;
  const auto m = static_cast<double>(registers_.size());
  double sum = 0;
  double zeros = 0;
  for (const auto place : registers_) {
    sum += std::ldexp(1.0, -place);
    zeros += place == 0 ? 1 : 0;
  }
  const double raw = 0.7213 / (1 + 1.079 / m) * m * m / sum;
  // Few values: counting the empty places is the better estimate.
  return raw <= 2.5 * m && zeros > 0 ? m * std::log(m / zeros) : raw;
}

void Sketch::save(ByteWriter& out) const {
  out.string({reinterpret_cast<const char*>(registers_.data()), registers_.size()});
}

void Sketch::load(ByteReader& in) {
  const auto bytes = in.string();
  if (!bytes.empty() && bytes.size() != std::size_t{1} << kBits) return in.invalidate();
  registers_.assign(bytes.begin(), bytes.end());
  for (const auto place : registers_) {
    if (place > 64 - kBits + 1) return in.invalidate();
  }
}

bool HashSet::add(std::uint64_t hash, std::uint32_t hours, std::uint64_t before) {
  if (size_ * 2 >= slots_.size()) grow();
  const auto mask = slots_.size() - 1;
  for (auto i = hash & mask;; i = (i + 1) & mask) {
    auto& slot = slots_[i];
    if (slot.hours != 0 && slot.hash != hash) continue;
    const bool fresh = slot.hours == 0;
    slot.hash = hash;
    slot.hours |= hours;
    if (before != 0) slot.before = before;
    size_ += fresh ? 1 : 0;
    return fresh;
  }
}

void HashSet::grow() {
  std::vector<Slot> old(std::max<std::size_t>(16, slots_.size() * 2));
  old.swap(slots_);
  size_ = 0;
  for (const auto& slot : old) {
    if (slot.hours != 0) add(slot.hash, slot.hours, slot.before);
  }
}

void HashSet::clear() {
  slots_ = {};
  size_ = 0;
}

void HashSet::save(ByteWriter& out) const {
  std::vector<Slot> sorted;
  sorted.reserve(size_);
  each([&](std::uint64_t hash, std::uint32_t hours, std::uint64_t before) {
    sorted.push_back({hash, before, hours});
  });
  std::sort(sorted.begin(), sorted.end(),
            [](const Slot& a, const Slot& b) { return a.hash < b.hash; });
  out.varint(sorted.size());
  for (const auto& slot : sorted) {
    out.u64(slot.hash);
    out.varint(slot.hours * 2 + (slot.before != 0 ? 1 : 0));
    if (slot.before != 0) out.u64(slot.before);
  }
}

void HashSet::load(ByteReader& in) {
  clear();
  const auto n = in.varint();
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
    const auto hash = in.u64();
    const auto packed = in.varint();
    const auto hours = packed / 2;
    const auto before = packed % 2 == 1 ? in.u64() : 0;
    if (hours == 0 || hours > kAllHours || (packed % 2 == 1 && before == 0)) in.invalidate();
    if (in.ok()) add(hash, static_cast<std::uint32_t>(hours), before);
  }
}

namespace {

void widen(std::uint32_t epoch, std::uint32_t& first, std::uint32_t& last) {
  if (epoch == 0) return;
  first = first == 0 ? epoch : std::min(first, epoch);
  last = std::max(last, epoch);
}

}  // namespace

void DistinctDays::add(Hour hour, std::string_view text, std::string_view before) {
  auto& day = days_[day_of(hour)];
  const auto hash = hash_text(text);
  widen(epoch_of(text), day.first_epoch, day.last_epoch);
  widen(epoch_of(before.empty() ? text : before), day.first_before, day.last_before);
  if (!day.sketch.empty()) {
    day.sketch.add(hash);
    return;
  }
  const auto hash_before = before.empty() ? 0 : hash_text(before);
  if (!day.exact.add(hash, 1u << hour_in_day(hour), hash_before)) return;
  ++exact_;
  if (day.exact.size() > kExactADay) coarsen(day);
  if (exact_ <= kExact) return;
  for (auto& [number, oldest] : days_) {
    if (oldest.exact.size() == 0) continue;
    coarsen(oldest);
    return;
  }
}

void DistinctDays::coarsen(OneDay& day) {
  day.exact.each([&](std::uint64_t hash, std::uint32_t, std::uint64_t) { day.sketch.add(hash); });
  exact_ -= day.exact.size();
  day.exact.clear();
}

std::set<std::uint32_t> DistinctDays::epochs(Window window, bool before) const {
  std::set<std::uint32_t> out;
  for (auto at = days_.lower_bound(day_of(window.from));
       at != days_.end() && at->first <= day_of(window.to); ++at) {
    const auto& day = at->second;
    const auto first = before ? day.first_before : day.first_epoch;
    const auto last = before ? day.last_before : day.last_epoch;
    if (first != 0) out.insert({first, last});
  }
  return out;
}

// The values of the window, by what the epoch before called them where that is known and asked
// for. False when some are known to the sketch alone.
bool DistinctDays::collect(Window window, bool before, HashSet& exact, Sketch& sketch) const {
  bool all_exact = true;
  for (auto at = days_.lower_bound(day_of(window.from));
       at != days_.end() && at->first <= day_of(window.to); ++at) {
    const auto& day = at->second;
    const auto hours = hours_of(at->first, window);
    if (!day.sketch.empty()) all_exact = false;
    sketch.add(day.sketch);
    day.exact.each([&](std::uint64_t hash, std::uint32_t seen, std::uint64_t name_before) {
      if ((seen & hours) != 0) exact.add(before && name_before != 0 ? name_before : hash, 1);
    });
  }
  return all_exact;
}

DistinctCount DistinctDays::count(Window window) const {
  DistinctCount out;
  HashSet exact;
  Sketch sketch;
  out.epochs = epochs(window, false);
  const bool before = out.epochs.size() > 1;
  if (before) out.epochs = epochs(window, true);
  if (collect(window, before, exact, sketch)) {
    out.value = static_cast<double>(exact.size());
    return out;
  }
  exact.each([&](std::uint64_t hash, std::uint32_t, std::uint64_t) { sketch.add(hash); });
  out.value = std::round(sketch.estimate());
  out.estimated = true;
  return out;
}

DistinctDays::Common DistinctDays::common(Window first, Window second) const {
  Common out;
  const Window both{std::min(first.from, second.from), std::max(first.to, second.to)};
  const bool before = epochs(both, false).size() > 1;
  out.epochs = epochs(both, before).size();
  HashSet a, b;
  Sketch sketch;
  if (!collect(first, before, a, sketch) || !collect(second, before, b, sketch)) {
    out.estimated = true;
    return out;
  }
  out.first = a.size();
  a.each([&](std::uint64_t hash, std::uint32_t, std::uint64_t) {
    out.both += b.add(hash, 1) ? 0 : 1;
  });
  return out;
}

void DistinctDays::forget_before(Day day) {
  const auto end = days_.lower_bound(day);
  for (auto at = days_.begin(); at != end; ++at) exact_ -= at->second.exact.size();
  days_.erase(days_.begin(), end);
}

void DistinctDays::save(ByteWriter& out) const {
  out.varint(days_.size());
  for (const auto& [number, day] : days_) {
    out.zigzag(number);
    out.varint(day.first_epoch);
    out.varint(day.last_epoch);
    out.varint(day.first_before);
    out.varint(day.last_before);
    day.exact.save(out);
    day.sketch.save(out);
  }
}

void DistinctDays::load(ByteReader& in) {
  days_.clear();
  exact_ = 0;
  const auto n = in.varint();
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
    const auto number = in.zigzag();
    if (number != static_cast<Day>(number) || std::abs(number) > 100'000'000) {
      return in.invalidate();
    }
    OneDay day;
    day.first_epoch = static_cast<std::uint32_t>(in.varint());
    day.last_epoch = static_cast<std::uint32_t>(in.varint());
    day.first_before = static_cast<std::uint32_t>(in.varint());
    day.last_before = static_cast<std::uint32_t>(in.varint());
    day.exact.load(in);
    day.sketch.load(in);
    // Not both: a day that became a sketch has no exact values.
    if (!day.sketch.empty() && day.exact.size() > 0) in.invalidate();
    if (!in.ok() || days_.contains(static_cast<Day>(number))) return in.invalidate();
    exact_ += day.exact.size();
    days_.emplace(static_cast<Day>(number), std::move(day));
  }
}

}  // namespace sightglass::report
