#include "store/typed_plan.h"

#include <algorithm>
#include <utility>

#include "base/text.h"
#include "event/pattern_node.h"

namespace sightglass::store {
namespace {

constexpr Nanos kDay = 86'400 * kSecond, kWeek = 7 * kDay;
constexpr Nanos kFirstMonday = 4 * kDay;  // 1970-01-05
constexpr Nanos kLongestStep = 366 * kDay;
constexpr std::string_view kBucket = "bucket(";
constexpr std::string_view kEventType = "event_type", kLevel = "level", kTime = "time";

// The unit stands last in a field's name.
std::string unit_of(const event::Field& field) {
  constexpr std::pair<std::string_view, std::string_view> kEndings[] = {
      {"_us", "us"},           {"_ms", "ms"},   {"_ns", "ns"},         {"_seconds", "s"},
      {"_nanousd", "nanousd"}, {"_usd", "usd"}, {"_tokens", "tokens"}, {"_bytes", "bytes"},
  };
  for (const auto& [ending, unit] : kEndings) {
    if (field.name.ends_with(ending)) return std::string(unit);
  }
  return field.field_class == event::FieldClass::kSize ? "bytes" : "";
}

bool is_number(event::Kind kind) {
  return kind == event::Kind::kInt || kind == event::Kind::kDouble;
}

Nanos floor_to(Nanos time_ns, Nanos step_ns, Nanos origin_ns) {
  const auto rest = (time_ns - origin_ns) % step_ns;
  return time_ns - (rest < 0 ? rest + step_ns : rest);
}

}  // namespace

class TypedPlan::Maker {
 public:
  explicit Maker(TypedPlan& plan) : plan_(plan) {}

  Status make() {
    auto& query = plan_.query_;
    SG_TRY(set_time());
    if (query.measures.empty()) SG_TRY(parse_measures("count", query.measures));
    if (!trim(query.filter).empty()) {
      SG_ASSIGN(plan_.filter_, pattern(query.filter, "filter"));
    }
    for (const auto& [name, text] : query.only) {
      SG_ASSIGN(const auto place, field(name, "only"));
      if (plan_.fields_[place].kind != event::Kind::kText) {
        return fail(Code::kInvalid, "only: " + plan_.fields_[place].column + " is no text");
      }
      plan_.only_.push_back(place);
    }
    SG_TRY(set_groups());
    SG_TRY(set_measures());
    return set_order();
  }

 private:
  Status set_time() {
    auto& query = plan_.query_;
    if (query.range.start_ns >= query.range.end_ns) {
      return fail(Code::kInvalid, "the range is empty: its start must be before its end");
    }
    // So that the period before can be reckoned in 64 bits, too.
    constexpr Nanos kFar = 4'500'000'000 * kSecond;
    if (query.range.start_ns < -kFar || query.range.end_ns > kFar ||
        query.range.end_ns - query.range.start_ns > kFar) {
      return fail(Code::kInvalid, "the range lies outside the years that history can hold");
    }
    plan_.first_step_ns_ = query.range.start_ns;
    const auto step_ns = query.step_ns;
    if (step_ns == 0) return {};
    if (step_ns < kSecond || step_ns % kSecond != 0 || step_ns > kLongestStep) {
      return fail(Code::kInvalid,
                  "a step is a whole number of seconds, at least 1s and at most 366d");
    }
    plan_.first_step_ns_ =
        floor_to(query.range.start_ns, step_ns, step_ns % kWeek == 0 ? kFirstMonday : 0);
    plan_.steps_ = (query.range.end_ns - 1 - plan_.first_step_ns_) / step_ns + 1;
    if (plan_.steps_ > TypedQuery::kMostSteps) {
      return fail(Code::kTooLarge, "more than 11,000 steps; take a longer step or a shorter range");
    }
    return {};
  }

  Status set_groups() {
    auto& query = plan_.query_;
    if (query.group_by.size() > TypedQuery::kMostGroupBy) {
      return fail(Code::kTooLarge, "at most 4 fields to group by");
    }
    for (auto& name : query.group_by) {
      const bool bucketed = name.starts_with(kBucket) && name.ends_with(')');
      auto inner = name;
      if (bucketed) inner = trim(inner.substr(kBucket.size(), inner.size() - kBucket.size() - 1));
      if (inner.starts_with("$.")) inner.erase(0, 2);
      SG_ASSIGN(const auto place, field(inner, "group_by"));
      const auto& known = plan_.fields_[place];
      if (bucketed && !is_number(known.kind)) {
        return fail(Code::kInvalid,
                    "group_by: " + known.column + " is no number and has no buckets");
      }
      if (!bucketed && known.kind == event::Kind::kDouble) {
        return fail(Code::kInvalid, "group_by: " + known.column +
                                        " is a fraction; group by bucket(" + known.column +
                                        "), a text, a flag or a whole number");
      }
      const Group group{place, bucketed};
      if (std::find(plan_.groups_.begin(), plan_.groups_.end(), group) != plan_.groups_.end()) {
        return fail(Code::kInvalid, "group_by: " + known.column + " stands there twice");
      }
      plan_.groups_.push_back(group);
      name = bucketed ? std::string(kBucket) + known.column + ")" : known.column;
    }
    return {};
  }

