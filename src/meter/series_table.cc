#include "meter/series_table.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/text.h"

namespace sightglass::meter {
namespace {

__extension__ typedef unsigned __int128 UInt128;

// The bound in the unit of the values: the largest integer v with v × 10^scale ≤ bound. Bounds are
// written in decimal, so a product next to an integer is that integer.
std::int64_t threshold(double bound, int scale) {
  const double exact = scale <= 0 ? bound * power_of_ten(-scale) : bound / power_of_ten(scale);
  const double nearest = std::round(exact);
  const double whole =
      std::abs(exact - nearest) <= 1e-9 * std::abs(nearest) ? nearest : std::floor(exact);
  if (!(whole < 9.2e18)) return INT64_MAX;  // also what a hostile snapshot makes no number of
  if (whole <= -9.2e18) return INT64_MIN;
  return static_cast<std::int64_t>(whole);
}

}  // namespace

std::string_view refusal_name(Refusal refusal) {
  switch (refusal) {
    case Refusal::kMissing:
      return "missing";
    case Refusal::kNotANumber:
      return "not_a_number";
    case Refusal::kNegative:
      return "negative";
    case Refusal::kNone:
      break;
  }
  return "none";
}

SeriesTable::SeriesTable(Definition definition) : definition_(std::move(definition)), slots_(64) {
  if (definition_.type == event::MeterType::kHistogram) {
    for (const double bound : definition_.buckets) {
      thresholds_.push_back(threshold(bound, definition_.scale));
    }
    stride_ = definition_.buckets.size() + 1;
  }
  for (std::size_t i = 0; i < definition_.labels.size(); ++i) {
    append_label(overflow_key_, event::Value::text(kOverflowLabel));
  }
  overflow_hash_ = hash_key(overflow_key_);
  set_definition(std::move(definition_));
}

void SeriesTable::set_definition(Definition definition) {
  definition_ = std::move(definition);
  const bool windowed =
      definition_.window != event::Window::kNone || definition_.type == event::MeterType::kDistinct;
  if (!windowed) {
    windows_.reset();
  } else if (windows_) {
    windows_->set_limits(definition_);
  } else {
    windows_.emplace(definition_);
  }
}

SeriesTable::Index SeriesTable::find(std::string_view key, std::uint64_t hash) const {
  const std::size_t mask = slots_.size() - 1;
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
    const Slot& slot = slots_[at];
    if (slot.index == 0) return kNone;
    if (slot.tag == tag && series_[slot.index - 1].key == key) return slot.index - 1;
  }
}

void SeriesTable::place(std::uint64_t hash, Index index) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].index != 0) at = (at + 1) & mask;
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), index + 1};
}

void SeriesTable::grow() {
  std::size_t size = 64;
  while (size < 4 * (series_.size() + 1)) size *= 2;
  slots_.assign(size, Slot{});
  for (std::size_t i = 0; i < series_.size(); ++i) {
    place(series_[i].hash, static_cast<Index>(i));
  }
}

SeriesTable::Index SeriesTable::insert(std::string_view key, std::uint64_t hash, Nanos now_ns) {
  if (2 * (series_.size() + 1) > slots_.size()) grow();
  auto& fresh = series_.emplace_back();
  fresh.hash = hash;
  fresh.key = key;
  fresh.created_ns = now_ns;
  readings_.emplace_back().touched_ns = now_ns;
  counts_.resize(series_.size() * stride_);
  const auto index = static_cast<Index>(series_.size() - 1);
  place(hash, index);
  return index;
}

SeriesTable::Found SeriesTable::overflow(Nanos now_ns) {
  const Index index = find(overflow_key_, overflow_hash_);
  if (index != kNone) return {index, false, true};
  return {insert(overflow_key_, overflow_hash_, now_ns), true, true};
}

SeriesTable::Found SeriesTable::find_or_create(std::string_view key, std::uint64_t hash,
                                               Nanos now_ns) {
  const Index index = find(key, hash);
  if (index != kNone) {
    if (!readings_[index].parked) return {index, false, false};
    if (active_ >= definition_.max_series) return overflow(now_ns);
    readings_[index].parked = false;
    ++active_;
    return {index, true, false};
  }
  // A natural key of all `__other__` is the overflow series itself, outside the budget.
  if (key != overflow_key_ || definition_.labels.empty()) {
    if (active_ >= definition_.max_series) return overflow(now_ns);
    ++active_;
  }
  return {insert(key, hash, now_ns), true, false};
}

