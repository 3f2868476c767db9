// What is odd about one client: sudden use, more errors than usual, budgets that run out, and how
// its requests spread over providers.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "control/client_use.h"
#include "control/limiter.h"

namespace sightglass::control {

struct ClientHealth {
  // Requests of the last five to ten minutes beside those of the day before them. A spike: at least
  // kFewest of them, at kSpike times the usual rate, with at least half an hour to compare with.
  struct Usage {
    std::uint64_t recent = 0;
    double recent_per_minute = 0;
    std::optional<double> usual_per_minute;  // none: too little is known
    bool spike = false;
  } usage;

  // Failed requests (error and timeout) of the last one to two hours beside the day before them. An
  // increase: at least kFewest requests, a tenth of them failed, at twice the usual rate.
  struct Errors {
    std::uint64_t requests = 0, failed = 0;
    double rate = 0;
    std::optional<double> usual_rate;
    bool increase = false;
    std::vector<std::pair<std::string, std::uint64_t>> types;  // most first
  } errors;

  struct Budget {
    Period period = Period::kDay;
    std::int64_t limit_nanousd = 0, spent_nanousd = 0, reserved_nanousd = 0;
    std::uint64_t refused = 0;  // requests, in this period
    Nanos resets_ns = 0;
    bool near = false;  // four fifths are spent
    bool over = false;  // all is spent, or a request was refused for want of money
  };
  std::vector<Budget> budgets;  // those that are set
  bool overrun = false;         // one of them is over

  struct Provider {
    std::string id;
    Share share;
    // Millionths of the client's requests, tokens and cost; each sums to 1,000,000 over the
    // providers, or is 0 where there were none.
    std::int64_t requests_millionths = 0, tokens_millionths = 0, cost_millionths = 0;
  };
  std::vector<Provider> providers;  // of the last day, by id

  bool fine() const { return !usage.spike && !errors.increase && !overrun; }

  static constexpr std::uint64_t kFewest = 20;
  static constexpr double kSpike = 5;
};

// `budget`: where the client has limits.
ClientHealth assess(const ClientUse& use, const std::optional<Account::State>& budget,
                    Nanos wall_ns);

// Parts of 1,000,000 that sum to it exactly, by the largest remainders; all 0 where all amounts
// are.
std::vector<std::int64_t> millionths(const std::vector<std::int64_t>& amounts);

}  // namespace sightglass::control
