#include "admin/meters.h"

#include <algorithm>
#include <cmath>

#include "admin/metrics.h"
#include "admin/times.h"
#include "base/json_writer.h"
#include "base/text.h"
#include "meter/exposition.h"

namespace sightglass::admin {
namespace {

constexpr Nanos kLastNanos = 9'000'000'000 * kSecond;  // an hour as good as never

std::string_view type_name(event::MeterType type) {
  constexpr std::string_view kNames[] = {"counter", "gauge", "histogram", "distinct"};
  return kNames[static_cast<std::size_t>(type)];
}

// JSON has no infinities; a sum of doubles can be one.
std::string sum_json(const meter::Sum& sum, int scale) {
  if (!std::isfinite(sum.as_double())) return "null";
  std::string out;
  meter::append_sum(out, sum, scale);
  return out;
}

void append_definition(JsonWriter& json, const meter::Definition& definition) {
  json.key("name").string(definition.name);
  json.key("dotted").string(definition.dotted);
  json.key("type").string(type_name(definition.type));
  json.key("help").string(definition.help);
  json.key("unit").string(definition.unit);
  json.key("labels").begin_array();
  for (const auto& label : definition.labels) json.string(label);
  json.end_array();
  const auto length = event::window_ns(definition.window);
  if (length != 0) {
    json.key("window_seconds").integer(length / kSecond);
    json.key("grace_seconds").integer(definition.grace_ns / kSecond);
    json.key("kept_windows").unsigned_integer(definition.keep_windows);
  }
}

void append_point(JsonWriter& json, const meter::Definition& definition,
                  const meter::Point& point) {
  json.begin_object().key("timestamp").integer(point.start_ns / kSecond);
  if (definition.type == event::MeterType::kDistinct) {
    json.key("value").unsigned_integer(point.different);
    if (!point.exact) json.key("exact").boolean(false);
  } else {
    // A default is a value as shown, a sum one before scaling.
    json.key("value").raw(sum_json(point.sum, point.filled ? 0 : definition.scale));
  }
  json.key("count").unsigned_integer(point.filled ? 0 : point.sum.count);
  if (!point.buckets.empty()) {
    json.key("buckets").begin_array();
    for (const auto n : point.buckets) json.unsigned_integer(n);
    json.end_array();
  }
  if (point.open) json.key("open").boolean(true);
  if (point.filled) json.key("default").boolean(true);
  json.end_object();
}

Result<meter::PointQuery> query_of(std::string_view text) {
  SG_TRY(refuse_unknown_parameters(text, {"start", "end", "step"}));
  meter::PointQuery query;
  const auto given = [&](const char* name) {
    const auto value = net::query_parameter(text, name);
    return value && !value->empty();
  };
  if (given("start") || given("end")) {
    SG_ASSIGN(const auto range, parse_range(text, kLastNanos, kLastNanos));
    if (given("start")) query.start_ns = range.start_ns;
    if (given("end")) query.end_ns = range.end_ns;
  }
  if (const auto step = net::query_parameter(text, "step")) {
    const auto seconds = parse_int(*step);
    if (!seconds || *seconds < 1 || *seconds > 86'400 * 366) {
      return fail(Code::kInvalid, "step must be whole seconds such as 60");
    }
    query.step_ns = *seconds * kSecond;
  }
  return query;
}

Result<std::string> answer_points(const meter::MeterFold& meter,
                                  const http::SimpleRequest& request) {
  SG_ASSIGN(const auto query, query_of(request.head.query));
  SG_ASSIGN(const auto points, meter.points(request.path_parameters.at(0), query));
  return points_json(points);
}

}  // namespace

std::string meters_json(const std::vector<meter::MeterState>& meters) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("meters").begin_array();
  for (const auto& meter : meters) {
    json.begin_object();
    append_definition(json, meter.definition);
    json.key("series").unsigned_integer(meter.series);
    json.key("max_series").unsigned_integer(meter.definition.max_series);
    json.key("overflowed_events").unsigned_integer(meter.overflowed);
    json.key("late_events").unsigned_integer(meter.late);
    json.key("refused_values").unsigned_integer(meter.refused);
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

std::string patterns_json(const std::vector<meter::MeterState>& meters) {
  std::vector<const meter::MeterState*> rows;
  for (const auto& meter : meters) rows.push_back(&meter);
  std::sort(rows.begin(), rows.end(), [](const auto* a, const auto* b) {
    // Never first, then those that stopped longest ago.
    if (a->last_hit_ns != b->last_hit_ns) return a->last_hit_ns < b->last_hit_ns;
    return a->definition.name < b->definition.name;
  });
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("patterns").begin_array();
  for (const auto* row : rows) {
    json.begin_object().key("meter").string(row->definition.name);
    json.key("pattern").string(row->match).key("hits").unsigned_integer(row->hits);
    json.key("last_hit");
    if (row->last_hit_ns == 0) {
      json.null();
    } else {
      std::string time;
      append_iso8601(time, row->last_hit_ns);
      json.string(time);
    }
    json.end_object();
  }
  json.end_array().end_object();
  return out;
}

std::string points_json(const meter::Points& points) {
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  append_definition(json, points.definition);
  json.key("step_seconds").integer(points.step_ns / kSecond);
  if (!points.definition.buckets.empty()) {
    json.key("bucket_bounds").begin_array();
    for (const double bound : points.definition.buckets) json.number(bound);
    json.end_array();
  }
  json.key("series").begin_array();
  for (const auto& line : points.lines) {
    json.begin_object().key("labels").begin_object();
    for (std::size_t i = 0; i < line.labels.size(); ++i) {
      json.key(points.definition.labels[i]).string(line.labels[i]);
    }
    json.end_object().key("points").begin_array();
    for (const auto& point : line.points) append_point(json, points.definition, point);
    json.end_array().end_object();
  }
  json.end_array().end_object();
  return out;
}

std::vector<http::Route> meter_routes(const meter::MeterFold& meter, http::WorkPool& pool) {
  std::vector<http::Route> routes;
  http::Route list;
  list.method = "GET";
  list.pattern = "/admin/v1/meters";
  list.realm = http::Realm::kAdmin;
  list.summary = "What every meter counts, its series and its budget";
  list.make = http::blocking(pool, [&meter](const http::SimpleRequest&) {
    http::Response response;
    response.body = meters_json(meter.meters());
    return response;
  });
  add_under_both_prefixes(routes, std::move(list));
  http::Route patterns;
  patterns.method = "GET";
  patterns.pattern = "/admin/v1/patterns";
  patterns.realm = http::Realm::kAdmin;
  patterns.summary = "Each meter's pattern, its hits and last hit; never matched first";
  patterns.make = http::blocking(pool, [&meter](const http::SimpleRequest&) {
    http::Response response;
    response.body = patterns_json(meter.meters());
    return response;
  });
  add_under_both_prefixes(routes, std::move(patterns));
  http::Route points;
  points.method = "GET";
  points.pattern = "/admin/v1/meters/{name}";
  points.realm = http::Realm::kAdmin;
  points.summary = "A meter's values by minute, hour or day of event time";
  points.parameters = {
      {"start", "Unix seconds; default: the oldest kept", "number"},
      {"end", "Unix seconds; default: the newest", "number"},
      {"step", "seconds, a multiple of the meter's window; default: the window", "integer"}};
  points.make = http::blocking(pool, [&meter](const http::SimpleRequest& request) {
    const auto answered = answer_points(meter, request);
    if (!answered) return error_of(answered.error(), request.request_id);
    http::Response response;
    response.body = *answered;
    return response;
  });
  add_under_both_prefixes(routes, std::move(points));
  return routes;
}

}  // namespace sightglass::admin