Refusal SeriesTable::check(const event::Value& value) const {
  if (value.is_null()) return Refusal::kMissing;
  if (definition_.type == event::MeterType::kDistinct) return Refusal::kNone;
  if (value.kind() == event::Kind::kText) return Refusal::kNotANumber;
  if (value.kind() == event::Kind::kDouble && !std::isfinite(value.as_double())) {
    return Refusal::kNotANumber;
  }
  // A counter never goes back, whatever the event says.
  const bool counter = definition_.type == event::MeterType::kCounter;
  return counter && value.as_double() < 0 ? Refusal::kNegative : Refusal::kNone;
}

Refusal SeriesTable::record(Index index, const event::Value& value, Nanos accept_ns) {
  Reading& reading = readings_[index];
  reading.touched_ns = accept_ns;
  const auto refusal = check(value);
  if (refusal != Refusal::kNone) return refusal;
  switch (definition_.type) {
    case event::MeterType::kCounter:
      reading.sum.add(value);
      break;
    case event::MeterType::kGauge:
      reading.sum.set(value);
      break;
    case event::MeterType::kHistogram:
      ++counts_[index * stride_ + bucket_of(value)];
      reading.sum.add(value);
      break;
    case event::MeterType::kDistinct:
      ++reading.sum.count;
      break;
  }
  return Refusal::kNone;
}

Refusal SeriesTable::record(Index index, const event::Value& value, const When& when, bool& late) {
  const auto refusal = record(index, value, when.accept_ns);
  late = false;
  if (refusal != Refusal::kNone || !windows_) return refusal;
  std::int64_t window = 0;
  late = !windows_->admit(when.event_ns, when.accept_ns, window);
  if (!late) record_in_window(index, value, window);
  return refusal;
}

void SeriesTable::record_in_window(Index index, const event::Value& value, std::int64_t window) {
  const auto place = windows_->place(index, window);
  switch (definition_.type) {
    case event::MeterType::kCounter:
      place.cell->sum.add(value);
      break;
    case event::MeterType::kGauge:
      place.cell->sum.set(value);
      break;
    case event::MeterType::kHistogram:
      ++place.buckets[bucket_of(value)];
      place.cell->sum.add(value);
      break;
    case event::MeterType::kDistinct:
      ++place.cell->sum.count;
      scratch_.clear();
      append_label(scratch_, value);
      windows_->add_distinct(*place.cell, fingerprint(scratch_));
      break;
  }
}

// Counting the bounds below the value has no branch to mispredict, and vectorises.
std::size_t SeriesTable::bucket_of(const event::Value& value) const {
  std::size_t bucket = 0;
  if (value.kind() == event::Kind::kDouble) {
    const double scaled = definition_.scale <= 0
                              ? value.as_double() / power_of_ten(-definition_.scale)
                              : value.as_double() * power_of_ten(definition_.scale);
    for (const double bound : definition_.buckets) bucket += scaled > bound ? 1 : 0;
  } else {
    const std::int64_t v = value.as_int();
    for (const std::int64_t bound : thresholds_) bucket += v > bound ? 1 : 0;
  }
  return bucket;
}

std::uint64_t SeriesTable::different(Index index) const {
  if (!windows_) return 0;
  const auto* const cell = windows_->find(index, windows_->newest());
  return cell == nullptr ? 0 : cell->different();
}

std::size_t SeriesTable::park(Nanos now_ns, const SeriesTable* source, Int128& evicted) {
  if (definition_.labels.empty()) return 0;
  std::size_t parked = 0;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    const Series& series = series_[i];
    Reading& reading = readings_[i];
    if (!reading.parked && series.key != overflow_key_) {
      Nanos touched = reading.touched_ns;
      if (source != nullptr) {
        const Index twin = source->find(series.key, series.hash);
        if (twin != kNone) touched = std::max(touched, source->readings_[twin].touched_ns);
      }
      if (now_ns - touched >= kParkAfter) {
        reading.parked = true;
        --active_;
      }
    }
    parked += reading.parked ? 1 : 0;
  }
  std::size_t n = 0;
  const std::size_t limit = std::size_t{kParkedPerBudget} * definition_.max_series;
  if (parked > limit) {
    n = parked - limit;
    evict(evicted, n);
  }
  return n;
}

// Forgets the `n` parked series that were idle longest; by key where that is a tie, so that every
// replay forgets the same ones.
void SeriesTable::evict(Int128& evicted, std::size_t n) {
  std::vector<Index> order;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    if (readings_[i].parked) order.push_back(static_cast<Index>(i));
  }
  std::sort(order.begin(), order.end(), [&](Index a, Index b) {
    if (readings_[a].touched_ns != readings_[b].touched_ns) {
      return readings_[a].touched_ns < readings_[b].touched_ns;
    }
    return series_[a].key < series_[b].key;
  });
  std::vector<Index> to(series_.size(), 0);
  for (std::size_t i = 0; i < n; ++i) {
    to[order[i]] = WindowTable::kGone;
    evicted += readings_[order[i]].sum.whole;
  }
  compact(std::move(to));
}

