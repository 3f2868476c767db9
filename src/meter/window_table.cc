#include "meter/window_table.h"

#include <algorithm>

namespace sightglass::meter {
namespace {

constexpr std::size_t kMostWords = 2u << 20;  // 16 MiB of cells
constexpr std::size_t kMostFingerprints = 1'000'000;
constexpr std::size_t kMostExactWhenFull = 2'048;  // 16 KiB, the size of a sketch

}  // namespace

WindowTable::WindowTable(const Definition& definition) { set_limits(definition); }

void WindowTable::set_limits(const Definition& definition) {
  const Nanos length = event::window_ns(definition.window);
  if (length != length_) {
    slices_.clear();
    watermark_ = INT64_MIN;
    dropped_before_ = INT64_MIN;
    cells_ = 0;
    fingerprints_ = 0;
  }
  length_ = length;
  grace_ = definition.grace_ns;
  keep_ = definition.keep_windows;
  distinct_ = definition.type == event::MeterType::kDistinct;
  stride_ = definition.type == event::MeterType::kHistogram ? definition.buckets.size() + 1 : 0;
}

std::int64_t WindowTable::window_of(Nanos time_ns) const {
  if (length_ == 0) return 0;
  return time_ns / length_ - (time_ns % length_ < 0 ? 1 : 0);
}

std::int64_t WindowTable::oldest_kept() const {
  if (length_ == 0 || watermark_ == INT64_MIN) return dropped_before_;
  return std::max(dropped_before_, newest() - static_cast<std::int64_t>(keep_) + 1);
}

bool WindowTable::closed(std::int64_t window) const {
  if (length_ == 0 || watermark_ < INT64_MIN + grace_) return false;
  return window < window_of(watermark_ - grace_);
}

bool WindowTable::admit(Nanos time_ns, Nanos accept_ns, std::int64_t& window) {
  if (length_ == 0) {
    window = 0;
    return true;
  }
  time_ns = std::max<Nanos>(time_ns, 0);  // before 1970 there were no such events
  if (time_ns > accept_ns && time_ns - accept_ns > grace_) time_ns = accept_ns;
  const Nanos seen = std::min(time_ns, accept_ns);
  if (seen > watermark_) {
    const bool next = watermark_ == INT64_MIN || window_of(seen) != newest() ||
                      window_of(seen - grace_) != window_of(watermark_ - grace_);
    watermark_ = seen;
    if (next) advance();
  }
  window = window_of(time_ns);
  return !closed(window) && window >= oldest_kept();
}

void WindowTable::advance() {
  while (!slices_.empty() && slices_.front().window < oldest_kept()) drop_oldest();
  for (auto& slice : slices_) {
    if (!slice.closed && closed(slice.window)) close(slice);
  }
}

// The number is final: the set that gave it can go.
void WindowTable::close(Slice& slice) {
  slice.closed = true;
  for (auto& cell : slice.cells) {
    cell.counted = cell.distinct.count();
    cell.counted_exactly = cell.distinct.exact();
    fingerprints_ -= cell.distinct.fingerprints();
    cell.distinct = DistinctSet();
  }
}

void WindowTable::drop_oldest() {
  const auto& front = slices_.front();
  cells_ -= front.cells.size();
  for (const auto& cell : front.cells) fingerprints_ -= cell.distinct.fingerprints();
  slices_.pop_front();
}

const WindowTable::Slice* WindowTable::slice(std::int64_t window) const {
  // Nearly always the newest.
  for (auto at = slices_.rbegin(); at != slices_.rend() && at->window >= window; ++at) {
    if (at->window == window) return &*at;
  }
  return nullptr;
}

WindowTable::Slice& WindowTable::slice_for(std::int64_t window) {
  auto at = slices_.end();
  while (at != slices_.begin() && (at - 1)->window >= window) --at;
  if (at != slices_.end() && at->window == window) return *at;
  Slice fresh;
  fresh.window = window;
  return *slices_.insert(at, std::move(fresh));
}

std::uint32_t WindowTable::cell_index(Slice& slice, std::uint32_t series) {
  if (series >= slice.at.size()) slice.at.resize(series + std::size_t{1}, 0);
  auto& at = slice.at[series];
  if (at == 0) {
    slice.cells.emplace_back();
    slice.owner.push_back(series);
    slice.counts.resize(slice.counts.size() + stride_, 0);
    at = static_cast<std::uint32_t>(slice.cells.size());
    ++cells_;
  }
  return at - 1;
}

WindowTable::Place WindowTable::place(std::uint32_t series, std::int64_t window) {
  Slice& in = slice_for(window);
  if (series >= in.at.size() || in.at[series] == 0) {
    while (slices_.front().window < window && cells_ * words_a_cell() >= kMostWords) {
      dropped_before_ = slices_.front().window + 1;
      drop_oldest();
    }
  }
  const auto index = cell_index(in, series);
  return {&in.cells[index], in.counts.data() + index * stride_};
}

void WindowTable::add_distinct(Cell& cell, std::uint64_t fingerprint) {
  const auto before = cell.distinct.fingerprints();
  cell.distinct.add(fingerprint, fingerprints_ < kMostFingerprints ? DistinctSet::kMostExact
                                                                   : kMostExactWhenFull);
  fingerprints_ += cell.distinct.fingerprints() - before;
}

const WindowTable::Cell* WindowTable::find(std::uint32_t series, std::int64_t window) const {
  const Slice* const in = slice(window);
  if (in == nullptr || series >= in->at.size() || in->at[series] == 0) return nullptr;
  return &in->cells[in->at[series] - 1];
}

const std::uint64_t* WindowTable::buckets(std::uint32_t series, std::int64_t window) const {
  const Slice* const in = slice(window);
  if (in == nullptr || series >= in->at.size() || in->at[series] == 0) return nullptr;
  return in->counts.data() + (in->at[series] - 1) * stride_;
}

std::vector<std::int64_t> WindowTable::windows() const {
  std::vector<std::int64_t> out;
  for (const auto& slice : slices_) out.push_back(slice.window);
  return out;
}

void WindowTable::renumber(const std::vector<std::uint32_t>& to) {
  for (auto& old : slices_) {
    Slice fresh;
    fresh.window = old.window;
    fresh.closed = old.closed;
    for (std::size_t i = 0; i < old.cells.size(); ++i) {
      const auto series = to[old.owner[i]];
      if (series == kGone) {
        fingerprints_ -= old.cells[i].distinct.fingerprints();
        --cells_;
        continue;
      }
      if (series >= fresh.at.size()) fresh.at.resize(series + std::size_t{1}, 0);
      fresh.cells.push_back(std::move(old.cells[i]));
      fresh.owner.push_back(series);
      const auto from = old.counts.begin() + static_cast<std::ptrdiff_t>(i * stride_);
      fresh.counts.insert(fresh.counts.end(), from, from + static_cast<std::ptrdiff_t>(stride_));
      fresh.at[series] = static_cast<std::uint32_t>(fresh.cells.size());
    }
    old = std::move(fresh);
  }
}

void WindowTable::save(const std::vector<std::uint32_t>& rank, ByteWriter& out) const {
  out.i64(watermark_);
  out.i64(dropped_before_);
  out.varint(slices_.size());
  for (const auto& slice : slices_) save_slice(slice, rank, out);
}

void WindowTable::save_slice(const Slice& slice, const std::vector<std::uint32_t>& rank,
                             ByteWriter& out) const {
  std::vector<std::uint32_t> order(slice.cells.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = static_cast<std::uint32_t>(i);
  std::sort(order.begin(), order.end(), [&](std::uint32_t a, std::uint32_t b) {
    return rank[slice.owner[a]] < rank[slice.owner[b]];
  });
  out.i64(slice.window);
  out.u8(slice.closed ? 1 : 0);
  out.varint(order.size());
  for (const auto i : order) {
    const Cell& cell = slice.cells[i];
    out.varint(rank[slice.owner[i]]);
    cell.sum.save(out);
    for (std::size_t b = 0; b < stride_; ++b) out.varint(slice.counts[i * stride_ + b]);
    if (!distinct_) continue;
    if (slice.closed) {
      out.varint(cell.counted);
      out.u8(cell.counted_exactly ? 1 : 0);
    } else {
      cell.distinct.save(out);
    }
  }
}

bool WindowTable::load(ByteReader& in, std::size_t series) {
  slices_.clear();
  cells_ = 0;
  fingerprints_ = 0;
  watermark_ = in.i64();
  dropped_before_ = in.i64();
  const auto n = in.varint();
  if (!in.ok() || n > in.remaining() / 10) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    Slice slice;
    if (!load_slice(in, series, slice)) return false;
    if (!slices_.empty() && slices_.back().window >= slice.window) return false;
    slices_.push_back(std::move(slice));
  }
  return in.ok();
}

bool WindowTable::load_slice(ByteReader& in, std::size_t series, Slice& out) {
  out.window = in.i64();
  const auto closed = in.u8();
  const auto n = in.varint();
  if (!in.ok() || closed > 1 || n > series || n > in.remaining()) return false;
  out.closed = closed == 1;
  for (std::uint64_t i = 0; i < n; ++i) {
    const auto rank = in.varint();
    if (rank >= series || (!out.at.empty() && rank < out.at.size())) return false;  // ascending
    const auto at = cell_index(out, static_cast<std::uint32_t>(rank));
    Cell& cell = out.cells[at];
    cell.sum.load(in);
    for (std::size_t b = 0; b < stride_; ++b) out.counts[at * stride_ + b] = in.varint();
    if (!distinct_) continue;
    if (out.closed) {
      cell.counted = in.varint();
      cell.counted_exactly = in.u8() == 1;
    } else if (!cell.distinct.load(in)) {
      return false;
    } else {
      fingerprints_ += cell.distinct.fingerprints();
    }
  }
  return in.ok();
}

}  // namespace sightglass::meter
