#include "control/limiter.h"

#include <algorithm>
#include <array>
#include <utility>

namespace sightglass::control {
namespace {

constexpr std::array kMoney{std::pair{Period::kHour, Limit::kMoneyHour},
                            std::pair{Period::kDay, Limit::kMoneyDay},
                            std::pair{Period::kMonth, Limit::kMoneyMonth}};

std::int64_t money_limit(const ClientLimits& limits, Period period) {
  switch (period) {
    case Period::kHour:
      return limits.nanousd_per_hour;
    case Period::kDay:
      return limits.nanousd_per_day;
    case Period::kMonth:
      break;
  }
  return limits.nanousd_per_month;
}

}  // namespace

std::string_view limit_name(Limit limit) {
  switch (limit) {
    case Limit::kParallel:
      return "parallel";
    case Limit::kRequests:
      return "requests";
    case Limit::kTokens:
      return "tokens";
    case Limit::kMoneyHour:
      return "usd-hour";
    case Limit::kMoneyDay:
      return "usd-day";
    case Limit::kMoneyMonth:
      return "usd-month";
    case Limit::kNotReady:
      break;
  }
  return "not-ready";
}

Account::Account(ClientLimits limits, std::optional<Spending> used, std::string client_id,
                 const std::atomic<Nanos>* ahead)
    : client_id_(std::move(client_id)),
      ahead_(ahead),
      limits_(limits),
      ready_(used.has_value()),
      changed_(used.has_value()) {
  if (used) used_ = *used;
}

Nanos Account::shared_ns(Nanos wall_ns) const {
  return wall_ns + (ahead_ == nullptr ? 0 : ahead_->load(std::memory_order_relaxed));
}

void Account::advance(Nanos wall_ns) {
  const auto now_ns = shared_ns(wall_ns);
  if (const auto step = now_ns - wall_ns - applied_ahead_; step <= -kSecond || step >= kSecond) {
    // Another clock, not another time: the last minute is the same one.
    applied_ahead_ += step;
    used_.requests.shift(step / kSecond);
    used_.tokens.shift(step / kSecond);
    now_ns_ = 0;
  }
  now_ns_ = std::max(now_ns_, now_ns);
}

Refusal Account::refuse_for_money(Period period, std::int64_t left) {
  const auto index = static_cast<std::size_t>(period);
  const auto id = period_of(period, now_ns_);
  auto& refused = refused_[index];
  if (refused.id != id) refused = {id, 0};
  ++refused.count;
  const auto wait_ns = period_end(period, id) - now_ns_;
  return Refusal{kMoney[index].second, money_limit(limits_, period),
                 std::max<std::int64_t>(left, 0), (wait_ns + kSecond - 1) / kSecond};
}

std::optional<Refusal> Account::refuse_money(const Estimate& estimate, const KnownUse& elsewhere) {
  for (const auto& [period, limit] : kMoney) {
    const auto most = money_limit(limits_, period);
    if (most == 0) continue;
    const auto left = most - used_.money.in(period, now_ns_) - reserved_.nanousd -
                      elsewhere.nanousd[static_cast<std::size_t>(period)];
    if (left > 0 && estimate.nanousd <= left) continue;
    return refuse_for_money(period, left);
  }
  return std::nullopt;
}

std::optional<Refusal> Account::refuse(const Estimate& estimate, const KnownUse& elsewhere) {
  if (!ready_) return Refusal{Limit::kNotReady, 0, 0, 1};
  const auto now_s = now_ns_ / kSecond;
  if (limits_.parallel_requests != 0 && running_ + elsewhere.running >= limits_.parallel_requests) {
    return Refusal{Limit::kParallel, limits_.parallel_requests, 0, 1};
  }
  if (const auto most = limits_.requests_per_minute; most != 0) {
    const auto sum = used_.requests.sum(now_s) + elsewhere.requests;
    if (sum >= most) {
      const auto wait = used_.requests.seconds_until_free(sum - most + 1, now_s);
      return Refusal{Limit::kRequests, most, 0, wait};
    }
  }
  if (const auto most = limits_.tokens_per_minute; most != 0 && !estimate.free) {
    const auto left = most - used_.tokens.sum(now_s) - reserved_.tokens - elsewhere.tokens;
    if (left <= 0 || estimate.tokens > left) {
      const auto wait = used_.tokens.seconds_until_free(estimate.tokens - left, now_s);
      return Refusal{Limit::kTokens, most, std::max<std::int64_t>(left, 0), wait};
    }
  }
  if (estimate.free) return std::nullopt;
  return refuse_money(estimate, elsewhere);
}

void Account::hold(const Estimate& estimate, Ticket& ticket) {
  ++running_;
  used_.requests.add(1, now_ns_ / kSecond);
  reserved_.tokens += estimate.tokens;
  reserved_.nanousd += estimate.nanousd;
  ticket = {estimate, true};
}

std::optional<Refusal> Account::admit(const Estimate& estimate, Nanos wall_ns, Ticket& ticket) {
  const std::scoped_lock lock(mutex_);
  advance(wall_ns);
  if (auto refusal = refuse(estimate, {})) return refusal;
  hold(estimate, ticket);
  return std::nullopt;
}

void Account::settle(Ticket& ticket, std::optional<std::int64_t> tokens,
                     std::optional<std::int64_t> nanousd, Nanos wall_ns) {
  if (!std::exchange(ticket.held, false)) return;
  const std::scoped_lock lock(mutex_);
  advance(wall_ns);
  --running_;
  reserved_.tokens -= ticket.estimate.tokens;
  reserved_.nanousd -= ticket.estimate.nanousd;
  used_.tokens.add(tokens.value_or(ticket.estimate.tokens), now_ns_ / kSecond);
  used_.money.add(nanousd.value_or(ticket.estimate.nanousd), now_ns_);
  changed_ = true;
}

void Account::charge(std::int64_t tokens, std::int64_t nanousd, Nanos wall_ns) {
  const std::scoped_lock lock(mutex_);
  advance(wall_ns);
  used_.tokens.add(tokens, now_ns_ / kSecond);
  used_.money.add(nanousd, now_ns_);
  changed_ = true;
}

void Account::change(const ClientLimits& limits) {
  const std::scoped_lock lock(mutex_);
  limits_ = limits;
  changed_ = true;
}

void Account::restore(const Spending& used) {
  const std::scoped_lock lock(mutex_);
  if (std::exchange(ready_, true)) return;
  used_ = used;
  applied_ahead_ = 0;  // told by this machine's clock
  changed_ = true;
}

Account::State Account::state(Nanos wall_ns) const {
  const std::scoped_lock lock(mutex_);
  const auto now_ns = std::max(now_ns_, shared_ns(wall_ns));
  State out;
  out.limits = limits_;
  out.running = running_;
  out.requests = used_.requests.sum(now_ns / kSecond);
  out.tokens = used_.tokens.sum(now_ns / kSecond);
  out.reserved_nanousd = reserved_.nanousd;
  out.ready = ready_;
  for (std::size_t i = 0; i < kPeriods; ++i) {
    const auto period = static_cast<Period>(i);
    out.nanousd[i] = used_.money.in(period, now_ns);
    if (refused_[i].id == period_of(period, now_ns)) out.refused[i] = refused_[i].count;
  }
  return out;
}

bool Account::has_money_limit() const {
  const std::scoped_lock lock(mutex_);
  return limits_.money();
}

std::shared_ptr<Account> Limiter::configure(const std::string& client_id,
                                            const ClientLimits& limits) {
  const std::scoped_lock lock(mutex_);
  const auto found = accounts_.find(client_id);
  if (!limits.any()) {
    if (found != accounts_.end()) accounts_.erase(found);
    return nullptr;
  }
  if (found != accounts_.end()) {
    found->second->change(limits);
    return found->second;
  }
  std::optional<Spending> used;
  if (source_) used = source_(client_id);
  auto account = std::make_shared<Account>(limits, used, client_id, &ahead_);
  return accounts_.emplace(client_id, std::move(account)).first->second;
}

void Limiter::forget(std::string_view client_id) {
  const std::scoped_lock lock(mutex_);
  if (const auto found = accounts_.find(client_id); found != accounts_.end()) {
    accounts_.erase(found);
  }
}

std::shared_ptr<Account> Limiter::find(std::string_view client_id) const {
  const std::scoped_lock lock(mutex_);
  const auto found = accounts_.find(client_id);
  return found == accounts_.end() ? nullptr : found->second;
}

std::vector<std::shared_ptr<Account>> Limiter::accounts() const {
  const std::scoped_lock lock(mutex_);
  std::vector<std::shared_ptr<Account>> out;
  out.reserve(accounts_.size());
  for (const auto& [id, account] : accounts_) out.push_back(account);
  return out;
}

void Limiter::restore(Source source) {
  const std::scoped_lock lock(mutex_);
  source_ = std::move(source);
  for (const auto& [id, account] : accounts_) account->restore(source_(id));
}

void Limiter::publish(OutputSizes sizes) {
  auto next = std::make_shared<const OutputSizes>(std::move(sizes));
  const std::scoped_lock lock(mutex_);
  sizes_ = std::move(next);
}

std::optional<std::int64_t> Limiter::usual_output(std::string_view model) const {
  std::shared_ptr<const OutputSizes> sizes;
  {
    const std::scoped_lock lock(mutex_);
    sizes = sizes_;
  }
  const auto found = sizes->find(model);
  if (found == sizes->end()) return std::nullopt;
  return found->second;
}

}  // namespace sightglass::control
