// The part of an account that other gateways have a share in.
#include <algorithm>
#include <iterator>
#include <utility>

#include "control/limiter.h"

namespace sightglass::control {
namespace {

constexpr Nanos kRenew = 5 * kSecond;    // what runs is told anew, well within its lease
constexpr std::size_t kMostAsked = 128;  // at once: keeps one question short

}  // namespace

std::optional<Refusal> Account::join(Waiting waiting, Nanos wall_ns) {
  const std::scoped_lock lock(mutex_);
  advance(wall_ns);
  if (auto refusal = refuse(*waiting.estimate, {})) return refusal;
  queue_.push_back(std::move(waiting));
  return std::nullopt;
}

std::optional<UseQuestion> Account::next_question(std::uint64_t memory, Nanos wall_ns) {
  const std::scoped_lock lock(mutex_);
  if (asking_ || !ready_) return std::nullopt;
  advance(wall_ns);
  const bool renew = running_ > 0 && now_ns_ - told_ns_ > kRenew;
  if (queue_.empty() && !changed_ && !renew && memory == told_memory_) return std::nullopt;
  UseQuestion out;
  // Larger than any before, also those of an earlier process.
  seq_ = std::max(seq_ + 1, static_cast<std::uint64_t>(std::max<Nanos>(wall_ns, 0)) / 1'000);
  out.seq = seq_;
  out.limits = limits_;
  out.running = running_;
  out.open_tokens = reserved_.tokens;
  out.open_nanousd = reserved_.nanousd;
  used_.requests.append_text(out.requests, now_ns_ / kSecond);
  used_.tokens.append_text(out.tokens, now_ns_ / kSecond);
  out.requests_sum = used_.requests.sum(now_ns_ / kSecond);
  out.tokens_sum = used_.tokens.sum(now_ns_ / kSecond);
  for (std::size_t i = 0; i < kPeriods; ++i) {
    const auto period = static_cast<Period>(i);
    out.period[i] = period_of(period, now_ns_);
    out.nanousd[i] = used_.money.in(period, now_ns_);
  }
  const auto count = std::min(queue_.size(), kMostAsked);
  const auto end = queue_.begin() + static_cast<std::ptrdiff_t>(count);
  std::move(queue_.begin(), end, std::back_inserter(out.waiting));
  queue_.erase(queue_.begin(), end);
  if (memory != told_memory_) {
    out.restore = others_;
    constexpr auto kFirstMoney = static_cast<std::size_t>(UseTable::kMoneyHour);
    for (std::size_t i = 0; i < kPeriods; ++i) {
      if (others_periods_[i] != out.period[i]) out.restore[kFirstMoney + i].clear();
    }
  }
  told_memory_ = memory;
  told_ns_ = now_ns_;
  asking_ = true;
  changed_ = false;
  out.again = again_;
  return out;
}

std::optional<Refusal> Account::refusal_of(const UseAnswer::Decision& decision) {
  const auto remaining = std::max<std::int64_t>(decision.remaining, 0);
  const auto wait = std::clamp<std::int64_t>(decision.wait_s, 1, MinuteSum::kSeconds);
  switch (decision.limit) {
    case 0:
      return std::nullopt;
    case 1:
      return Refusal{Limit::kParallel, limits_.parallel_requests, remaining, 1};
    case 2:
      return Refusal{Limit::kRequests, limits_.requests_per_minute, remaining, wait};
    case 3:
      return Refusal{Limit::kTokens, limits_.tokens_per_minute, remaining, wait};
    default:
      return refuse_for_money(
          static_cast<Period>(std::clamp<std::int64_t>(decision.limit, 4, 6) - 4),
          decision.remaining);
  }
}

void Account::decide_here(std::vector<Waiting> waiting, std::vector<Decided>& out) {
  if (waiting.empty()) return;
  const auto elsewhere = known_use(others_, others_periods_, now_ns_);
  for (auto& one : waiting) {
    auto refusal = refuse(*one.estimate, elsewhere);
    if (!refusal) hold(*one.estimate, *one.ticket);
    out.push_back({std::move(one), refusal});
  }
  changed_ = true;
}

std::vector<Account::Decided> Account::answered(UseQuestion question, UseAnswer answer,
                                                Nanos wall_ns) {
  const std::scoped_lock lock(mutex_);
  advance(wall_ns);
  now_ns_ = std::max(now_ns_, answer.now_ns);
  asking_ = false;
  std::vector<Decided> out;
  if (answer.stale) {
    // An earlier process of this gateway was ahead of the clock, or an answer was given up that
    // came after all: go past it, once.
    seq_ = std::max(seq_, answer.seq);
    changed_ = true;
    told_memory_ = 0;
    again_ = !question.again;
    if (again_) {
      queue_.insert(queue_.begin(), std::make_move_iterator(question.waiting.begin()),
                    std::make_move_iterator(question.waiting.end()));
    } else {
      decide_here(std::move(question.waiting), out);
    }
    return out;
  }
  again_ = false;
  others_ = std::move(answer.others);
  for (std::size_t i = 0; i < kPeriods; ++i) {
    others_periods_[i] = period_of(static_cast<Period>(i), answer.now_ns);
  }
  for (std::size_t i = 0; i < question.waiting.size(); ++i) {
    auto& one = question.waiting[i];
    auto refusal = refusal_of(answer.decisions[i]);
    if (!refusal) hold(*one.estimate, *one.ticket);
    out.push_back({std::move(one), refusal});
  }
  return out;
}

std::vector<Account::Decided> Account::unanswered(UseQuestion question, Nanos wall_ns) {
  const std::scoped_lock lock(mutex_);
  advance(wall_ns);
  asking_ = false;
  changed_ = true;
  told_memory_ = 0;
  std::vector<Decided> out;
  auto waiting = std::move(question.waiting);
  std::move(queue_.begin(), queue_.end(), std::back_inserter(waiting));
  queue_.clear();
  decide_here(std::move(waiting), out);
  return out;
}

std::vector<Account::Decided> Account::decide_alone(Nanos wall_ns) {
  const std::scoped_lock lock(mutex_);
  std::vector<Decided> out;
  if (asking_) return out;
  advance(wall_ns);
  std::vector<Waiting> waiting;
  std::move(queue_.begin(), queue_.end(), std::back_inserter(waiting));
  queue_.clear();
  decide_here(std::move(waiting), out);
  return out;
}

KnownUse Account::known_elsewhere(Nanos wall_ns) const {
  const std::scoped_lock lock(mutex_);
  return known_use(others_, others_periods_, std::max(now_ns_, shared_ns(wall_ns)));
}

}  // namespace sightglass::control
