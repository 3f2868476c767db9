// How many times a minute somebody may do something.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"

namespace sightglass::http {

// Counts per key in windows that begin with the key's first use: the printed "100 a minute" means
// that the 101st within a minute is refused, however the hundred were spread.
// Threads: any. Bounds: `capacity` keys; when all are live, new keys share one count, so that a
// flood of addresses cannot buy itself fresh counts.
class RateLimit {
 public:
  RateLimit(std::size_t per_window, Nanos window_ns, std::size_t capacity = 10'000)
      : per_window_(per_window), window_ns_(window_ns), capacity_(capacity) {}

  // Counts one. 0: allowed; else the whole seconds until it would be.
  int take(std::string_view key, Nanos now_ns);
  // The same without counting.
  int peek(std::string_view key, Nanos now_ns);
  std::size_t keys() const;

 private:
  struct Window {
    Nanos start_ns = 0;
    std::size_t count = 0;
  };
  Window& window(std::string_view key, Nanos now_ns);
  int wait_s(const Window& window, Nanos now_ns) const;

  const std::size_t per_window_;
  const Nanos window_ns_;
  const std::size_t capacity_;
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Window> windows_;
  Window shared_;
};

}  // namespace sightglass::http
