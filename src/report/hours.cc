#include "report/hours.h"

namespace sightglass::report {

void Sum::add(std::int64_t value) {
  if (__builtin_add_overflow(whole_, value, &whole_)) {
    // What wrapped is taken back and goes on as a double.
    whole_ = static_cast<std::int64_t>(static_cast<std::uint64_t>(whole_) -
                                       static_cast<std::uint64_t>(value));
    fraction_ += static_cast<double>(value);
  }
}

void Sum::save(ByteWriter& out) const {
  out.zigzag(whole_);
  out.f64(fraction_);
}

void Sum::load(ByteReader& in) {
  whole_ = in.zigzag();
  fraction_ = in.f64();
}

void Cell::add(const Cell& other) {
  events += other.events;
  with += other.with;
  sum.add(other.sum);
  lost_starts += other.lost_starts;
  lost_ends += other.lost_ends;
  planned += other.planned;
  planned_s += other.planned_s;
  planned_actual_s += other.planned_actual_s;
}

Cell& HourCells::at(Hour hour) {
  if (last_ == nullptr || last_hour_ != hour) {
    last_ = &cells_[hour];
    last_hour_ = hour;
  }
  return *last_;
}

Cell HourCells::total(Window window) const {
  Cell out;
  for (auto at = cells_.lower_bound(window.from); at != cells_.end() && at->first <= window.to;
       ++at) {
    out.add(at->second);
  }
  return out;
}

void HourCells::forget_before(Hour hour) {
  cells_.erase(cells_.begin(), cells_.lower_bound(hour));
  last_ = nullptr;
}

void HourCells::save(ByteWriter& out) const {
  out.varint(cells_.size());
  for (const auto& [hour, cell] : cells_) {
    out.zigzag(hour);
    out.varint(cell.events);
    out.varint(cell.with);
    cell.sum.save(out);
    const bool pairs = cell.lost_starts != 0 || cell.lost_ends != 0 || cell.planned != 0;
    out.u8(pairs ? 1 : 0);
    if (!pairs) continue;
    out.varint(cell.lost_starts);
    out.varint(cell.lost_ends);
    out.varint(cell.planned);
    out.f64(cell.planned_s);
    out.f64(cell.planned_actual_s);
  }
}

void HourCells::load(ByteReader& in) {
  last_ = nullptr;
  cells_.clear();
  const auto n = in.varint();
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
    const auto hour = in.zigzag();
    if (hour != static_cast<Hour>(hour)) return in.invalidate();
    Cell cell;
    cell.events = in.varint();
    cell.with = in.varint();
    cell.sum.load(in);
    if (in.u8() != 0) {
      cell.lost_starts = in.varint();
      cell.lost_ends = in.varint();
      cell.planned = in.varint();
      cell.planned_s = in.f64();
      cell.planned_actual_s = in.f64();
    }
    if (in.ok()) cells_[static_cast<Hour>(hour)] = cell;
  }
}

}  // namespace sightglass::report
