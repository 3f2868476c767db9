#include "report/figure.h"

#include <algorithm>

#include "base/json_writer.h"

namespace sightglass::report {
namespace {

using event::MeasureId;
using event::Statistic;

constexpr std::size_t kNamesShown = 6;

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  const auto shown = std::min(names.size(), kNamesShown);
  for (std::size_t i = 0; i < shown; ++i) {
    if (i > 0) out += i + 1 == names.size() ? " or " : ", ";
    out += names[i];
  }
  if (names.size() > shown) out += " or " + std::to_string(names.size() - shown) + " others";
  return out;
}

void add_names(const event::Reports& reports, const event::Measure& measure,
               std::vector<std::string>& names) {
  const auto add = [&](const std::string& name) {
    if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(name);
  };
  for (const auto& use : measure.uses) {
    if (use.role == event::MeasureRole::kPlanned || use.role == event::MeasureRole::kVia) continue;
    const auto& pattern = reports.patterns[use.pattern];
    for (const auto& name : pattern.event_types) add(name);
    if (pattern.event_types.empty()) add(pattern.match);
  }
}

}  // namespace

std::string time_text(Nanos time_ns) {
  std::string out;
  append_iso8601(out, time_ns, 0);
  out.resize(16);  // to the minute
  out[10] = ' ';
  return out;
}

std::string count_text(std::uint64_t n, std::string_view of) {
  std::string out = std::to_string(n) + ' ' + std::string(of);
  if (n != 1) out += 's';
  return out;
}

bool Figures::ever_seen(MeasureId id) const {
  const auto* const found = state(id);
  if (found == nullptr) return false;
  return std::any_of(found->uses.begin(), found->uses.end(),
                     [](const UseState& use) { return use.seen > 0; });
}

std::string Figures::events(MeasureId id) const { return events(std::vector<MeasureId>{id}); }

std::string Figures::events(const std::vector<MeasureId>& ids) const {
  std::vector<std::string> names;
  for (const auto id : ids) add_names(reports_, measure(id), names);
  return joined(names);
}

std::string Figures::absence(const std::vector<MeasureId>& ids) const {
  const bool seen = std::any_of(ids.begin(), ids.end(), [&](auto id) { return ever_seen(id); });
  const auto names = events(ids);
  auto out = names.starts_with('{') ? "no event matching " + names + " seen"
                                    : "no " + names + " event seen";
  if (seen) out += " since " + time_text(Nanos{window_.from} * kHour);
  return out;
}

Figure Figures::figure(MeasureId id) const {
  const auto* const found = state(id);
  Figure out;
  if (!ever_seen(id)) {
    out.reason = absence({id});
    if (measure(id).zero_when_absent) {
      out.value = 0;
      out.notes.push_back(out.reason);
    }
  } else {
    switch (measure(id).statistic) {
      case Statistic::kCount:
      case Statistic::kSum:
      case Statistic::kAverage:
      case Statistic::kTop:
        out = counted(id, *found);
        break;
      case Statistic::kLast:
        out = last(id, *found);
        break;
      case Statistic::kDistinct:
        out = distinct(id, *found);
        break;
      case Statistic::kPairs:
        out = pairs(id, *found);
        break;
    }
    out.ever_seen = true;
  }
  if (found != nullptr && found->outside > 0) {
    out.notes.push_back(count_text(found->outside, "event") +
                        " older than 90 days or ahead of the clock left out");
  }
  return out;
}

Figure Figures::counted(MeasureId id, const MeasureState& found) const {
  const auto cell = found.cells.total(window_);
  Figure out;
  if (measure(id).statistic == Statistic::kCount || measure(id).statistic == Statistic::kTop) {
    out.value = static_cast<double>(cell.events);
    return out;
  }
  if (cell.events == 0) {
    out.reason = absence({id});
    return out;
  }
  if (cell.events > cell.with) {
    out.notes.push_back(count_text(cell.events - cell.with, "event") + " without the field");
  }
  if (cell.with == 0) {
    out.reason = "no " + events(id) + " event carried the field";
    return out;
  }
  out.value = cell.sum.value();
  if (measure(id).statistic == Statistic::kAverage) {
    *out.value /= static_cast<double>(cell.with);
    out.notes.push_back("over " + count_text(cell.with, "event"));
  }
  return out;
}

// A gauge holds until it is told anew, so its newest value counts even from before the range.
Figure Figures::last(MeasureId id, const MeasureState& found) const {
  Figure out;
  for (std::size_t i = 0; i < found.uses.size(); ++i) {
    const auto& use = found.uses[i];
    if (!use.has_value) continue;
    out.value = use.value;
    const auto& pattern = reports_.patterns[measure(id).uses[i].pattern];
    out.notes.push_back(
        "from " + (pattern.event_types.empty() ? pattern.match : joined(pattern.event_types)) +
        " at " + time_text(use.value_ns));
    return out;
  }
  out.reason = "no " + events(id) + " event carried the field";
  return out;
}

Figure Figures::distinct(MeasureId id, const MeasureState& found) const {
  Figure out;
  const auto cell = found.cells.total(window_);
  if (cell.events == 0) {
    out.value = 0;
    return out;
  }
  if (cell.with == 0) {
    out.reason = "no " + events(id) + " event carried the field";
    return out;
  }
  const auto count = found.distinct.count(window_);
  out.value = count.value;
  if (cell.events > cell.with) {
    out.notes.push_back(count_text(cell.events - cell.with, "event") + " without the field");
  }
  if (count.estimated) {
    out.notes.emplace_back("estimated within about 2 %, by whole days: more than 10,000 a day");
  }
  if (count.epochs.size() > 1) {
    out.upper_bound = true;
    out.notes.push_back("upper bound: the range spans " + std::to_string(count.epochs.size()) +
                        " pseudonym epochs, and one person has a pseudonym in each");
  }
  return out;
}

Figure Figures::pairs(MeasureId id, const MeasureState& found) const {
  Figure out;
  const auto cell = found.cells.total(window_);
  const auto open = found.pairs.open(pair_rules(measure(id)), window_, now_ns_);
  if (cell.events > 0) {
    out.value = cell.sum.value() / static_cast<double>(cell.events) / static_cast<double>(kSecond);
  } else {
    out.reason = "no start has met its end (" + events(id) + ")";
  }
  out.notes.push_back(count_text(cell.events, "pair"));
  const auto starts = cell.lost_starts + open.starts;
  const auto ends = cell.lost_ends + open.ends;
  const auto expired = cell.lost_starts + cell.lost_ends + open.overdue;
  out.notes.push_back("unpaired: " + count_text(starts, "start") +
                      (measure(id).stray_ends ? std::string() : ", " + count_text(ends, "end")));
  if (expired > 0) out.notes.push_back(std::to_string(expired) + " of them expired");
  return out;
}

Figure Figures::total(const std::vector<MeasureId>& ids) const {
  if (ids.size() == 1) return figure(ids[0]);
  Figure out;
  std::vector<MeasureId> absent;
  for (const auto id : ids) {
    auto one = figure(id);
    out.ever_seen |= one.ever_seen;
    out.upper_bound |= one.upper_bound;
    if (one.value) {
      out.value = out.value.value_or(0) + *one.value;
      if (!one.ever_seen) continue;  // its absence is said below
    } else {
      absent.push_back(id);
    }
    std::move(one.notes.begin(), one.notes.end(), std::back_inserter(out.notes));
  }
  if (!out.value) {
    out.reason = absence(ids);
  } else if (!absent.empty()) {
    out.notes.push_back(absence(absent));
  }
  return out;
}

}  // namespace sightglass::report
