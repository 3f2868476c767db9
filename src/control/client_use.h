// What one client did, as the journal tells it: its spending, and its last day by hours for whoever
// watches over it.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "control/spending.h"

namespace sightglass::control {

// A request's end, as far as it matters here.
struct Ended {
  Nanos time_ns = 0;
  Nanos start_ns = 0;
  std::string_view provider;
  std::string_view error_type;
  bool rejected = false;
  bool failed = false;  // error or timeout
  std::int64_t tokens = 0;
  std::int64_t nanousd = 0;  // what counts against money limits
};

struct Share {
  std::uint64_t requests = 0;
  std::int64_t tokens = 0;
  std::int64_t nanousd = 0;
};

// Times are of the events, and go forward only: what is older than the newest by a day and more is
// left out of the hours.
// Bounds: 25 hours of at most 32 providers and 32 error types (past them `__other__`), 289 counts.
class ClientUse {
 public:
  struct Hour {
    std::int64_t id = 0;                                   // hours since 1970
    std::uint64_t requests = 0, failed = 0, rejected = 0;  // `requests` without the rejected
    std::map<std::string, Share, std::less<>> providers;
    std::map<std::string, std::uint64_t, std::less<>> error_types;  // of failed requests
  };
  struct Count {
    std::int64_t id = 0;  // five minutes each, since 1970
    std::uint64_t requests = 0;
  };
  static constexpr Nanos kHourNs = 3'600 * kSecond;
  static constexpr Nanos kFiveMinutesNs = 300 * kSecond;
  static constexpr std::size_t kHours = 25;
  static constexpr std::size_t kCounts = 289;

  void add(const Ended& ended);

  const Spending& spending() const { return spending_; }
  Nanos first_ns() const { return first_ns_; }
  Nanos last_ns() const { return last_ns_; }
  const std::vector<Hour>& hours() const { return hours_; }     // oldest first
  const std::vector<Count>& counts() const { return counts_; }  // oldest first

  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  void add_hour(const Ended& ended);
  void add_count(Nanos time_ns);

  Nanos first_ns_ = 0, last_ns_ = 0;
  Spending spending_;
  std::vector<Hour> hours_;
  std::vector<Count> counts_;
};

}  // namespace sightglass::control
