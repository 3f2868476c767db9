#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace sightglass::net {

void TimerWheel::link(Timer& timer, std::uint32_t slot) {
  auto& list = lists_[slot];
  timer.slot_ = slot;
  timer.next_ = nullptr;
  timer.previous_ = list.last;
  (list.last != nullptr ? list.last->next_ : list.first) = &timer;
  list.last = &timer;
  if (slot != kDue) occupied_[slot / 64] |= std::uint64_t{1} << (slot % 64);
}

void TimerWheel::unlink(Timer& timer) {
  auto& list = lists_[timer.slot_];
  (timer.previous_ != nullptr ? timer.previous_->next_ : list.first) = timer.next_;
  (timer.next_ != nullptr ? timer.next_->previous_ : list.last) = timer.previous_;
  if (list.first == nullptr && timer.slot_ != kDue) {
    occupied_[timer.slot_ / 64] &= ~(std::uint64_t{1} << (timer.slot_ % 64));
  }
}

void TimerWheel::link_by_deadline(Timer& timer) {
  // A slot whose tick has passed would wait for a whole revolution.
  const auto tick = std::max(tick_of(timer.deadline_ns_), tick_ + 1);
  link(timer, static_cast<std::uint32_t>(tick % kSlots));
}

void TimerWheel::arm(Timer& timer, Nanos deadline_ns) {
  if (timer.armed_) {
    if (deadline_ns >= timer.deadline_ns_) {
      timer.deadline_ns_ = deadline_ns;
      return;
    }
    unlink(timer);
  }
  timer.armed_ = true;
  timer.deadline_ns_ = deadline_ns;
  link_by_deadline(timer);
}

void TimerWheel::disarm(Timer& timer) {
  if (!timer.armed_) return;
  timer.armed_ = false;
  unlink(timer);
}

void TimerWheel::collect(std::uint32_t slot) {
  while (auto* timer = lists_[slot].first) {
    unlink(*timer);
    link(*timer, kDue);
  }
}

void TimerWheel::advance(Nanos now_ns) {
  const auto now_tick = now_ns / kTickNs;
  if (now_tick <= tick_) return;
  const auto slots = std::min<std::int64_t>(now_tick - tick_, kSlots);
  for (std::int64_t i = 1; i <= slots; ++i) {
    collect(static_cast<std::uint32_t>((tick_ + i) % kSlots));
  }
  tick_ = now_tick;
  // One at a time: a callback may arm, disarm or destroy any timer, those due included.
  while (auto* timer = lists_[kDue].first) {
    unlink(*timer);
    if (tick_of(timer->deadline_ns_) > now_tick) {
      link_by_deadline(*timer);
      continue;
    }
    timer->armed_ = false;
    timer->fire_();
  }
}

std::optional<Nanos> TimerWheel::next_ns() const {
  const auto start = static_cast<std::uint32_t>((tick_ + 1) % kSlots);
  for (std::uint32_t i = 0; i <= occupied_.size(); ++i) {
    const auto word = (start / 64 + i) % occupied_.size();
    auto bits = occupied_[word];
    // The first word counts from `start`; met again at the end, up to it.
    const auto from_start = ~std::uint64_t{0} << (start % 64);
    if (i == 0) bits &= from_start;
    if (i == occupied_.size()) bits &= ~from_start;
    if (bits == 0) continue;
    const auto slot =
        static_cast<std::uint32_t>(word) * 64 + static_cast<std::uint32_t>(std::countr_zero(bits));
    const auto distance = (slot + kSlots - start) % kSlots;
    return (tick_ + 1 + distance) * kTickNs;
  }
  return std::nullopt;
}

}  // namespace sightglass::net
