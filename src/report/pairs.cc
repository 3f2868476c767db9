#include "report/pairs.h"

namespace sightglass::report {
namespace {

// The sides share one index.
std::uint64_t sided(std::uint64_t key, Side side) {
  return key * 4 + static_cast<std::uint64_t>(side);
}

bool in_time(const Pairs::Rules& rules, Nanos start_ns, Nanos end_ns) {
  return end_ns >= start_ns && end_ns - start_ns <= rules.expires_after_ns;
}

}  // namespace

// The oldest of `side` that shares the first key for which there is one that fits; of plans the
// newest, since one that came to nothing stays.
template <typename Fits>
std::optional<Pairs::Waiting> Pairs::take(Side side, const Keys& keys, const Fits& fits) {
  for (const auto key : keys) {
    if (key == 0) continue;
    const auto wanted = sided(key, side);
    auto chosen = waiting_.end();
    for (auto at = by_key_.lower_bound({wanted, 0}); at != by_key_.end() && at->first == wanted;
         ++at) {
      const auto place = waiting_.find(at->second);
      if (!fits(place->second)) continue;
      chosen = place;
      if (side != Side::kPlan) break;
    }
    if (chosen == waiting_.end()) continue;
    const auto out = chosen->second;
    remove(chosen);
    return out;
  }
  return std::nullopt;
}

void Pairs::wait(Waiting waiting, HourCells& cells) {
  if (waiting_.size() >= kMaxWaiting) give_up(waiting_.begin(), cells);
  const auto order = next_++;
  for (const auto key : waiting.keys) {
    if (key != 0) by_key_.emplace(sided(key, waiting.side), order);
  }
  waiting_.emplace_hint(waiting_.end(), order, waiting);
}

void Pairs::remove(Place place) {
  for (const auto key : place->second.keys) {
    if (key != 0) by_key_.erase({sided(key, place->second.side), place->first});
  }
  waiting_.erase(place);
}

void Pairs::give_up(Place place, HourCells& cells) {
  auto& cell = cells.at(hour_of(place->second.time_ns));
  cell.lost_starts += place->second.side == Side::kStart ? 1 : 0;
  cell.lost_ends += place->second.side == Side::kEnd ? 1 : 0;
  remove(place);
}

void Pairs::complete(const Waiting& start, const Waiting& end, HourCells& cells) {
  auto& cell = cells.at(hour_of(end.time_ns));
  const auto lasted = end.time_ns - start.time_ns;
  ++cell.events;
  ++cell.with;
  cell.sum.add(static_cast<std::int64_t>(lasted));
  if (!start.has_plan) return;
  ++cell.planned;
  cell.planned_s += start.plan_s;
  cell.planned_actual_s += static_cast<double>(lasted) / static_cast<double>(kSecond);
}

void Pairs::start(const Rules& rules, Waiting start, const Keys& plan_keys, HourCells& cells) {
  const auto planned = take(Side::kPlan, plan_keys, [&](const Waiting& plan) {
    return in_time(rules, plan.time_ns, start.time_ns);
  });
  if (planned) {
    start.has_plan = true;
    start.plan_s = planned->plan_s;
  }
  const auto end = take(Side::kEnd, start.keys, [&](const Waiting& waiting) {
    return in_time(rules, start.time_ns, waiting.time_ns);
  });
  if (end) {
    complete(start, *end, cells);
  } else {
    wait(start, cells);
  }
}

void Pairs::end(const Rules& rules, Waiting end, HourCells& cells) {
  const auto start = take(Side::kStart, end.keys, [&](const Waiting& waiting) {
    return in_time(rules, waiting.time_ns, end.time_ns);
  });
  if (start) {
    complete(*start, end, cells);
  } else if (!rules.stray_ends) {
    wait(end, cells);
  }
}

void Pairs::plan(const Rules&, Waiting plan, HourCells& cells) { wait(plan, cells); }

void Pairs::pass_on(const Rules& rules, Nanos time_ns, Nanos accept_ns, const Keys& find,
                    const Keys& keep, HourCells& cells) {
  auto plan = take(Side::kPlan, find, [&](const Waiting& waiting) {
    return in_time(rules, waiting.time_ns, time_ns);
  });
  if (!plan) return;
  plan->keys = keep;
  plan->accept_ns = accept_ns;
  wait(*plan, cells);
}

void Pairs::expire(const Rules& rules, Nanos accept_ns, HourCells& cells) {
  while (!waiting_.empty() &&
         waiting_.begin()->second.accept_ns + rules.expires_after_ns < accept_ns) {
    give_up(waiting_.begin(), cells);
  }
}

Pairs::Open Pairs::open(const Rules& rules, Window window, Nanos now_ns) const {
  Open out;
  for (const auto& [order, waiting] : waiting_) {
    if (waiting.side == Side::kPlan || !window.holds(hour_of(waiting.time_ns))) continue;
    ++(waiting.side == Side::kStart ? out.starts : out.ends);
    out.overdue += waiting.time_ns + rules.expires_after_ns < now_ns ? 1 : 0;
  }
  return out;
}

void Pairs::save(ByteWriter& out) const {
  out.varint(next_);
  out.varint(waiting_.size());
  for (const auto& [order, waiting] : waiting_) {
    out.varint(order);
    out.u8(static_cast<std::uint8_t>(waiting.side));
    out.i64(waiting.time_ns);
    out.i64(waiting.accept_ns);
    for (const auto key : waiting.keys) out.u64(key);
    out.u8(waiting.has_plan ? 1 : 0);
    if (waiting.has_plan) out.f64(waiting.plan_s);
  }
}

void Pairs::load(ByteReader& in) {
  waiting_.clear();
  by_key_.clear();
  next_ = in.varint();
  const auto n = in.varint();
  if (n > kMaxWaiting) return in.invalidate();
  std::uint64_t before = 0;
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
    const auto order = in.varint();
    Waiting waiting;
    const auto side = in.u8();
    waiting.side = static_cast<Side>(side);
    waiting.time_ns = in.i64();
    waiting.accept_ns = in.i64();
    for (auto& key : waiting.keys) key = in.u64();
    const auto has_plan = in.u8();
    waiting.has_plan = has_plan == 1;
    if (waiting.has_plan) waiting.plan_s = in.f64();
    if (side > 2 || has_plan > 1 || order <= before || order >= next_) in.invalidate();
    if (!in.ok()) return;
    before = order;
    for (const auto key : waiting.keys) {
      if (key != 0) by_key_.emplace(sided(key, waiting.side), order);
    }
    waiting_.emplace_hint(waiting_.end(), order, waiting);
  }
}

}  // namespace sightglass::report
