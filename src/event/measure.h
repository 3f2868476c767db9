// What the packs say of reports, compiled: measures (what is collected from events), key metrics
// (what is printed of them) and dashboards (key metrics put together). docs/reports.md tells how a
// pack writes them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "event/catalogue.h"

namespace sightglass::event {

using MeasureId = std::uint16_t;
using MetricId = std::uint16_t;

// In place of a field: the event's type (what to group by); whatever came last (what to join by).
inline constexpr FieldId kEventTypeField = 0xfffe;
inline constexpr FieldId kAnyField = 0xfffd;

// A filter pattern of one or more measures; equal ones stand once. An event that it holds for
// carries a MeterHit of id meters().size() + the pattern's index.
struct MeasurePattern {
  std::string match;
  std::vector<std::string> event_types;  // that it names, wildcards as written, for reasons
  NamesId names = 0;                     // how it names fields
};

enum class Statistic : std::uint8_t {
  kCount,     // how many events
  kSum,       // of a field
  kAverage,   // of a field; events without it are counted beside
  kLast,      // the newest value of a field: a gauge
  kDistinct,  // different values of a field
  kTop,       // events by value of a field
  kPairs,     // the time between a start and its end
};

// What a pattern means to its measure.
enum class MeasureRole : std::uint8_t {
  kEvent,    // counted, summed, …
  kStart,    // opens a pair
  kEnd,      // closes it
  kPlanned,  // says beforehand how long the pair is meant to last
  kVia,      // joins a plan to a start: it shares one key with each
};

struct MeasureUse {
  std::uint16_t pattern = 0;
  MeasureRole role = MeasureRole::kEvent;
};

// One way to join: the start's field holds what the end's field holds. kNoField: no such side.
struct JoinKey {
  FieldId start = kNoField;
  FieldId end = kNoField;
};

struct Measure {
  std::string pack;
  std::string name;
  Statistic statistic = Statistic::kCount;
  std::vector<MeasureUse> uses;   // kLast: in order of preference
  std::vector<FieldId> fields;    // the first that an event carries counts
  FieldId weight = kNoField;      // kCount: a delta record stands for so many events
  bool zero_when_absent = false;  // never seen means none happened, not that nobody told
  // kPairs:
  std::vector<JoinKey> join;  // tried in order
  Nanos expires_after_ns = 0;
  bool stray_ends = false;            // most ends have no start: one that finds none is not kept
  std::vector<JoinKey> planned_join;  // start: of kStart and kVia, end: of kPlanned
  double planned_scale = 1;           // of the planned value, to seconds
  std::string rule_hash;              // 16 hex digits; with pack and name the identity
};

enum class Form : std::uint8_t {
  kValue,       // the measure's own; several: their sum
  kRatio,       // of ÷ to
  kDifference,  // of − to
  kSeries,      // by hour or by day
  kHours,       // by hour of day and by weekday, UTC
  kTop,         // most frequent values
  kCompare,     // several measures and their shares
  kReached,     // the share of starts that found an end
  kPlanned,     // lasted against planned
  kRetention,   // the share of the values of the window before that came again
  kBalance,     // per value: of − to
};

struct Beside {  // a further number that is printed under a key metric
  bool is_metric = false;
  std::uint16_t id = 0;  // MetricId or MeasureId
};

struct KeyMetric {
  std::string pack;
  std::string name;
  std::string title;
  std::string group;       // heading in the list of key metrics
  std::string unit;        // "sessions", "seconds", "ratio"
  std::string definition;  // one sentence
  bool listed = false;     // stands in the pack's list of key metrics
  Form form = Form::kValue;
  std::vector<MeasureId> of, to, else_to;  // else_to: where nothing of `to` was ever seen
  bool by_day = false;                     // kSeries, kDifference: else by hour
  std::uint32_t limit = 10;                // kTop, kBalance: rows
  std::vector<Beside> beside;
};

struct Panel {
  std::string title;
  MetricId metric = 0;
};

struct Dashboard {
  std::string pack;
  std::string name;
  std::string title;
  std::vector<Panel> panels;
};

struct Reports {
  std::vector<MeasurePattern> patterns;
  std::vector<Measure> measures;
  std::vector<KeyMetric> metrics;
  std::vector<Dashboard> dashboards;
};

}  // namespace sightglass::event
