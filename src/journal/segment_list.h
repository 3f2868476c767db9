// Which segments there are: written by the writer, cut by whoever folds, read by readers.
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "journal/journal.h"

namespace sightglass::journal {

// Threads: any. Bounds: as many entries as files.
class SegmentList {
 public:
  struct Entry {
    Position first = 0;
    std::uint64_t size_bytes = 0;
    std::string catalogue_hash;  // needed by whoever replays it; empty: none
  };

  void add(Entry entry) {
    const std::scoped_lock lock(mutex_);
    bytes_ += entry.size_bytes;
    entries_.push_back(std::move(entry));
    version_.fetch_add(1, std::memory_order_release);
  }
  void grow_last(std::uint64_t bytes) {
    const std::scoped_lock lock(mutex_);
    entries_.back().size_bytes += bytes;
    bytes_ += bytes;
  }
  void remove_last() {
    const std::scoped_lock lock(mutex_);
    bytes_ -= entries_.back().size_bytes;
    entries_.pop_back();
    version_.fetch_add(1, std::memory_order_release);
  }
  // Takes out the segments whose records are all below `position`; never the last one.
  std::vector<Entry> take_before(Position position) {
    const std::scoped_lock lock(mutex_);
    std::size_t n = 0;
    while (n + 1 < entries_.size() && entries_[n + 1].first <= position) {
      bytes_ -= entries_[n++].size_bytes;
    }
    const auto end = entries_.begin() + static_cast<std::ptrdiff_t>(n);
    std::vector<Entry> taken(entries_.begin(), end);
    entries_.erase(entries_.begin(), end);
    if (n > 0) version_.fetch_add(1, std::memory_order_release);
    return taken;
  }

  std::vector<Entry> entries() const {
    const std::scoped_lock lock(mutex_);
    return entries_;
  }
  std::uint64_t bytes() const {
    const std::scoped_lock lock(mutex_);
    return bytes_;
  }
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
  std::uint64_t bytes_ = 0;
  std::atomic<std::uint64_t> version_{1};
};

}  // namespace sightglass::journal
