#include "report/evaluate.h"

#include <algorithm>
#include <array>

#include "report/figure.h"

namespace sightglass::report {
namespace {

using event::Form;
using event::KeyMetric;
using event::MeasureId;

constexpr Hour kMostHours = 7 * 24;  // a longer series goes by day
constexpr std::array<std::string_view, 7> kWeekdays = {
    "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"};

// One key metric over one range.
class Evaluation {
 public:
  Evaluation(const event::Reports& reports, const Figures& figures)
      : reports_(reports), figures_(figures) {}

  Answer answer(const KeyMetric& metric) const;

 private:
  void value(const KeyMetric& metric, Answer& out) const;
  void ratio(const KeyMetric& metric, Answer& out) const;
  void difference(const KeyMetric& metric, Answer& out) const;
  void series(const KeyMetric& metric, Answer& out) const;
  void hours(const KeyMetric& metric, Answer& out) const;
  void top(const KeyMetric& metric, Answer& out) const;
  void compare(const KeyMetric& metric, Answer& out) const;
  void reached(const KeyMetric& metric, Answer& out) const;
  void planned(const KeyMetric& metric, Answer& out) const;
  void retention(const KeyMetric& metric, Answer& out) const;
  void balance(const KeyMetric& metric, Answer& out) const;
  void beside(const KeyMetric& metric, Answer& out) const;

  void take(Figure figure, Answer& out) const;
  bool by_day(const KeyMetric& metric) const {
    return metric.by_day || figures_.window().to - figures_.window().from >= kMostHours;
  }
  template <typename Visit>
  void each_step(bool by_day, const Visit& visit) const;

