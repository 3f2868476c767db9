// Holds clients to their limits: reserves an estimate before a request goes out, settles with what
// it really used.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "control/clients.h"
#include "control/shared_use.h"
#include "control/spending.h"

namespace sightglass::control {

enum class Limit : std::uint8_t {
  kParallel,
  kRequests,
  kTokens,
  kMoneyHour,
  kMoneyDay,
  kMoneyMonth,
  kNotReady,  // what was used before this start is not known yet
};
inline bool is_money(Limit limit) {
  return limit == Limit::kMoneyHour || limit == Limit::kMoneyDay || limit == Limit::kMoneyMonth;
}
std::string_view limit_name(Limit limit);  // "requests", "tokens", "usd-hour", …

// What a request may come to.
struct Estimate {
  std::int64_t tokens = 0;
  std::int64_t nanousd = 0;
  bool free = false;  // nothing in it is ever billed (lists, token counts): only requests count
};

struct Refusal {
  Limit limit = Limit::kRequests;
  std::int64_t most = 0;       // requests, tokens or nano-dollars
  std::int64_t remaining = 0;  // less than the request asked for
  std::int64_t retry_after_s = 1;
};

// What one request holds until it is settled.
struct Ticket {
  Estimate estimate;
  bool held = false;
};

// One client's limits and what counts against them.
//
// Requests are counted when they begin, tokens and money when they end, until then by their
// estimates; so what is used never passes a limit by more than the estimates fell short. Requests
// and tokens count within any minute (MinuteSum), money within the UTC hour, day and month.
//
// Where gateways share limits, join() stands in for admit(): it refuses what this gateway's own use
// alone forbids and queues the rest for a question to the memory that all share. What cannot be
// asked is decided here, by the own use and what the others were last known to have used.
// Threads: any; one lock for each call.
class Account {
 public:
  // `ahead`: how much the clock that gateways share shows more than this machine's; null: nothing.
  Account(ClientLimits limits, std::optional<Spending> used, std::string client_id = {},
          const std::atomic<Nanos>* ahead = nullptr);
  const std::string& client_id() const { return client_id_; }

  // Reserves all of it, or nothing and says which limit stands in the way.
  std::optional<Refusal> admit(const Estimate& estimate, Nanos wall_ns, Ticket& ticket);
  // Once for each ticket. nullopt: not known, then the estimate is what counts.
  void settle(Ticket& ticket, std::optional<std::int64_t> tokens,
              std::optional<std::int64_t> nanousd, Nanos wall_ns);
  // A request that ended without a ticket, because it began before there were limits.
  void charge(std::int64_t tokens, std::int64_t nanousd, Nanos wall_ns);

  void change(const ClientLimits& limits);
  void restore(const Spending& used);  // adds what earlier processes used

  // ---- shared with other gateways
  struct Decided {
    Waiting waiting;
    std::optional<Refusal> refusal;
  };
  // Refuses at once, or queues it; then it is settled like one that was admitted.
  std::optional<Refusal> join(Waiting waiting, Nanos wall_ns);
  // What is to be asked or told now; nullopt: nothing, or an earlier question has no answer yet.
  // `memory` is another number once the shared memory may have forgotten what it was told.
  std::optional<UseQuestion> next_question(std::uint64_t memory, Nanos wall_ns);
  // One of them for each question. What has been decided, and only it.
  std::vector<Decided> answered(UseQuestion question, UseAnswer answer, Nanos wall_ns);
  std::vector<Decided> unanswered(UseQuestion question, Nanos wall_ns);
  // Whoever waits while nothing can be asked; nothing while a question is on its way.
  std::vector<Decided> decide_alone(Nanos wall_ns);
  KnownUse known_elsewhere(Nanos wall_ns) const;

  struct State {
    ClientLimits limits;
    std::int64_t running = 0, requests = 0, tokens = 0;  // of the last minute
    std::array<std::int64_t, kPeriods> nanousd{};
    std::int64_t reserved_nanousd = 0;
    std::array<std::uint64_t, kPeriods> refused{};  // for want of money, in the current period
    bool ready = false;
  };
  State state(Nanos wall_ns) const;
  bool has_money_limit() const;

 private:
  std::optional<Refusal> refuse(const Estimate& estimate, const KnownUse& elsewhere);
  std::optional<Refusal> refuse_money(const Estimate& estimate, const KnownUse& elsewhere);
  Refusal refuse_for_money(Period period, std::int64_t left);
  void hold(const Estimate& estimate, Ticket& ticket);
  void advance(Nanos wall_ns);
  Nanos shared_ns(Nanos wall_ns) const;
  std::optional<Refusal> refusal_of(const UseAnswer::Decision& decision);
  void decide_here(std::vector<Waiting> waiting, std::vector<Decided>& out);

  struct Refused {
    std::int64_t id = 0;
    std::uint64_t count = 0;
  };
  const std::string client_id_;
  const std::atomic<Nanos>* const ahead_;
  mutable std::mutex mutex_;
  ClientLimits limits_;
  bool ready_;
  Nanos applied_ahead_ = 0;
  Nanos now_ns_ = 0;  // never goes back, whatever the wall clock does
  Spending used_;
  std::int64_t running_ = 0;
  Estimate reserved_;  // of all tickets that are held
  std::array<Refused, kPeriods> refused_{};

  std::deque<Waiting> queue_;
  OtherUses others_;
  std::array<std::int64_t, kPeriods> others_periods_{};
  std::uint64_t seq_ = 0;
  std::uint64_t told_memory_ = 0;
  Nanos told_ns_ = 0;
  bool asking_ = false;   // a question is on its way
  bool changed_ = false;  // since the last one
  bool again_ = false;    // the last answer was that of a later question
};

// The way of one I/O worker to the memory that gateways share.
// Threads: the worker's.
class SharedLimits {
 public:
  virtual ~SharedLimits() = default;
  // `waiting.done` is called before this returns, or later on this thread; it may never be called
  // when the server stops first.
  virtual void admit(const std::shared_ptr<Account>& account, Waiting waiting) = 0;
  // What the account's client used has changed.
  virtual void tell(const std::shared_ptr<Account>& account) = 0;
  virtual std::size_t worker() const = 0;
};

// The accounts of all clients that have limits, and what outputs usually come to.
// Threads: any. The request path comes here only for clients that have limits.
class Limiter {
 public:
  using Source = std::function<Spending(const std::string& client_id)>;
  using OutputSizes = std::map<std::string, std::int64_t, std::less<>>;  // p99 tokens by model

  // The account of a client, or null where it has no limits. The same account while it has some.
  std::shared_ptr<Account> configure(const std::string& client_id, const ClientLimits& limits);
  void forget(std::string_view client_id);
  std::shared_ptr<Account> find(std::string_view client_id) const;
  std::vector<std::shared_ptr<Account>> accounts() const;

  // The clock that gateways share, seen from this machine's: limits follow it from now on.
  void follow_clock(Nanos ahead_ns) { ahead_.store(ahead_ns, std::memory_order_relaxed); }
  Nanos clock_ahead_ns() const { return ahead_.load(std::memory_order_relaxed); }

  // What was used before this start is known now: until then accounts refuse everything.
  void restore(Source source);

  void publish(OutputSizes sizes);
  std::optional<std::int64_t> usual_output(std::string_view model) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<Account>, std::less<>> accounts_;
  std::atomic<Nanos> ahead_{0};
  Source source_;
  std::shared_ptr<const OutputSizes> sizes_ = std::make_shared<const OutputSizes>();
};

}  // namespace sightglass::control
