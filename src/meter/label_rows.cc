#include "meter/label_rows.h"

namespace sightglass::meter {

std::uint32_t LabelRows::add(std::string_view key, std::uint64_t hash, bool& cleared) {
  if (rows_.size() >= kMostRows || keys_.size() + key.size() > kMostKeyBytes) {
    rows_.clear();
    keys_.clear();
    slots_.assign(64, Slot{});
    cleared = true;
  }
  if (2 * (rows_.size() + 1) > slots_.size()) {
    slots_.assign(slots_.size() * 4, Slot{});
    for (std::size_t i = 0; i < rows_.size(); ++i) {
      place(rows_[i].hash, static_cast<std::uint32_t>(i));
    }
  }
  const auto row = static_cast<std::uint32_t>(rows_.size());
  const auto begin = static_cast<std::uint32_t>(keys_.size());
  keys_.append(key);
  rows_.push_back({hash, begin, static_cast<std::uint32_t>(keys_.size())});
  place(hash, row);
  return row;
}

void LabelRows::place(std::uint64_t hash, std::uint32_t row) {
  const std::size_t mask = slots_.size() - 1;
  std::size_t at = hash & mask;
  while (slots_[at].row != 0) at = (at + 1) & mask;
  slots_[at] = {static_cast<std::uint32_t>(hash >> 32), row + 1};
}

}  // namespace sightglass::meter