  const event::Reports& reports_;
  const Figures& figures_;
};

double number(std::uint64_t n) { return static_cast<double>(n); }

void no_data(std::string reason, Answer& out) {
  out.value.reset();
  out.reason = "no data: " + std::move(reason);
}

void Evaluation::take(Figure figure, Answer& out) const {
  out.value = figure.value;
  if (!figure.value) no_data(std::move(figure.reason), out);
  std::move(figure.notes.begin(), figure.notes.end(), std::back_inserter(out.notes));
}

void Evaluation::value(const KeyMetric& metric, Answer& out) const {
  take(figures_.total(metric.of), out);
}

void Evaluation::ratio(const KeyMetric& metric, Answer& out) const {
  auto to = metric.to;
  const bool to_seen =
      std::any_of(to.begin(), to.end(), [&](auto id) { return figures_.ever_seen(id); });
  if (!to_seen && !metric.else_to.empty()) {
    out.notes.push_back(figures_.absence(to) + ": divided by what the definition names instead");
    to = metric.else_to;
  }
  const auto below = figures_.total(to);
  if (!below.ever_seen || below.value.value_or(0) == 0) {
    out.notes.clear();
    return no_data(figures_.absence(metric.else_to.empty() ? to : metric.to), out);
  }
  auto above = figures_.total(metric.of);
  // What is a part of the denominator is a true 0 once the denominator was seen.
  const bool part = std::all_of(metric.of.begin(), metric.of.end(), [&](MeasureId id) {
    return std::find(to.begin(), to.end(), id) != to.end();
  });
  if (!above.value && !part) return no_data(std::move(above.reason), out);
  out.value = above.value.value_or(0) / *below.value;
  out.notes.insert(out.notes.end(), above.notes.begin(), above.notes.end());
  out.notes.insert(out.notes.end(), below.notes.begin(), below.notes.end());
}

// Calls visit(first hour, last hour, label) for each hour or day of the range.
template <typename Visit>
void Evaluation::each_step(bool days, const Visit& visit) const {
  const auto window = figures_.window();
  for (auto hour = window.from; hour <= window.to;) {
    const auto last = days ? std::min(window.to, day_of(hour) * 24 + 23) : hour;
    auto label = time_text(Nanos{hour} * kHour);
    if (days) label.resize(10);
    visit(Window{hour, last}, label);
    hour = last + 1;
  }
}

std::string step_title(bool days) { return days ? "by UTC day" : "by hour, UTC"; }

void Evaluation::difference(const KeyMetric& metric, Answer& out) const {
  const auto above = figures_.total(metric.of);
  const auto below = figures_.total(metric.to);
  if (!above.ever_seen && !below.ever_seen) {
    auto all = metric.of;
    all.insert(all.end(), metric.to.begin(), metric.to.end());
    return no_data(figures_.absence(all), out);
  }
  const auto counted = [&](const std::vector<MeasureId>& ids, Window window) {
    double sum = 0;
    for (const auto id : ids) {
      const auto* const state = figures_.state(id);
      if (state == nullptr) continue;
      const auto cell = state->cells.total(window);
      sum += figures_.measure(id).statistic == event::Statistic::kSum ? cell.sum.value()
                                                                      : number(cell.events);
    }
    return sum;
  };
  out.value = above.value.value_or(0) - below.value.value_or(0);
  double running = 0;
  bool negative = false;
  const bool days = by_day(metric);
  out.rows_title = "running, " + step_title(days);
  each_step(days, [&](Window step, const std::string& label) {
    running += counted(metric.of, step) - counted(metric.to, step);
    negative |= running < 0;
    out.rows.push_back({label, running});
  });
  if (!above.value) out.notes.push_back(figures_.absence(metric.of));
  if (!below.value) out.notes.push_back(figures_.absence(metric.to));
  if (negative) {
    out.notes.emplace_back(
        "below 0: the range holds ends of what began before it, so this is the change since its "
        "beginning");
  }
}

void Evaluation::series(const KeyMetric& metric, Answer& out) const {
  const auto id = metric.of[0];
  take(figures_.figure(id), out);
  const auto* const state = figures_.state(id);
  if (!out.value || state == nullptr) return;
  const bool distinct = figures_.measure(id).statistic == event::Statistic::kDistinct;
  const bool sum = figures_.measure(id).statistic == event::Statistic::kSum;
  const bool days = by_day(metric);
  out.rows_title = step_title(days);
  each_step(days, [&](Window step, const std::string& label) {
    const auto cell = state->cells.total(step);
    const double value = distinct ? state->distinct.count(step).value
                         : sum    ? cell.sum.value()
                                  : number(cell.events);
    out.rows.push_back({label, value});
  });
}

void Evaluation::hours(const KeyMetric& metric, Answer& out) const {
  const auto id = metric.of[0];
  take(figures_.figure(id), out);
  const auto* const state = figures_.state(id);
  if (!out.value || state == nullptr) return;
  const bool sum = figures_.measure(id).statistic == event::Statistic::kSum;
  std::array<double, 24> by_hour{};
  std::array<double, 7> by_weekday{};
  for (const auto& [hour, cell] : state->cells.cells()) {
    if (!figures_.window().holds(hour)) continue;
    const double value = sum ? cell.sum.value() : number(cell.events);
    by_hour[hour_in_day(hour)] += value;
    by_weekday[static_cast<std::size_t>((day_of(hour) + 3) % 7)] += value;  // day 0: a Thursday
  }
  const auto row = [&](std::string label, double value) {
    const auto share = *out.value > 0 ? std::optional(value / *out.value) : std::nullopt;
    out.rows.push_back({std::move(label), value, share});
  };
  out.rows_title = "by hour of day and weekday, UTC";
  for (std::size_t h = 0; h < by_hour.size(); ++h) {
    row((h < 10 ? "0" : "") + std::to_string(h) + ":00", by_hour[h]);
  }
  for (std::size_t d = 0; d < by_weekday.size(); ++d) row(std::string(kWeekdays[d]), by_weekday[d]);
}

void Evaluation::top(const KeyMetric& metric, Answer& out) const {
  const auto id = metric.of[0];
  const auto* const state = figures_.state(id);
  if (state == nullptr || !figures_.ever_seen(id)) return no_data(figures_.absence({id}), out);
  const auto cell = state->cells.total(figures_.window());
  if (cell.with == 0) {
    return no_data(cell.events == 0 ? figures_.absence({id})
                                    : "no " + figures_.events(id) + " event carried the field",
                   out);
  }
  const auto counts = state->top.count(figures_.window());
  out.value = number(cell.with);
  out.rows_title = "most frequent";
  std::uint64_t shown = 0;
  for (std::size_t i = 0; i < counts.rows.size() && i < metric.limit; ++i) {
    const auto& row = counts.rows[i];
    shown += row.count;
    out.rows.push_back({row.key, number(row.count), number(row.count) / number(cell.with)});
  }
  if (cell.with > shown) {
    const auto rest = cell.with - shown;
    out.rows.push_back({"(all others)", number(rest), number(rest) / number(cell.with)});
  }
  if (cell.events > cell.with) {
    out.notes.push_back(count_text(cell.events - cell.with, "event") + " without the field");
  }
  if (counts.overflowed) {
    out.notes.emplace_back("a day had more than 512 different values: counts may be too low");
  }
}

void Evaluation::compare(const KeyMetric& metric, Answer& out) const {
  const auto all = figures_.total(metric.of);
  if (!all.ever_seen) return no_data(figures_.absence(metric.of), out);
  out.value = all.value;
  out.rows_title = "side by side";
  for (const auto id : metric.of) {
    const auto figure = figures_.figure(id);
    Row row{figures_.events(id), figure.value};
    if (!figure.value) row.reason = "no data: " + figure.reason;
    if (figure.value && all.value.value_or(0) > 0) row.share = *figure.value / *all.value;
    out.rows.push_back(std::move(row));
  }
  out.notes = all.notes;
}

void Evaluation::reached(const KeyMetric& metric, Answer& out) const {
  const auto id = metric.of[0];
  const auto* const state = figures_.state(id);
  const auto figure = figures_.figure(id);
  if (state == nullptr || !figure.ever_seen) return no_data(figures_.absence({id}), out);
  const auto& measure = figures_.measure(id);
  const auto cell = state->cells.total(figures_.window());
  const auto open = state->pairs.open(pair_rules(measure), figures_.window(), figures_.now_ns());
  const auto starts = cell.events + cell.lost_starts + open.starts;
  if (starts == 0) return no_data("no start seen in this range (" + figures_.events(id) + ")", out);
  out.value = number(cell.events) / number(starts);
  out.notes = figure.notes;
}

void Evaluation::planned(const KeyMetric& metric, Answer& out) const {
  const auto id = metric.of[0];
  const auto* const state = figures_.state(id);
  if (state == nullptr || !figures_.ever_seen(id)) return no_data(figures_.absence({id}), out);
  const auto cell = state->cells.total(figures_.window());
  if (cell.planned == 0) {
    return no_data("no session that was paired had a request that named its duration", out);
  }
  const auto n = number(cell.planned);
  out.value = (cell.planned_actual_s - cell.planned_s) / n;
  out.rows_title = "means";
  out.rows.push_back({"actual", cell.planned_actual_s / n, std::nullopt, "seconds"});
  out.rows.push_back({"requested", cell.planned_s / n, std::nullopt, "seconds"});
  out.rows.push_back({"actual - requested", out.value, std::nullopt, "seconds"});
  out.notes.push_back("over " + count_text(cell.planned, "pair"));
  if (cell.events > cell.planned) {
    out.notes.push_back(count_text(cell.events - cell.planned, "pair") + " without a plan");
  }
}

void Evaluation::retention(const KeyMetric& metric, Answer& out) const {
  const auto id = metric.of[0];
  const auto* const state = figures_.state(id);
  if (state == nullptr || !figures_.ever_seen(id)) return no_data(figures_.absence({id}), out);
  const auto window = figures_.window();
  const Window before{window.from - (window.to - window.from + 1), window.from - 1};
  const auto common = state->distinct.common(before, window);
  const auto range = time_text(Nanos{before.from} * kHour) + " to " +
                     time_text(Nanos{before.to + 1} * kHour) + " UTC";
  if (common.estimated) {
    return no_data("more than 10,000 users on a day: their sets are estimates and have no overlap",
                   out);
  }
  if (common.first == 0) return no_data("nobody seen in the window before, " + range, out);
  out.value = number(common.both) / number(common.first);
  out.rows_title = "windows";
  out.rows.push_back({"seen " + range, number(common.first), std::nullopt, "users"});
  out.rows.push_back({"of them seen again since", number(common.both), out.value, "users"});
  if (common.epochs > 1) {
    out.notes.emplace_back(
        "too low: pseudonyms were renewed between the windows, and nobody is recognised across it");
  }
}

void Evaluation::balance(const KeyMetric& metric, Answer& out) const {
  const auto plus = metric.of[0];
  const auto minus = metric.to[0];
  if (!figures_.ever_seen(plus) && !figures_.ever_seen(minus)) {
    return no_data(figures_.absence({plus, minus}), out);
  }
  std::map<std::string, std::int64_t> by_key;
  bool overflowed = false;
  const auto add = [&](MeasureId id, std::int64_t sign) {
    const auto* const state = figures_.state(id);
    if (state == nullptr) return;
    const auto counts = state->top.count(figures_.window());
    overflowed |= counts.overflowed;
    for (const auto& row : counts.rows) {
      by_key[row.key] += sign * static_cast<std::int64_t>(row.count);
    }
    const auto cell = state->cells.total(figures_.window());
    if (cell.events > cell.with) {
      out.notes.push_back(count_text(cell.events - cell.with, figures_.events(id) + " event") +
                          " without the field");
    }
  };
  add(plus, 1);
  add(minus, -1);
  if (by_key.empty()) return no_data(figures_.absence({plus, minus}), out);
  std::map<std::int64_t, std::uint64_t> distribution;
  std::int64_t sum = 0;
  for (const auto& [key, count] : by_key) {
    sum += count;
    ++distribution[count];
  }
  out.value = static_cast<double>(sum) / number(by_key.size());
  out.notes.push_back("mean over " + count_text(by_key.size(), "user"));
  out.rows_title = "distribution, then the most";
  for (const auto& [count, users] : distribution) {
    out.rows.push_back({"users with " + std::to_string(count), number(users),
                        number(users) / number(by_key.size()), "users"});
  }
  std::vector<std::pair<std::string, std::int64_t>> most(by_key.begin(), by_key.end());
  std::sort(most.begin(), most.end(), [](const auto& a, const auto& b) {
    return a.second != b.second ? a.second > b.second : a.first < b.first;
  });
  for (std::size_t i = 0; i < most.size() && i < metric.limit; ++i) {
    out.rows.push_back({most[i].first, static_cast<double>(most[i].second), std::nullopt, "keys"});
  }
  if (distribution.begin()->first < 0) {
    out.notes.emplace_back("below 0: the range holds ends of what began before it");
  }
  if (overflowed) {
    out.notes.emplace_back("a day had more than 512 different values: counts may be too low");
  }
}

void Evaluation::beside(const KeyMetric& metric, Answer& out) const {
  for (const auto& entry : metric.beside) {
    if (!entry.is_metric) {
      const auto figure = figures_.figure(entry.id);
      const auto reason = figure.value ? std::string() : "no data: " + figure.reason;
      out.rows.push_back({figures_.events(entry.id), figure.value, std::nullopt, "events", reason});
      continue;
    }
    const auto& other = reports_.metrics[entry.id];
    KeyMetric alone = other;
    alone.beside.clear();
    auto made = answer(alone);
    out.rows.push_back({other.title, made.value, std::nullopt, other.unit, made.reason});
    for (auto& row : made.rows) {
      row.label.insert(0, "  ");
      if (row.unit.empty()) row.unit = other.unit;
      out.rows.push_back(std::move(row));
    }
    if (!made.value) continue;
    for (const auto& note : made.notes) out.notes.push_back(other.title + ": " + note);
  }
  if (!metric.beside.empty() && out.rows_title.empty()) out.rows_title = "beside it";
}

Answer Evaluation::answer(const KeyMetric& metric) const {
  Answer out;
  out.name = metric.name;
  out.title = metric.title;
  out.group = metric.group;
  out.unit = metric.unit;
  out.definition = metric.definition;
  switch (metric.form) {
    case Form::kValue:
      value(metric, out);
      break;
    case Form::kRatio:
      ratio(metric, out);
      break;
    case Form::kDifference:
      difference(metric, out);
      break;
    case Form::kSeries:
      series(metric, out);
      break;
    case Form::kHours:
      hours(metric, out);
      break;
    case Form::kTop:
      top(metric, out);
      break;
    case Form::kCompare:
      compare(metric, out);
      break;
    case Form::kReached:
      reached(metric, out);
      break;
    case Form::kPlanned:
      planned(metric, out);
      break;
    case Form::kRetention:
      retention(metric, out);
      break;
    case Form::kBalance:
      balance(metric, out);
      break;
  }
  beside(metric, out);
  std::vector<std::string> once;
  for (auto& note : out.notes) {
    if (std::find(once.begin(), once.end(), note) == once.end()) once.push_back(std::move(note));
  }
  out.notes = std::move(once);
  return out;
}

}  // namespace

std::vector<std::string> packs_with_reports(const event::Catalogue& catalogue) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& pack) {
    if (std::find(out.begin(), out.end(), pack) == out.end()) out.push_back(pack);
  };
  for (const auto& metric : catalogue.reports().metrics) add(metric.pack);
  return out;
}

