// Time as a parameter, so that a test owns it.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>

namespace sightglass {

using Nanos = std::int64_t;  // a duration, or Unix time in UTC; the name says which

inline constexpr Nanos kMicrosecond = 1'000;
inline constexpr Nanos kMillisecond = 1'000'000;
inline constexpr Nanos kSecond = 1'000'000'000;

// Two clocks: wall time for what people read, monotonic time for every duration.
// Threads: both calls are safe from any thread.
class Clock {
 public:
  virtual ~Clock() = default;
  virtual Nanos wall_ns() const = 0;       // Unix nanoseconds, UTC; may step
  virtual Nanos monotonic_ns() const = 0;  // never goes back; no relation to wall time
};

class SystemClock final : public Clock {
 public:
  Nanos wall_ns() const override;
  Nanos monotonic_ns() const override;
};

// A clock that stands still until a test moves it.
class ManualClock final : public Clock {
 public:
  explicit ManualClock(Nanos wall_ns = 1'700'000'000 * kSecond) : wall_(wall_ns) {}
  Nanos wall_ns() const override { return wall_.load(std::memory_order_relaxed); }
  Nanos monotonic_ns() const override { return monotonic_.load(std::memory_order_relaxed); }
  void advance(Nanos by_ns) {
    wall_.fetch_add(by_ns, std::memory_order_relaxed);
    monotonic_.fetch_add(by_ns, std::memory_order_relaxed);
  }
  void step_wall(Nanos by_ns) { wall_.fetch_add(by_ns, std::memory_order_relaxed); }

 private:
  std::atomic<Nanos> wall_;
  std::atomic<Nanos> monotonic_{1};
};

}  // namespace sightglass
