#include "store/rollup_plan.h"

#include <algorithm>
#include <limits>

#include "event/pattern_node.h"

namespace sightglass::store {
namespace {

using Kind = Accumulator::Kind;

struct NamedText {
  std::string_view column;
  std::string RollupKey::* member;
};
// In RollupName's order; behind them stands is_streaming.
constexpr NamedText kTexts[] = {
    {"provider", &RollupKey::provider}, {"client", &RollupKey::client},
    {"model", &RollupKey::model},       {"key", &RollupKey::key},
    {"outcome", &RollupKey::outcome},   {"error_type", &RollupKey::error_type}};

struct Summed {
  std::string_view column;
  std::int64_t RollupCell::* sum;
  std::uint64_t RollupCell::* values;
};
constexpr std::string_view kLatency = "latency_us";
constexpr Summed kSums[] = {
    {"input_tokens", &RollupCell::input_tokens, &RollupCell::input_values},
    {"cache_read_tokens", &RollupCell::cache_read_tokens, &RollupCell::cache_read_values},
    {"cache_write_5m_tokens", &RollupCell::cache_write_5m_tokens,
     &RollupCell::cache_write_5m_values},
    {"cache_write_1h_tokens", &RollupCell::cache_write_1h_tokens,
     &RollupCell::cache_write_1h_values},
    {"output_tokens", &RollupCell::output_tokens, &RollupCell::output_values},
    {"total_tokens", &RollupCell::total_tokens, &RollupCell::total_values},
    {"cost_nanousd", &RollupCell::cost_nanousd, &RollupCell::cost_values},
    {kLatency, &RollupCell::latency_us, &RollupCell::timed}};

const std::string& text_of(RollupName name, const RollupKey& key) {
  return key.*kTexts[static_cast<std::size_t>(name)].member;
}

bool is_there(RollupName name, const RollupKey& key) {
  return name == RollupName::kStreaming ? key.streaming >= 0 : !text_of(name, key).empty();
}

event::Value value_of(RollupName name, const RollupKey& key) {
  if (!is_there(name, key)) return {};
  if (name == RollupName::kStreaming) return event::Value::boolean(key.streaming == 1);
  const auto& text = text_of(name, key);
  return event::Value::text(text == RollupKey::kEmptyName ? std::string_view() : text);
}

}  // namespace

std::optional<RollupPlan> RollupPlan::make(const TypedPlan& plan) {
  if (plan.query().rows != TypedQuery::Rows::kRequests) return std::nullopt;
  RollupPlan out(plan);
  for (const auto& group : plan.groups()) {
    const auto name = out.name_of(group.field);
    if (!name || group.bucketed) return std::nullopt;
    out.groups_.push_back(*name);
    out.use(*name);
  }
  for (const auto field : plan.only()) {
    const auto name = out.name_of(field);
    if (!name) return std::nullopt;
    out.only_.push_back(*name);
    out.use(*name);
  }
  for (const auto& pattern : plan.patterns()) {
    if (!out.add_names(*pattern)) return std::nullopt;
  }
  for (const auto& accumulator : plan.accumulators()) {
    if (!out.add_source(accumulator)) return std::nullopt;
  }
  out.count_values();
  return out;
}

std::optional<RollupName> RollupPlan::name_of(std::size_t field) const {
  const auto& asked = plan_->fields()[field];
  if (asked.column == "is_streaming" && asked.kind == event::Kind::kBool) {
    return RollupName::kStreaming;
  }
  for (std::size_t i = 0; i < std::size(kTexts); ++i) {
    if (asked.column == kTexts[i].column && asked.kind == event::Kind::kText) {
      return static_cast<RollupName>(i);
    }
  }
  return std::nullopt;
}

// False when a condition is on anything else, the two built-in names among it.
bool RollupPlan::add_names(const event::Pattern& pattern) {
  bool all = true;
  event::for_each_condition(pattern.root(), [&](const event::PatternCondition& condition) {
    const auto path = condition.selector.path();
    const auto id = plan_->catalogue().field(path);
    const std::string_view column =
        id == event::kNoField ? path : std::string_view(plan_->catalogue().fields()[id].name);
    const auto& fields = plan_->fields();
    const auto at = std::find_if(fields.begin(), fields.end(),
                                 [&](const auto& field) { return field.column == column; });
    const bool built_in = path == "event_type" || path == "level";
    const auto name = built_in || at == fields.end()
                          ? std::nullopt
                          : name_of(static_cast<std::size_t>(at - fields.begin()));
    if (!name) {
      all = false;
      return;
    }
    conditions_.emplace(&condition, *name);
    use(*name);
  });
  return all;
}

bool RollupPlan::add_source(const Accumulator& accumulator) {
  using What = Source::What;
  Source out;
  out.pattern = accumulator.pattern;
  if (accumulator.kind == Kind::kRows) {
    sources_.push_back(out);
    return true;
  }
  const auto& field = plan_->fields()[accumulator.field];
  const auto name = name_of(accumulator.field);
  const auto summed = std::find_if(std::begin(kSums), std::end(kSums), [&](const Summed& one) {
    return one.column == field.column && field.kind == event::Kind::kInt;
  });
  const bool is_summed = summed != std::end(kSums);
  out.sum = static_cast<std::size_t>(summed - std::begin(kSums));
  if (name) out.name = *name;
  switch (accumulator.kind) {
    case Kind::kValues:
      out.what = name ? What::kNamed : What::kSum;
      if (field.column == "unpriced_reason") out.what = What::kUnpriced;
      out.needs_values = out.what == What::kSum;
      if (out.needs_values && !is_summed) return false;
      break;
    case Kind::kSum:
      out.what = What::kSum;
      if (!is_summed) return false;
      break;
    case Kind::kSketch:
      out.what = What::kSketch;
      if (!is_summed || field.column != kLatency) return false;
      break;
    case Kind::kDistinct:
      out.what = What::kDistinct;
      if (!name) return false;
      break;
    case Kind::kRows:
    case Kind::kMin:
    case Kind::kMax:
      return false;
  }
  if (name) use(*name);
  sources_.push_back(out);
  return true;
}

// An average divides by the number of values; a sum only asks whether there is one.
void RollupPlan::count_values() {
  const auto& measures = plan_->query().measures;
  for (std::size_t i = 0; i < measures.size(); ++i) {
    if (measures[i].statistic != Statistic::kAverage) continue;
    for (const auto input : plan_->inputs(i).of) sources_[input].needs_values = true;
  }
}

bool RollupPlan::suffices(const RollupKey& key, const RollupCell& cell) const {
  for (const auto name :
       {RollupName::kClient, RollupName::kModel, RollupName::kKey, RollupName::kErrorType}) {
    if (used_[static_cast<std::size_t>(name)] && text_of(name, key) == RollupTable::kOther) {
      return false;
    }
  }
  return std::all_of(sources_.begin(), sources_.end(), [&](const Source& source) {
    if (source.what != Source::What::kSum) return true;
    using Limits = std::numeric_limits<std::int64_t>;
    const auto sum = cell.*kSums[source.sum].sum;
    if (sum == Limits::max() || sum == Limits::min()) return false;
    if (cell.counted || kSums[source.sum].column == kLatency) return true;
    return !source.needs_values && sum != 0;
  });
}

bool RollupPlan::holds(std::size_t pattern, const RollupKey& key) const {
  return event::evaluate(plan_->patterns()[pattern]->root(),
                         [&](const event::PatternCondition& condition) {
                           const auto value = value_of(conditions_.at(&condition), key);
                           return value.is_null() ? event::holds_when_missing(condition)
                                                  : event::holds(condition, value);
                         });
}

bool RollupPlan::wants(const RollupKey& key) const {
  for (std::size_t i = 0; i < only_.size(); ++i) {
    const auto value = value_of(only_[i], key);
    if (value.is_null() || value.as_text() != plan_->query().only[i].second) return false;
  }
  return plan_->filter() == Accumulator::kNone || holds(plan_->filter(), key);
}

std::vector<Cell> RollupPlan::group_of(const RollupKey& key) const {
  std::vector<Cell> out;
  for (const auto name : groups_) {
    const auto value = value_of(name, key);
    if (value.is_null()) {
      out.emplace_back();
    } else if (name == RollupName::kStreaming) {
      out.emplace_back(value.as_bool());
    } else {
      out.emplace_back(std::string(value.as_text()));
    }
  }
  return out;
}

AccumulatedRow RollupPlan::values_of(const RollupKey& key, const RollupCell& cell) const {
  using What = Source::What;
  AccumulatedRow out(sources_.size());
  for (std::size_t i = 0; i < sources_.size(); ++i) {
    const auto& source = sources_[i];
    auto& value = out[i];
    switch (source.what) {
      case What::kRequests:
        if (source.pattern == Accumulator::kNone || holds(source.pattern, key)) {
          value.count = cell.requests;
        }
        break;
      case What::kNamed:
        if (is_there(source.name, key)) value.count = cell.requests;
        break;
      case What::kUnpriced:
        value.count = cell.unpriced;
        break;
      case What::kSum: {
        const auto& summed = kSums[source.sum];
        value.whole = cell.*summed.sum;
        value.count = cell.*summed.values;
        // Some of the requests, not known how many: a sum that is not 0 is of some value.
        if (!cell.counted && summed.column != kLatency && value.whole != 0) {
          value.count = cell.requests;
        }
        break;
      }
      case What::kSketch:
        if (cell.latency.count() == 0) break;
        value.sketch = std::make_unique<ValueHistogram>(cell.latency);
        break;
      case What::kDistinct: {
        if (!is_there(source.name, key)) break;
        value.distinct = std::make_unique<DistinctSet>();
        const auto name = value_of(source.name, key);
        const std::string_view flag = key.streaming == 1 ? "true" : "false";
        value.distinct->add(
            fingerprint(source.name == RollupName::kStreaming ? flag : name.as_text()));
        break;
      }
    }
  }
  return out;
}

}  // namespace sightglass::store
