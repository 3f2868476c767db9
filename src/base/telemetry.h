// Sightglass' own counters and gauges: what happened to the process itself since it started. What
// it observed of others comes from the journal and lives in `meter`.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace sightglass {

// Threads: add from any. Cost: one relaxed fetch_add, 6 ns alone, 20 to 30 ns contended.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::uint64_t> value_{0};
};

class Gauge {
 public:
  void set(std::int64_t v) { value_.store(v, std::memory_order_relaxed); }
  void add(std::int64_t n) { value_.fetch_add(n, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  alignas(64) std::atomic<std::int64_t> value_{0};
};

using Labels = std::vector<std::pair<std::string, std::string>>;  // fixed at registration

// The register of instruments. Names carry the unit last (`_total`, `_bytes`, `_seconds`).
// Ownership: instruments live as long as the register; references stay valid.
// Threads: registering takes a lock and happens at construction of rooms, never per request.
// Bounds: label values come from code, never from input.
class Telemetry {
 public:
  enum class Kind : std::uint8_t { kCounter, kGauge };
  struct Sample {
    Labels labels;
    double value = 0;
  };
  struct Family {
    std::string name;
    std::string help;
    Kind kind = Kind::kCounter;
    std::vector<Sample> samples;
  };

  // The same name and labels give the same instrument.
  Counter& counter(std::string_view name, std::string_view help, Labels labels = {});
  // Counts nanoseconds and is exposed in seconds; the name ends in `_seconds_total`.
  Counter& seconds_counter(std::string_view name, std::string_view help, Labels labels = {});
  Gauge& gauge(std::string_view name, std::string_view help, Labels labels = {});
  // Read when collected; `read` must be safe from any thread and outlive the register's use.
  void gauge_function(std::string_view name, std::string_view help, Kind kind,
                      std::function<double()> read, Labels labels = {});

  std::vector<Family> collect() const;  // sorted by name

 private:
  struct Entry {
    Labels labels;
    Counter* counter = nullptr;
    double scale = 1;  // from what the counter counts to what is exposed
    Gauge* gauge = nullptr;
    std::function<double()> read;
  };
  struct Registered {
    std::string help;
    Kind kind = Kind::kCounter;
    std::vector<Entry> entries;
  };
  Entry& entry(std::string_view name, std::string_view help, Kind kind, Labels labels);

  mutable std::mutex mutex_;
  std::map<std::string, Registered, std::less<>> families_;
  std::deque<Counter> counters_;
  std::deque<Gauge> gauges_;
};

}  // namespace sightglass
