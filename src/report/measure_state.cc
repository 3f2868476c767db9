#include "report/measure_state.h"

#include <charconv>
#include <cmath>

namespace sightglass::report {
namespace {

using event::MeasureRole;
using event::Statistic;
using event::Value;

// The first of the measure's fields that the event carries; an identifier that is "unknown" is
// nobody.
Value value_of(const event::Measure& measure, const event::Catalogue& catalogue,
               const event::Event& event) {
  for (const auto field : measure.fields) {
    if (field == event::kEventTypeField) {
      return Value::text(catalogue.event_types()[event.type].name);
    }
    const auto value = event.get(field);
    if (value.is_null()) continue;
    const bool identifier = catalogue.fields()[field].field_class == event::FieldClass::kIdentifier;
    if (identifier && value.as_text() == "unknown") continue;
    return value;
  }
  return {};
}

// What the epoch before called the person of value_of(), while the overlap of epochs holds.
std::string_view name_before(const event::Measure& measure, const event::Catalogue& catalogue,
                             const event::Event& event) {
  for (const auto field : measure.fields) {
    if (field >= catalogue.fields().size() || event.get(field).is_null()) continue;
    const auto companion = catalogue.fields()[field].companion;
    return companion == event::kNoField ? std::string_view() : event.get(companion).as_text();
  }
  return {};
}

// A value as the text that it is grouped by. `buffer` lends room for numbers.
std::string_view text_of(const Value& value, char (&buffer)[32]) {
  switch (value.kind()) {
    case event::Kind::kText:
      return value.as_text();
    case event::Kind::kBool:
      return value.as_bool() ? "true" : "false";
    case event::Kind::kInt:
      return {buffer,
              static_cast<std::size_t>(
                  std::to_chars(buffer, buffer + sizeof buffer, value.as_int()).ptr - buffer)};
    case event::Kind::kDouble:
      return {buffer,
              static_cast<std::size_t>(
                  std::to_chars(buffer, buffer + sizeof buffer, value.as_double()).ptr - buffer)};
    case event::Kind::kNull:
      break;
  }
  return {};
}

bool is_start_side(MeasureRole role) { return role == MeasureRole::kStart; }

// Each key is hashed with its place, so that ids of different kinds never meet.
Keys keys_of(const std::vector<event::JoinKey>& join, const event::Catalogue& catalogue,
             const event::Event& event, bool start_side) {
  Keys out{};
  for (std::size_t i = 0; i < join.size() && i < kMaxJoinKeys; ++i) {
    if (join[i].start == event::kAnyField) {
      out[i] = i + 1;
      continue;
    }
    const auto field = start_side ? join[i].start : join[i].end;
    // While the overlap of epochs holds, the name that the epoch before gave joins both.
    const auto companion = catalogue.fields()[field].companion;
    auto value = companion == event::kNoField ? Value() : event.get(companion);
    if (value.is_null()) value = event.get(field);
    char buffer[32];
    const auto text = text_of(value, buffer);
    if (text.empty() || text == "unknown") continue;
    // The lowest two bits name the side; 0 means that there is no key.
    const auto hash = hash_text(text, i + 1) >> 2;
    out[i] = hash == 0 ? 1 : hash;
  }
  return out;
}

bool any(const Keys& keys) {
  for (const auto key : keys) {
    if (key != 0) return true;
  }
  return false;
}

}  // namespace

Pairs::Rules pair_rules(const event::Measure& measure) {
  return {measure.expires_after_ns, measure.stray_ends};
}

void MeasureState::add(const event::Measure& measure, std::size_t use_index,
                       const event::Catalogue& catalogue, const event::Event& event,
                       Nanos accept_ns) {
  auto& use = uses[use_index];
  if (use.seen == 0 || event.time_ns > use.last_ns) use.last_ns = event.time_ns;
  if (statistic == Statistic::kPairs) {
    ++use.seen;
    add_pair(measure, measure.uses[use_index].role, catalogue, event, accept_ns);
    return;
  }
  auto& cell = cells.at(hour_of(event.time_ns));
  std::uint64_t events = 1;
  if (measure.weight != event::kNoField) {
    // A delta record stands for as many events as it says.
    const auto weight = event.get(measure.weight);
    if (weight.is_number()) {
      events = static_cast<std::uint64_t>(std::max<std::int64_t>(0, weight.as_int()));
    }
  }
  use.seen += events;
  cell.events += events;
  if (statistic != Statistic::kCount) add_value(measure, use, cell, catalogue, event);
}

void MeasureState::add_value(const event::Measure& measure, UseState& use, Cell& cell,
                             const event::Catalogue& catalogue, const event::Event& event) {
  const auto value = value_of(measure, catalogue, event);
  if (value.is_null()) return;
  const auto hour = hour_of(event.time_ns);
  if (statistic == Statistic::kDistinct || statistic == Statistic::kTop) {
    char buffer[32];
    const auto text = text_of(value, buffer);
    if (text.empty()) return;
    ++cell.with;
    if (statistic == Statistic::kDistinct) {
      distinct.add(hour, text, name_before(measure, catalogue, event));
    } else {
      top.add(hour, text);
    }
    return;
  }
  if (!value.is_number() || !std::isfinite(value.as_double())) return;
  ++cell.with;
  if (value.kind() == event::Kind::kInt) {
    cell.sum.add(value.as_int());
  } else {
    cell.sum.add(value.as_double());
  }
  if (!use.has_value || event.time_ns >= use.value_ns) {
    use.has_value = true;
    use.value = value.as_double();
    use.value_ns = event.time_ns;
  }
}

void MeasureState::add_pair(const event::Measure& measure, MeasureRole role,
                            const event::Catalogue& catalogue, const event::Event& event,
                            Nanos accept_ns) {
  const auto rules = pair_rules(measure);
  Pairs::Waiting waiting;
  waiting.time_ns = event.time_ns;
  waiting.accept_ns = accept_ns;
  switch (role) {
    case MeasureRole::kStart:
    case MeasureRole::kEnd:
      waiting.side = is_start_side(role) ? Side::kStart : Side::kEnd;
      waiting.keys = keys_of(measure.join, catalogue, event, is_start_side(role));
      if (is_start_side(role)) {
        pairs.start(rules, waiting, keys_of(measure.planned_join, catalogue, event, true), cells);
      } else {
        pairs.end(rules, waiting, cells);
      }
      return;
    case MeasureRole::kPlanned: {
      waiting.side = Side::kPlan;
      waiting.keys = keys_of(measure.planned_join, catalogue, event, false);
      for (const auto field : measure.fields) {
        const auto value = event.get(field);
        if (!value.is_number()) continue;
        waiting.has_plan = true;
        waiting.plan_s = value.as_double() * measure.planned_scale;
        break;
      }
      if (waiting.has_plan && any(waiting.keys)) pairs.plan(rules, waiting, cells);
      return;
    }
    case MeasureRole::kVia:
      pairs.pass_on(rules, event.time_ns, accept_ns,
                    keys_of(measure.planned_join, catalogue, event, false),
                    keys_of(measure.planned_join, catalogue, event, true), cells);
      return;
    case MeasureRole::kEvent:
      return;
  }
}

void MeasureState::expire(const event::Measure& measure, Nanos accept_ns) {
  if (statistic == Statistic::kPairs) pairs.expire(pair_rules(measure), accept_ns, cells);
}

void MeasureState::forget_before(Hour hour) {
  cells.forget_before(hour);
  distinct.forget_before(day_of(hour));
  top.forget_before(day_of(hour));
}

bool MeasureState::empty_of_days() const {
  return cells.empty() && distinct.empty() && top.empty() && pairs.empty();
}

bool MeasureState::empty() const {
  for (const auto& use : uses) {
    if (use.seen != 0) return false;
  }
  return outside == 0 && empty_of_days();
}

void MeasureState::save(ByteWriter& out) const {
  out.u8(static_cast<std::uint8_t>(statistic));
  out.varint(uses.size());
  for (const auto& use : uses) {
    out.varint(use.seen);
    out.i64(use.last_ns);
    out.u8(use.has_value ? 1 : 0);
    if (!use.has_value) continue;
    out.f64(use.value);
    out.i64(use.value_ns);
  }
  out.varint(outside);
  cells.save(out);
  if (statistic == Statistic::kDistinct) distinct.save(out);
  if (statistic == Statistic::kTop) top.save(out);
  if (statistic == Statistic::kPairs) pairs.save(out);
}

void MeasureState::load(ByteReader& in) {
  const auto kind = in.u8();
  if (kind > static_cast<std::uint8_t>(Statistic::kPairs)) return in.invalidate();
  statistic = static_cast<Statistic>(kind);
  const auto n = in.varint();
  if (n > in.remaining()) return in.invalidate();
  for (std::uint64_t i = 0; i < n && in.ok(); ++i) {
    UseState use;
    use.seen = in.varint();
    use.last_ns = in.i64();
    const auto has_value = in.u8();
    if (has_value > 1) return in.invalidate();
    use.has_value = has_value == 1;
    if (use.has_value) {
      use.value = in.f64();
      use.value_ns = in.i64();
    }
    uses.push_back(use);
  }
  outside = in.varint();
  cells.load(in);
  if (statistic == Statistic::kDistinct) distinct.load(in);
  if (statistic == Statistic::kTop) top.load(in);
  if (statistic == Statistic::kPairs) pairs.load(in);
}

}  // namespace sightglass::report
