// How a provider's keys of ours fare: one that is refused or told to slow down is put aside for a
// while, and the others take its turn.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "base/clock.h"

namespace sightglass::gateway {

// Threads: any, without a lock. Times are monotonic.
class KeyState {
 public:
  // How long a key that failed for the n-th time in a row stays aside: what the provider's
  // Retry-After says, else twice as long each time.
  static constexpr Nanos kFirstAside = kSecond;
  static constexpr Nanos kLongestAside = 600 * kSecond;
  static constexpr Nanos kLongestRetryAfter = 3'600 * kSecond;

  void failed(std::optional<Nanos> retry_after_ns, Nanos now_ns) {
    const auto before = failures_.fetch_add(1, std::memory_order_relaxed);
    Nanos wait = kLongestAside;
    if (before < 10) wait = std::min(kFirstAside << before, kLongestAside);
    if (retry_after_ns) wait = std::clamp<Nanos>(*retry_after_ns, 0, kLongestRetryAfter);
    until_ns_.store(now_ns + wait, std::memory_order_relaxed);
    times_aside_.fetch_add(1, std::memory_order_relaxed);
  }
  void succeeded() {
    if (failures_.load(std::memory_order_relaxed) == 0) return;  // nothing is written mostly
    failures_.store(0, std::memory_order_relaxed);
    until_ns_.store(0, std::memory_order_relaxed);
  }
  Nanos aside_until_ns() const { return until_ns_.load(std::memory_order_relaxed); }
  bool aside(Nanos now_ns) const { return aside_until_ns() > now_ns; }
  // Requests that run with it, of all workers.
  void begin() { running_.fetch_add(1, std::memory_order_relaxed); }
  void end() { running_.fetch_sub(1, std::memory_order_relaxed); }
  std::uint32_t running() const { return running_.load(std::memory_order_relaxed); }
  std::uint64_t times_aside() const { return times_aside_.load(std::memory_order_relaxed); }

 private:
  std::atomic<Nanos> until_ns_{0};
  std::atomic<std::uint32_t> failures_{0};  // in a row
  std::atomic<std::uint32_t> running_{0};
  std::atomic<std::uint64_t> times_aside_{0};
};

// The states by the keys' ids, over changes of the settings. Threads: any. Bounds: one for each key
// that was ever configured in this process.
class KeyStates {
 public:
  std::shared_ptr<KeyState> of(const std::string& key_id) {
    const std::scoped_lock lock(mutex_);
    auto& state = states_[key_id];
    if (state == nullptr) state = std::make_shared<KeyState>();
    return state;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<KeyState>> states_;
};

}  // namespace sightglass::gateway
