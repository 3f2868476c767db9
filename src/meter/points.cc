#include "meter/points.h"

#include <algorithm>

namespace sightglass::meter {
namespace {

constexpr Nanos kMinute = 60 * kSecond;

// The windows of the range that can have a point, ascending.
std::vector<std::int64_t> windows_of(const SeriesTable& table,
                                     const std::set<std::int64_t>& arrivals,
                                     const PointQuery& query) {
  const WindowTable& windows = *table.windows();
  const Nanos length = event::window_ns(table.definition().window);
  std::set<std::int64_t> all;
  for (const auto window : windows.windows()) all.insert(window);
  if (table.definition().default_value) {
    for (const auto minute : arrivals) all.insert(windows.window_of(minute * kMinute));
  }
  std::vector<std::int64_t> out;
  for (const auto window : all) {
    if (window < windows.oldest_kept()) continue;
    if (query.start_ns && window * length < *query.start_ns) continue;
    if (query.end_ns && window * length >= *query.end_ns) continue;
    out.push_back(window);
  }
  return out;
}

class Builder {
 public:
  Builder(const SeriesTable& table, Nanos step_ns)
      : table_(table),
        definition_(table.definition()),
        length_(event::window_ns(definition_.window)),
        step_(step_ns) {}

  // Adds one window of one series to the line's last point, or begins the next point.
  void add(SeriesTable::Index series, std::int64_t window, std::vector<Point>& points) {
    const auto* const cell = table_.windows()->find(series, window);
    if (cell == nullptr && !definition_.default_value) return;
    const Nanos start = window * length_ / step_ * step_;
    const bool fresh = points.empty() || points.back().start_ns != start;
    if (fresh) points.emplace_back().start_ns = start;
    Point& point = points.back();
    if (!table_.windows()->closed(window)) point.open = true;
    if (cell == nullptr) {
      // Beside a window with events the default says nothing.
      if (fresh) point.filled = true;
      if (point.filled) point.sum.set(event::Value::number(*definition_.default_value));
      return;
    }
    if (point.filled) point.sum = {};
    point.filled = false;
    merge(*cell, series, window, point);
  }

 private:
  void merge(const WindowTable::Cell& cell, SeriesTable::Index series, std::int64_t window,
             Point& point) const {
    switch (definition_.type) {
      case event::MeterType::kGauge: {
        const auto before = point.sum.count;
        point.sum = cell.sum;
        point.sum.count += before;
        break;
      }
      case event::MeterType::kDistinct:
        point.different = cell.different();
        point.exact = cell.exact();
        point.sum = cell.sum;
        break;
      case event::MeterType::kHistogram: {
        const auto* const buckets = table_.windows()->buckets(series, window);
        point.buckets.resize(definition_.buckets.size() + 1, 0);
        for (std::size_t i = 0; i < point.buckets.size(); ++i) point.buckets[i] += buckets[i];
        point.sum.merge(cell.sum);
        break;
      }
      case event::MeterType::kCounter:
        point.sum.merge(cell.sum);
        break;
    }
  }

  const SeriesTable& table_;
  const Definition& definition_;
  Nanos length_, step_;
};

Status check_step(const Definition& definition, Nanos step) {
  const Nanos length = event::window_ns(definition.window);
  if (length == 0) {
    return fail(Code::kInvalid, "the meter " + definition.name +
                                    " keeps no values over time; give it a window: minute, hour "
                                    "or day");
  }
  if (step % length != 0) {
    return fail(Code::kInvalid, "step must be a multiple of the meter's window of " +
                                    std::to_string(length / kSecond) + " seconds");
  }
  if (definition.type == event::MeterType::kDistinct && step != length) {
    return fail(Code::kInvalid,
                "distinct counts of several windows cannot be added up; step must be the window "
                "of " +
                    std::to_string(length / kSecond) + " seconds");
  }
  return {};
}

}  // namespace

Result<Points> points_of(const SeriesTable& table, const std::set<std::int64_t>& arrivals,
                         const PointQuery& query) {
  Points out;
  out.definition = table.definition();
  out.step_ns = query.step_ns != 0 ? query.step_ns : event::window_ns(out.definition.window);
  SG_TRY(check_step(out.definition, out.step_ns));
  const auto windows = windows_of(table, arrivals, query);
  std::vector<SeriesTable::Index> order;
  for (SeriesTable::Index i = 0; i < table.size(); ++i) {
    if (!table.reading(i).parked) order.push_back(i);
  }
  std::sort(order.begin(), order.end(),
            [&](auto a, auto b) { return table.series(a).key < table.series(b).key; });
  Builder builder(table, out.step_ns);
  std::size_t points = 0;
  for (const auto series : order) {
    Points::Line line;
    for (const auto window : windows) builder.add(series, window, line.points);
    if (line.points.empty()) continue;
    points += line.points.size();
    if (points > kMostPoints) {
      return fail(Code::kTooLarge,
                  "more than 50,000 points; choose a shorter range or a larger "
                  "step");
    }
    std::vector<std::string_view> values;
    split_key(table.series(series).key, values);
    line.labels.assign(values.begin(), values.end());
    out.lines.push_back(std::move(line));
  }
  return out;
}

}  // namespace sightglass::meter