std::size_t SeriesTable::forget(const journal::Forget& forget, Nanos now_ns) {
  std::vector<Index> named;
  std::vector<std::string_view> labels;
  for (std::size_t i = 0; i < series_.size(); ++i) {
    split_key(series_[i].key, labels);
    const auto is_named = [&](std::string_view label) { return forget.names(label); };
    if (std::any_of(labels.begin(), labels.end(), is_named)) named.push_back(static_cast<Index>(i));
  }
  if (named.empty()) return 0;
  const bool adds_up = definition_.type != event::MeterType::kGauge;
  const Index other = adds_up ? overflow(now_ns).index : 0;
  std::vector<Index> to(series_.size(), 0);
  for (const Index index : named) {
    to[index] = WindowTable::kGone;
    if (!readings_[index].parked) --active_;
    if (!adds_up) continue;
    readings_[other].sum.merge(readings_[index].sum);
    for (std::size_t bucket = 0; bucket < stride_; ++bucket) {
      counts_[other * stride_ + bucket] += counts_[index * stride_ + bucket];
    }
  }
  compact(std::move(to));
  return named.size();
}

// Closes the gaps of the series that are marked as gone.
void SeriesTable::compact(std::vector<Index> to) {
  Index next = 0;
  for (std::size_t from = 0; from < series_.size(); ++from) {
    if (to[from] == WindowTable::kGone) continue;
    to[from] = next++;
    if (to[from] == from) continue;
    series_[to[from]] = std::move(series_[from]);
    readings_[to[from]] = readings_[from];
    std::copy_n(counts_.begin() + static_cast<std::ptrdiff_t>(from * stride_), stride_,
                counts_.begin() + static_cast<std::ptrdiff_t>(to[from] * stride_));
  }
  series_.resize(next);
  readings_.resize(next);
  counts_.resize(next * stride_);
  if (windows_) windows_->renumber(to);
  grow();
}

Int128 SeriesTable::total() const {
  UInt128 sum = 0;  // wraps rather than overflows, whatever a snapshot holds
  for (const auto& reading : readings_) sum += static_cast<UInt128>(reading.sum.whole);
  return static_cast<Int128>(sum);
}

// Sorted by key, so that equal states give equal bytes.
void SeriesTable::save(ByteWriter& out) const {
  std::vector<Index> order(series_.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<Index>(i);
  std::sort(order.begin(), order.end(),
            [&](Index a, Index b) { return series_[a].key < series_[b].key; });
  out.varint(order.size());
  for (const Index index : order) {
    const Series& series = series_[index];
    const Reading& reading = readings_[index];
    out.string(series.key);
    out.i64(series.created_ns);
    out.i64(reading.touched_ns);
    out.u8(reading.parked ? 1 : 0);
    reading.sum.save(out);
    for (std::size_t i = 0; i < stride_; ++i) out.varint(counts_[index * stride_ + i]);
  }
  if (!windows_) return;
  std::vector<Index> rank(series_.size());
  for (std::size_t i = 0; i < order.size(); ++i) rank[order[i]] = static_cast<Index>(i);
  windows_->save(rank, out);
}

bool SeriesTable::load(ByteReader& in, int version) {
  const auto n = in.varint();
  if (n > in.remaining()) return false;
  series_.clear();
  readings_.clear();
  counts_.clear();
  slots_.assign(64, Slot{});
  active_ = 0;
  std::vector<std::string_view> parts;
  for (std::uint64_t i = 0; i < n; ++i) {
    const std::string_view key = in.string();
    split_key(key, parts);
    if (!in.ok() || parts.size() != definition_.labels.size()) return false;
    const auto hash = hash_key(key);
    if (find(key, hash) != kNone) return false;
    const Index index = insert(key, hash, 0);
    series_[index].created_ns = in.i64();
    load_reading(in, version, readings_[index]);
    for (std::size_t b = 0; b < stride_; ++b) counts_[index * stride_ + b] = in.varint();
    const bool is_overflow = key == overflow_key_ && !definition_.labels.empty();
    if (!readings_[index].parked && !is_overflow) ++active_;
  }
  if (windows_ && !windows_->load(in, series_.size())) return false;
  return in.ok();
}

// Version 1 had the sum's flag beside `parked`, and no nano.
void SeriesTable::load_reading(ByteReader& in, int version, Reading& out) {
  out.touched_ns = in.i64();
  const auto flags = in.u8();
  out.parked = (flags & 1) != 0;
  if (version >= 2) {
    out.sum.load(in);
    return;
  }
  out.sum.has_real = (flags & 2) != 0;
  out.sum.whole = read_int128(in);
  out.sum.real = in.f64();
  out.sum.count = in.varint();
}

}  // namespace sightglass::meter
