// Which fields a group of meters is labelled by, and a small number for each combination of their
// values: made once per event, used by every meter of the group.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "meter/definition.h"

namespace sightglass::meter {

// Row numbers are a cache, not state: they come and go without a number being wrong.
// Bounds: kMostRows rows and kMostKeyBytes of keys; then all rows are forgotten.
class LabelRows {
 public:
  static constexpr std::uint32_t kMostRows = 131'072;
  static constexpr std::size_t kMostKeyBytes = 4u << 20;

  LabelRows() : slots_(64) {}

  // `cleared`: every row given before is void.
  std::uint32_t row_of(std::string_view key, std::uint64_t hash, bool& cleared) {
    cleared = false;
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    const std::size_t mask = slots_.size() - 1;
    for (std::size_t at = hash & mask;; at = (at + 1) & mask) {
      const Slot& slot = slots_[at];
      if (slot.row == 0) return add(key, hash, cleared);
      if (slot.tag == tag && key_of(slot.row - 1) == key) return slot.row - 1;
    }
  }

 private:
  struct Slot {
    std::uint32_t tag = 0;
    std::uint32_t row = 0;  // + 1; 0 is free
  };
  struct Row {
    std::uint64_t hash = 0;
    std::uint32_t begin = 0, end = 0;  // of the key in keys_
  };
  std::string_view key_of(std::uint32_t row) const {
    return std::string_view(keys_).substr(rows_[row].begin, rows_[row].end - rows_[row].begin);
  }
  std::uint32_t add(std::string_view key, std::uint64_t hash, bool& cleared);
  void place(std::uint64_t hash, std::uint32_t row);

  std::vector<Slot> slots_;
  std::vector<Row> rows_;
  std::string keys_;
};

}  // namespace sightglass::meter
