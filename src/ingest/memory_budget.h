// How much memory all bodies together may hold.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

namespace sightglass::ingest {

// Threads: any.
class MemoryBudget {
 public:
  explicit MemoryBudget(std::uint64_t bytes) : left_(static_cast<std::int64_t>(bytes)) {}
  bool take(std::uint64_t bytes) {
    const auto n = static_cast<std::int64_t>(bytes);
    if (left_.fetch_sub(n, std::memory_order_relaxed) >= n) return true;
    left_.fetch_add(n, std::memory_order_relaxed);
    return false;
  }
  void give_back(std::uint64_t bytes) {
    left_.fetch_add(static_cast<std::int64_t>(bytes), std::memory_order_relaxed);
  }
  std::int64_t left() const { return left_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> left_;
};

// One request's share; given back on destruction. Ownership: the budget outlives it.
class Share {
 public:
  explicit Share(MemoryBudget& budget) : budget_(&budget) {}
  Share(Share&& other) noexcept : budget_(other.budget_), bytes_(std::exchange(other.bytes_, 0)) {}
  Share(const Share&) = delete;
  Share& operator=(const Share&) = delete;
  Share& operator=(Share&&) = delete;
  ~Share() { budget_->give_back(bytes_); }

  bool grow(std::uint64_t bytes) {
    if (!budget_->take(bytes)) return false;
    bytes_ += bytes;
    return true;
  }
  std::uint64_t bytes() const { return bytes_; }

 private:
  MemoryBudget* budget_;
  std::uint64_t bytes_ = 0;
};

}  // namespace sightglass::ingest
