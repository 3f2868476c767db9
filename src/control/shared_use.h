// What gateways that share a client's limits ask and tell each other, whatever carries it.
//
// Each gateway says only what it used itself, as absolute amounts, so that a lost or repeated word
// does no harm; what all of them used is the sum. One question of a gateway for one client is on
// its way at a time: whoever comes meanwhile is asked about together with the next one.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "control/clients.h"
#include "control/spending.h"

namespace sightglass::control {

struct Estimate;
struct Refusal;
struct Ticket;

// One table for each limit and window; `kOpen` is what runs, whatever the window.
enum class UseTable : std::uint8_t {
  kOpen,
  kRequests,
  kTokens,
  kMoneyHour,
  kMoneyDay,
  kMoneyMonth
};
inline constexpr std::size_t kUseTables = 6;

// Where a place was asked for, and whom to tell. `done` is called once, on the asking worker's
// thread.
struct Waiting {
  const Estimate* estimate = nullptr;  // both live until `done`
  Ticket* ticket = nullptr;
  std::size_t worker = 0;
  std::function<void(std::optional<Refusal>)> done;
};

// What other gateways have said, by table: their ids and their words.
using OtherUses = std::array<std::vector<std::pair<std::string, std::string>>, kUseTables>;

struct UseQuestion {
  std::uint64_t seq = 0;  // grows with each question of a gateway for a client, over restarts too
  ClientLimits limits;
  std::int64_t running = 0, open_tokens = 0, open_nanousd = 0;
  std::string requests, tokens;  // of the last minute, by seconds; and their sums
  std::int64_t requests_sum = 0, tokens_sum = 0;
  std::array<std::int64_t, kPeriods> period{}, nanousd{};
  std::vector<Waiting> waiting;
  // What others had said before the memory that is asked forgot everything; else empty.
  OtherUses restore;
  bool again = false;  // asked before, and found older than what was known
};

struct UseAnswer {
  struct Decision {
    std::int64_t limit = 0;  // 0: passed; 1 parallel, 2 requests, 3 tokens, 4 to 6 money
    std::int64_t remaining = 0;
    std::int64_t wait_s = 0;
  };
  bool stale = false;  // a later question was answered before: nothing was decided
  std::uint64_t seq = 0;
  Nanos now_ns = 0;  // by the clock that all share
  std::vector<Decision> decisions;
  OtherUses others;
};

// What the others have used as far as it is known: what holds while they cannot be asked.
struct KnownUse {
  std::int64_t running = 0, requests = 0, tokens = 0;
  std::array<std::int64_t, kPeriods> nanousd{};  // with what is open
};
inline constexpr Nanos kLease = 60 * kSecond;  // of what runs, since its gateway was last heard
// `periods`: those that the words on money are about. Words that cannot be read count as nothing.
KnownUse known_use(const OtherUses& others, const std::array<std::int64_t, kPeriods>& periods,
                   Nanos now_ns);

}  // namespace sightglass::control
