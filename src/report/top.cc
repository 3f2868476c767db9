#include "report/top.h"

#include <algorithm>
#include <limits>

namespace sightglass::report {

void TopDays::add(Hour hour, std::string_view key) {
  key = key.substr(0, kMaxKeyBytes);
  auto& day = days_[day_of(hour)];
  auto at = day.find(key);
  if (at == day.end()) {
    Entry fresh;
    if (day.size() >= kValuesADay) make_room(day, fresh);
    at = day.emplace(std::string(key), fresh).first;
  }
  auto& count = at->second.hours[hour_in_day(hour)];
  if (count == std::numeric_limits<std::uint32_t>::max()) return;
  ++count;
  ++at->second.own;
}

// Of several least frequent ones the first by name goes, so that the outcome does not hang on the
// order in a hash table.
void TopDays::make_room(OneDay& day, Entry& successor) {
  auto least = day.begin();
  for (auto at = day.begin(); at != day.end(); ++at) {
    const auto count = at->second.own + at->second.over;
    const auto lowest = least->second.own + least->second.over;
    if (count < lowest || (count == lowest && at->first < least->first)) least = at;
  }
  successor.over = least->second.own + least->second.over;
  day.erase(least);
}

void TopDays::forget(const journal::Forget& forget) {
  for (auto& [day, values] : days_) {
    std::vector<std::pair<std::string, Entry>> named;
    for (auto at = values.begin(); at != values.end();) {
      auto without = at->first;
      if (!forget.overwrite(without)) {
        ++at;
        continue;
      }
      named.emplace_back(std::move(without), at->second);
      at = values.erase(at);
    }
    for (const auto& [key, entry] : named) {
      auto& into = values[key];
      into.over += entry.over;
      into.own += entry.own;
      for (std::size_t hour = 0; hour < into.hours.size(); ++hour) {
        into.hours[hour] += entry.hours[hour];
      }
    }
  }
}

TopCounts TopDays::count(Window window) const {
  TopCounts out;
  std::map<std::string_view, TopRow> rows;
  for (auto at = days_.lower_bound(day_of(window.from));
       at != days_.end() && at->first <= day_of(window.to); ++at) {
    for (const auto& [key, entry] : at->second) {
      std::uint64_t count = 0;
      for (unsigned h = 0; h < 24; ++h) {
        if (window.holds(at->first * 24 + static_cast<Hour>(h))) count += entry.hours[h];
      }
      out.overflowed |= entry.over != 0;
      if (count == 0) continue;
      auto& row = rows[key];
      row.count += count;
      row.over += entry.over;
    }
  }
  for (auto& [key, row] : rows) {
    row.key = key;
    out.rows.push_back(std::move(row));
  }
  std::sort(out.rows.begin(), out.rows.end(), [](const TopRow& a, const TopRow& b) {
    return a.count != b.count ? a.count > b.count : a.key < b.key;
  });
  return out;
}

void TopDays::save(ByteWriter& out) const {
  out.varint(days_.size());
  for (const auto& [number, day] : days_) {
    out.zigzag(number);
    std::vector<const OneDay::value_type*> sorted;
    for (const auto& entry : day) sorted.push_back(&entry);
    std::sort(sorted.begin(), sorted.end(),
              [](const auto* a, const auto* b) { return a->first < b->first; });
    out.varint(sorted.size());
    for (const auto* entry : sorted) {
      out.string(entry->first);
      out.varint(entry->second.over);
      std::uint32_t hours = 0;
      for (unsigned h = 0; h < 24; ++h) hours |= entry->second.hours[h] != 0 ? 1u << h : 0;
      out.varint(hours);
      for (const auto count : entry->second.hours) {
        if (count != 0) out.varint(count);
      }
    }
  }
}

void TopDays::load(ByteReader& in) {
  days_.clear();
  const auto n = in.varint();
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
    const auto number = in.zigzag();
    const auto values = in.varint();
    if (number != static_cast<Day>(number) || std::abs(number) > 80'000'000 ||
        values > kValuesADay || days_.contains(static_cast<Day>(number))) {
      return in.invalidate();
    }
    auto& day = days_[static_cast<Day>(number)];
    for (std::uint64_t j = 0; j < values && in.ok(); ++j) {
      const std::string key(in.string());
      Entry entry;
      entry.over = in.varint();
      const auto hours = in.varint();
      for (unsigned h = 0; h < 24; ++h) {
        if (((hours >> h) & 1) == 0) continue;
        const auto count = in.varint();
        if (count == 0 || count > std::numeric_limits<std::uint32_t>::max()) in.invalidate();
        entry.hours[h] = static_cast<std::uint32_t>(count);
        entry.own += count;
      }
      if ((hours >> 24) != 0 || key.size() > kMaxKeyBytes) in.invalidate();
      if (in.ok() && !day.emplace(key, entry).second) in.invalidate();
    }
  }
}

}  // namespace sightglass::report
