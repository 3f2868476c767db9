// Any bytes as the parameters of a query: refused with a sentence, or a plan within its bounds
// whose parts mean the same when they are read again.
// Parser: admin/query.cc:parse|range|word|duration|all_of|one_of|refuse store/typed_query.cc
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "admin/query.h"

namespace {

using namespace sightglass;

void require(bool holds) {
  if (!holds) std::abort();
}

std::shared_ptr<const event::Catalogue> catalogue() {
  static const auto known = *event::Catalogue::parse(R"(
pack: fuzz
version: 1
fields:
  a: { kind: int, class: count }
  b: { kind: double, class: count }
  c: { kind: text, class: name, aliases: [d] }
  e_us: { kind: int, class: duration }
  f: { kind: bool, class: flag }
  user_id: { kind: text, class: identifier, identifier: u }
  prompt: { kind: text, class: content }
events:
  done: { terminal: true }
)");
  return known;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  constexpr Nanos kNow = 1'800'000'000 * kSecond;
  auto query = admin::parse_query(text, kNow);
  if (!query) {
    require(!query.error().message.empty());
    return 0;
  }
  require(query->range.start_ns < query->range.end_ns);
  for (const auto& measure : query->measures) {
    std::vector<store::Measure> again;
    require(store::parse_measures(measure.name, again).has_value());
    require(again.size() == 1 && again[0].name == measure.name);
    require(again[0].statistic == measure.statistic && again[0].quantile == measure.quantile);
  }
  const auto plan = store::TypedPlan::make(*query, catalogue());
  if (!plan) {
    require(!plan.error().message.empty());
    return 0;
  }
  using Bounds = store::TypedQuery;
  require(plan->steps() >= 1 && plan->steps() <= Bounds::kMostSteps);
  require(plan->query().measures.size() <= Bounds::kMostMeasures);
  require(plan->groups().size() <= Bounds::kMostGroupBy);
  const auto first = plan->step_begin(0);
  require(first <= plan->query().range.start_ns);
  require(plan->step_seconds(0) > 0 && plan->step_seconds(plan->steps() - 1) > 0);
  return 0;
}