  Status set_measures() {
    auto& measures = plan_.query_.measures;
    std::vector<Measure> kept;
    for (auto& measure : measures) {
      const auto same = [&](const Measure& other) { return other.name == measure.name; };
      if (std::any_of(kept.begin(), kept.end(), same)) continue;
      if (kept.size() == TypedQuery::kMostMeasures) {
        return fail(Code::kTooLarge, "at most 16 statistics are answered at once");
      }
      SG_TRY(set_measure(measure));
      kept.push_back(std::move(measure));
    }
    measures = std::move(kept);
    return {};
  }

  Status set_measure(const Measure& measure) {
    using Kind = Accumulator::Kind;
    Inputs inputs;
    std::string unit;
    switch (measure.statistic) {
      case Statistic::kCount:
      case Statistic::kRate:
        if (measure.statistic == Statistic::kCount && !measure.of.fields.empty()) {
          SG_ASSIGN(const auto place, field(measure.of.fields[0], "stat"));
          inputs.of.push_back(accumulator({Kind::kValues, place, Accumulator::kNone}));
          unit = rows_unit();
        } else {
          SG_TRY(operand(measure.of, inputs.of, unit));
        }
        if (measure.statistic == Statistic::kRate) unit += "/s";
        break;
      case Statistic::kSum:
        SG_TRY(operand(measure.of, inputs.of, unit));
        break;
      case Statistic::kRatio: {
        std::string below;
        SG_TRY(operand(measure.of, inputs.of, unit));
        SG_TRY(operand(measure.whole, inputs.whole, below));
        unit = unit == below ? "ratio" : unit + "/" + below;
        break;
      }
      case Statistic::kShare:
        inputs.of.push_back(accumulator({}));
        unit = "ratio";
        break;
      case Statistic::kDistinct: {
        SG_ASSIGN(const auto place, field(measure.of.fields.at(0), "stat"));
        inputs.of.push_back(accumulator({Kind::kDistinct, place, Accumulator::kNone}));
        unit = "values";
        break;
      }
      case Statistic::kAverage:
      case Statistic::kMin:
      case Statistic::kMax:
      case Statistic::kQuantile: {
        SG_ASSIGN(const auto place, number(measure.of.fields.at(0)));
        unit = plan_.fields_[place].unit;
        const auto kind = measure.statistic == Statistic::kAverage ? Kind::kSum
                          : measure.statistic == Statistic::kMin   ? Kind::kMin
                          : measure.statistic == Statistic::kMax   ? Kind::kMax
                                                                   : Kind::kSketch;
        inputs.of.push_back(accumulator({kind, place, Accumulator::kNone}));
        break;
      }
    }
    plan_.inputs_.push_back(std::move(inputs));
    plan_.units_.push_back(std::move(unit));
    return {};
  }

  std::string rows_unit() const {
    return plan_.query_.rows == TypedQuery::Rows::kRequests ? "requests" : "events";
  }

  Status operand(const Operand& operand, std::vector<std::size_t>& out, std::string& unit) {
    Accumulator wanted;
    if (!operand.pattern.empty()) {
      SG_ASSIGN(wanted.pattern, pattern(operand.pattern, "stat"));
    }
    if (operand.fields.empty()) {
      out.push_back(accumulator(wanted));
      unit = rows_unit();
      return {};
    }
    for (const auto& name : operand.fields) {
      SG_ASSIGN(const auto place, number(name));
      const auto& more = plan_.fields_[place].unit;
      if (!out.empty() && more != unit) {
        return fail(Code::kInvalid, "stat: " + operand.fields[0] + " and " + name +
                                        " have different units and do not add up");
      }
      unit = more;
      out.push_back(accumulator({Accumulator::Kind::kSum, place, Accumulator::kNone}));
    }
    return {};
  }

  std::size_t accumulator(const Accumulator& wanted) {
    auto& all = plan_.accumulators_;
    const auto known = std::find(all.begin(), all.end(), wanted);
    if (known == all.end()) all.push_back(wanted);
    return static_cast<std::size_t>(std::find(all.begin(), all.end(), wanted) - all.begin());
  }

  Result<std::size_t> number(const std::string& name) {
    SG_ASSIGN(const auto place, field(name, "stat"));
    const auto& known = plan_.fields_[place];
    if (is_number(known.kind)) return place;
    return fail(Code::kInvalid, "stat: " + known.column + " is no number; count(" + known.column +
                                    ") and distinct(" + known.column + ") can be asked for");
  }

