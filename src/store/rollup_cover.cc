#include "store/rollup_cover.h"

#include <algorithm>
#include <array>
#include <limits>

namespace sightglass::store {
namespace {

constexpr auto kNever = std::numeric_limits<Nanos>::max();

Nanos end_of(Nanos time_ns, Nanos length_ns) {
  const auto begin = begin_of(time_ns, length_ns);
  return begin == time_ns ? time_ns : begin + length_ns;
}

class Coverer {
 public:
  Coverer(const TypedPlan& plan, Nanos origin_ns, const Version& version)
      : step_ns_(plan.query().step_ns), origin_ns_(origin_ns) {
    // Retention counts in requests alone.
    const bool requests = plan.query().rows == TypedQuery::Rows::kRequests;
    expired_ns_ = requests ? version.expired_newest_ns : 0;
    from_.fill(kNever);
    for (const auto& file : version.rollups) {
      auto& from = from_[static_cast<std::size_t>(file->step)];
      from = std::min(from, file->partition_ns);
    }
  }

  RollupCover cover(Range range, Reach reach) {
    if (reach == Reach::kNothing) {
      out_.rows.push_back(range);
      if (range.start_ns <= expired_ns_) {
        add_missing({range.start_ns, std::min(expired_ns_ + 1, range.end_ns)});
      }
      return std::move(out_);
    }
    auto until = range.end_ns;
    if (reach == Reach::kExpired) {
      until = expired_ns_ == 0 ? range.start_ns : expired_ns_ + 1;
      if (const auto* const step = finest(until)) until = end_of(until, step_ns(*step));
      until = std::clamp(until, range.start_ns, range.end_ns);
    }
    split({range.start_ns, until}, kRollupSteps.size());
    add_rows({until, range.end_ns});
    return std::move(out_);
  }

 private:
  Nanos from(RollupStep step) const { return from_[static_cast<std::size_t>(step)]; }

  // Whether each step of the roll-up lies within one step of the query.
  bool fits(RollupStep step) const {
    if (from(step) == kNever) return false;
    if (step_ns_ == 0) return true;
    return step_ns_ % step_ns(step) == 0 && origin_ns_ % step_ns(step) == 0;
  }
  // The shortest steps that are kept of this time.
  const RollupStep* finest(Nanos time_ns) const {
    for (const auto& step : kRollupSteps) {
      if (fits(step) && from(step) <= time_ns) return &step;
    }
    return nullptr;
  }

  // The longest of the first `steps` steps in the middle, shorter ones on both sides. Files hold
  // whole hours of minutes and whole days of hours, so that no border of theirs cuts a longer step.
  void split(Range range, std::size_t steps) {
    if (range.start_ns >= range.end_ns) return;
    while (steps > 0) {
      const auto step = kRollupSteps[--steps];
      if (!fits(step)) continue;
      const auto length = step_ns(step);
      const auto begin = end_of(std::max(range.start_ns, from(step)), length);
      const auto end = begin_of(range.end_ns, length);
      if (begin >= end) continue;
      split({range.start_ns, begin}, steps);
      out_.rollups.push_back({step, {begin, end}});
      split({end, range.end_ns}, steps);
      return;
    }
    add_rows(range);
  }

  // What no roll-up answers as it is.
  void add_rows(Range range) {
    if (range.start_ns >= range.end_ns) return;
    if (range.start_ns > expired_ns_ || expired_ns_ == 0) return out_.rows.push_back(range);
    const auto turn = std::min(range.end_ns, expired_ns_ + 1);
    const auto* const step = finest(range.start_ns);
    if (step == nullptr) {
      out_.rows.push_back(range);
      add_missing({range.start_ns, turn});
      return;
    }
    const auto length = step_ns(*step);
    const auto begin = end_of(range.start_ns, length), end = end_of(turn, length);
    if (begin < end) out_.rollups.push_back({*step, {begin, end}});
    out_.rounded_to_ns = std::max(out_.rounded_to_ns, length);
    if (end < range.end_ns) out_.rows.push_back({end, range.end_ns});
  }

  void add_missing(Range range) {
    if (expired_ns_ == 0) return;
    auto& missing = out_.missing;
    if (missing.start_ns < missing.end_ns) {
      range = {std::min(range.start_ns, missing.start_ns), std::max(range.end_ns, missing.end_ns)};
    }
    missing = range;
    out_.missing_step = RollupStep::kDay;
    for (const auto step : kRollupSteps) {
      if (from(step) > range.start_ns) continue;
      out_.missing_step = step;
      return;
    }
  }

  const Nanos step_ns_, origin_ns_;
  Nanos expired_ns_ = 0;
  std::array<Nanos, kRollupSteps.size()> from_{};  // kNever: none is kept
  RollupCover out_;
};

}  // namespace

RollupCover cover_of(const TypedPlan& plan, PartialAnswer::Period period, const Version& version,
                     Reach reach) {
  const auto& asked = plan.query().range;
  const bool before = period == PartialAnswer::Period::kPrevious;
  const auto origin = plan.step_begin(0) - (before ? asked.end_ns - asked.start_ns : 0);
  return Coverer(plan, origin, version).cover(before ? plan.previous() : asked, reach);
}

}  // namespace sightglass::store