Result<Report> evaluate(const event::Catalogue& catalogue, const Question& question,
                        const FindState& find) {
  const auto& reports = catalogue.reports();
  const auto packs = packs_with_reports(catalogue);
  if (std::find(packs.begin(), packs.end(), question.pack) == packs.end()) {
    std::string known;
    for (const auto& pack : packs) known.append(known.empty() ? "" : ", ").append(pack);
    return fail(Code::kNotFound, "no pack of this name has a report; there are: " + known);
  }
  const Window window{hour_of(question.now_ns - question.since_ns), hour_of(question.now_ns)};
  const Figures figures(reports, find, window, question.now_ns);
  const Evaluation evaluation(reports, figures);
  Report out;
  out.pack = question.pack;
  out.from_ns = Nanos{window.from} * kHour;
  out.to_ns = question.now_ns;
  Board all{"key_metrics", "Key Metrics", {}};
  for (const auto& metric : reports.metrics) {
    if (metric.pack == question.pack && metric.listed) {
      all.answers.push_back(evaluation.answer(metric));
    }
  }
  if (!all.answers.empty()) out.boards.push_back(std::move(all));
  for (const auto& dashboard : reports.dashboards) {
    if (dashboard.pack != question.pack) continue;
    Board board{dashboard.name, dashboard.title, {}};
    for (const auto& panel : dashboard.panels) {
      auto answer = evaluation.answer(reports.metrics[panel.metric]);
      answer.title = panel.title;
      board.answers.push_back(std::move(answer));
    }
    out.boards.push_back(std::move(board));
  }
  return out;
}

}  // namespace sightglass::report