  // The place of a field by its name or alias.
  Result<std::size_t> field(const std::string& name, std::string_view where) {
    Field wanted;
    if (name == kEventType || name == kLevel) {
      wanted.column = name;
    } else {
      const auto id = plan_.catalogue_->field(name);
      if (id == event::kNoField) return unknown_field(name, where);
      const auto& known = plan_.catalogue_->fields()[id];
      if (!event::passes(known.field_class)) {
        return fail(Code::kInvalid, std::string(where) + ": the field " + known.name + " (class " +
                                        std::string(event::class_name(known.field_class)) +
                                        ") never passes the door, so that history does not hold "
                                        "it");
      }
      wanted = {known.name, known.kind, unit_of(known)};
    }
    auto& all = plan_.fields_;
    const auto same = [&](const Field& other) { return other.column == wanted.column; };
    const auto at = std::find_if(all.begin(), all.end(), same);
    if (at != all.end()) return static_cast<std::size_t>(at - all.begin());
    all.push_back(std::move(wanted));
    return all.size() - 1;
  }

  std::unexpected<Error> unknown_field(const std::string& name, std::string_view where) const {
    std::vector<std::string_view> names{kEventType, kLevel};
    for (const auto& known : plan_.catalogue_->fields()) {
      if (!event::passes(known.field_class)) continue;
      names.push_back(known.name);
      names.insert(names.end(), known.aliases.begin(), known.aliases.end());
    }
    const auto close = nearest(name, names.data(), names.size());
    return fail(Code::kInvalid, std::string(where) + ": no pack knows the field '" +
                                    name.substr(0, 64) + "'" +
                                    (close ? "; did you mean '" + *close + "'?"
                                           : "; `sightglass pack list` tells what there is"));
  }

  Result<std::size_t> pattern(const std::string& text, std::string_view where) {
    auto parsed = event::Pattern::parse(text);
    if (!parsed) return fail(where, parsed.error());
    if (const auto behind = parsed->check_behind_door(*plan_.catalogue_); !behind) {
      return fail(where, behind.error());
    }
    for (const auto& selector : parsed->selectors()) {
      SG_TRY(field(std::string(selector.path()), where));
    }
    event::for_each_condition(parsed->root(), [&](const event::PatternCondition& condition) {
      const auto path = condition.selector.path();
      if (path == kEventType || path == kLevel) (void)field(std::string(path), where);
    });
    auto& all = plan_.patterns_;
    const auto canonical = parsed->canonical();
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (all[i]->canonical() == canonical) return i;
    }
    all.push_back(std::make_shared<const event::Pattern>(std::move(*parsed)));
    return all.size() - 1;
  }

  Status set_order() {
    auto& query = plan_.query_;
    std::vector<std::string_view> names;
    for (const auto& measure : query.measures) names.push_back(measure.name);
    names.insert(names.end(), query.group_by.begin(), query.group_by.end());
    if (query.step_ns != 0) names.push_back(kTime);
    for (auto& order : query.order) {
      const auto id = plan_.catalogue_->field(order.column);
      const bool known = std::find(names.begin(), names.end(), order.column) != names.end();
      if (known) continue;
      if (id != event::kNoField) {
        const auto& name = plan_.catalogue_->fields()[id].name;
        if (std::find(names.begin(), names.end(), name) != names.end()) {
          order.column = name;
          continue;
        }
      }
      std::string sentence =
          "order: the answer has no column '" + order.column.substr(0, 64) + "'; it has:";
      for (const auto name : names) sentence.append(" ").append(name);
      return fail(Code::kInvalid, sentence);
    }
    if (query.order.empty()) {
      // A histogram is read in the order of its bounds.
      if (query.group_by.size() == 1 && plan_.groups_[0].bucketed) {
        query.order.push_back({query.group_by[0], false});
      } else if (!query.group_by.empty()) {
        query.order.push_back({query.measures[0].name, true});
      } else if (query.step_ns != 0) {
        query.order.push_back({std::string(kTime), false});
      }
    }
    if (query.limit > TypedQuery::kMostGroups) {
      return fail(Code::kInvalid, "limit must be 1 to 10000");
    }
    return {};
  }

  TypedPlan& plan_;
};

Result<TypedPlan> TypedPlan::make(TypedQuery query,
                                  std::shared_ptr<const event::Catalogue> catalogue) {
  TypedPlan out;
  out.query_ = std::move(query);
  out.catalogue_ = std::move(catalogue);
  SG_TRY(Maker(out).make());
  return out;
}

Nanos TypedPlan::step_begin(std::int64_t step) const {
  return first_step_ns_ + step * query_.step_ns;
}

double TypedPlan::step_seconds(std::int64_t step) const {
  auto begin = query_.range.start_ns, end = query_.range.end_ns;
  if (query_.step_ns != 0) {
    begin = std::max(begin, step_begin(step));
    end = std::min(end, step_begin(step + 1));
  }
  return static_cast<double>(end - begin) / 1e9;
}

Range TypedPlan::previous() const {
  const auto length_ns = query_.range.end_ns - query_.range.start_ns;
  return {query_.range.start_ns - length_ns, query_.range.start_ns};
}

}  // namespace sightglass::store
