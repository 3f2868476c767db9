// The requests in flight on the other gateways, as each told them last.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/telemetry.h"
#include "live/requests.h"

namespace sightglass::live {

inline constexpr Nanos kStaleAfter = 5 * kSecond;  // of a gateway that should be heard every 3 s
inline constexpr Nanos kGoneAfter = 10 * kSecond;  // then it has no rows any more

// Threads: any. Bounds: as many gateways as one reading names, of each what Listing bounds.
class Elsewhere {
 public:
  // `hurry`: asks for a reading now rather than with the next second; must not wait.
  Elsewhere(const Clock& clock, Telemetry& telemetry, std::function<void()> hurry);

  // One gateway as a reading found it. Ages are durations by the one clock of whom it was read
  // from, so that no two clocks are compared.
  struct Heard {
    std::string gateway;
    Nanos age_ns = 0;                    // since it was last heard
    std::optional<std::string> listing;  // its bytes, where they were read
    Nanos listing_age_ns = 0;            // since it told them
  };
  // A reading of all of them; those it does not name are gone. `whole`: with the listings.
  void update(const std::vector<Heard>& heard, bool whole);

  struct Gateway {
    std::string name;
    std::size_t requests = 0;  // in flight there
    std::shared_ptr<const std::vector<RequestRow>> rows;
    Nanos heard_ns = 0;  // monotonic
    Nanos age_ns(Nanos now_ns) const { return now_ns > heard_ns ? now_ns - heard_ns : 0; }
  };
  // By name, without those that are gone. Starts are of this gateway's clocks.
  std::vector<Gateway> gateways() const;
  // Whether a reading succeeded lately; without it nothing is known of the others.
  bool reachable() const;
  // Grows when a request began or ended elsewhere as far as it is known, or a gateway came or went.
  std::uint64_t version() const { return version_.load(std::memory_order_acquire); }

  // Somebody looks: readings are whole for the next seconds.
  void watch();
  bool watched() const;
  // Waits for the next whole reading, unless the last one is younger than `young_ns` or none
  // came lately; whether it came within `within_ns`. For threads, not for workers.
  bool refresh(Nanos within_ns, Nanos young_ns = kSecond / 2);

 private:
  struct Known {
    std::shared_ptr<const std::vector<RequestRow>> rows;
    std::size_t requests = 0;
    Nanos heard_ns = 0;
    std::optional<Nanos> clock_offset_ns;  // of its monotonic clock to ours
  };
  void take(const Heard& heard, Nanos now_ns, Known& known);
  std::uint64_t fingerprint() const;

  const Clock& clock_;
  const std::function<void()> hurry_;
  Counter& nonsense_;
  std::atomic<std::uint64_t> version_{0};
  std::atomic<Nanos> watched_ns_;
  mutable std::mutex mutex_;
  std::condition_variable read_;
  std::map<std::string, Known> known_;
  std::uint64_t last_fingerprint_ = 0;
  Nanos updated_ns_, whole_ns_;
  std::uint64_t whole_readings_ = 0;
  Nanos wall_offset_ns_ = 0;  // of our wall clock to our monotonic one
};

}  // namespace sightglass::live
