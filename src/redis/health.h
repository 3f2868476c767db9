// How it stands with Redis, for all links of this gateway: counted, logged when it changes, shown.
#pragma once

#include <array>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/telemetry.h"

namespace sightglass::redis {

enum class Fault : std::uint8_t {
  kResolve,
  kConnect,
  kTls,
  kDenied,   // it wants another user or password
  kRefused,  // it answered a command with an error
  kTimeout,
  kNonsense,  // what answers is no Redis
  kClosed,
};
inline constexpr std::size_t kFaults = 8;
std::string_view fault_name(Fault fault);       // as in labels
std::string_view fault_next_step(Fault fault);  // a sentence for people

// Threads: any.
class Health {
 public:
  Health(std::string where, const Clock& clock, Telemetry& telemetry, Log& log);

  // `why`: the first word of the server's error, where there was one.
  void failed(Fault fault, std::string_view why = {});
  void ready();
  void lost() { note_ready(-1); }
  void round_trip(Nanos took_ns);
  void admitted_alone(std::uint64_t passed, std::uint64_t refused);

  struct State {
    bool ok = true;
    std::string problem;  // with the next step
    std::int64_t links = 0, since_s = 0, round_trips = 0, errors = 0, alone = 0;
  };
  State state() const;

 private:
  void note_ready(std::int64_t step);

  const std::string where_;
  const Clock& clock_;
  Log& log_;
  std::array<Counter*, kFaults> faults_{};
  std::array<Counter*, 6> trips_{};  // by how long they took
  Counter& trip_time_;
  Counter& passed_alone_;
  Counter& refused_alone_;
  Gauge& links_;

  mutable std::mutex mutex_;
  bool ok_ = false;
  bool told_ = false;  // that it is not
  std::string told_problem_;
  Nanos told_ns_ = 0;
  std::string problem_;
  Nanos since_ns_ = 0;
  std::int64_t ready_ = 0;
};

}  // namespace sightglass::redis
