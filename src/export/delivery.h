// Keeps the account of one engine: when it may be tried again, what was sent, refused and given up;
// as metrics, as log lines where something changes, and for the health answer.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <mutex>
#include <string>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "export/verdict.h"

namespace sightglass::exporting {

struct Backoff {
  Nanos first_ns = 250 * kMillisecond;  // doubled with each failure …
  Nanos most_ns = 30 * kSecond;         // … up to here; a part of it, at least half, by chance
};

// Threads: everything from the engine's own thread, but health() from any.
class Delivery {
 public:
  struct Health {
    bool ok = true;
    Reason reason = Reason::kConnect;  // of the last failure; unless ok
    std::string_view sentence;         // what is wrong and what to do; unless ok
    Nanos failing_ns = 0;              // for how long; unless ok
    std::uint64_t sent = 0, dropped = 0, gap_records = 0;
  };

  // `engine` is the label: "influxdb".
  Delivery(std::string engine, ReasonSentence sentence, Backoff backoff, const Clock& clock,
           Random& random, Telemetry& telemetry, Log& log);

  bool due() const { return clock_.monotonic_ns() >= next_ns_; }
  Nanos wait_ns() const;  // until it is due

  void taken(std::uint64_t points, const Verdict& verdict);
  void failed(std::uint64_t points, const Verdict& verdict);  // will be tried again
  void dropped(std::uint64_t points, Reason reason);          // given up, not for lag
  // Records of the journal that this engine never gets.
  enum class Gap : std::uint8_t { kLag, kSkipped };
  void gap(std::uint64_t records, Gap why);

  Health health() const;
  std::uint64_t gap_records() const { return gap_records_.load(std::memory_order_relaxed); }
  // What was lost before this start.
  void recall_gap(std::uint64_t records) { gap_records_.store(records, std::memory_order_relaxed); }

 private:
  Counter& counter(const char* name, const char* help, Labels more = {});
  void tell_failure(const Verdict& verdict);

  const std::string engine_;
  const ReasonSentence sentence_;
  const Backoff backoff_;
  const Clock& clock_;
  Random& random_;
  Telemetry& telemetry_;
  Log& log_;
  Counter &sent_points_, &sent_bytes_, &sent_batches_, &retries_, &repeated_points_;
  std::array<Counter*, kReasons> errors_{}, dropped_{};
  Counter &gap_lag_, &gap_skipped_;
  Gauge& up_;

  unsigned failures_ = 0;  // one after the other
  Nanos next_ns_ = 0;
  Nanos told_ns_ = 0;
  std::uint64_t gap_untold_ = 0;
  Nanos gap_told_ns_ = 0;
  std::atomic<std::uint64_t> gap_records_{0}, dropped_total_{0};
  std::atomic<bool> failing_{false};
  std::atomic<Nanos> failing_since_ns_{0};
  std::atomic<Reason> reason_{Reason::kConnect};
};

}  // namespace sightglass::exporting
