// Requests, tokens and cost by up to four dimensions: a typed query by names that are always there.
#include <algorithm>
#include <cmath>
#include <limits>
#include <map>

#include "store/facts.h"
#include "store/queries.h"
#include "store/typed_plan.h"

namespace sightglass::store {
namespace {

// Whatever the packs in force are: these columns mean the same under all of them.
const std::shared_ptr<const event::Catalogue>& dimensions() {
  static const auto catalogue = event::Catalogue::parse(R"(
pack: dimensions
version: 1
fields:
  client: { kind: text, class: category }
  provider: { kind: text, class: category }
  model: { kind: text, class: name }
  key: { kind: text, class: category }
  total_tokens: { kind: int, class: count }
  cost_nanousd: { kind: int, class: money }
)");
  return *catalogue;
}

std::string name_of(Dimension dimension) {
  switch (dimension) {
    case Dimension::kClient:
      return "client";
    case Dimension::kProvider:
      return "provider";
    case Dimension::kModel:
      return "model";
    case Dimension::kKey:
      break;
  }
  return "key";
}

// 0 of no value; a sum past 64 bits stays at the end.
std::int64_t whole(const Cell& cell) {
  if (const auto* const number = std::get_if<std::int64_t>(&cell)) return *number;
  const auto* const real = std::get_if<double>(&cell);
  if (real == nullptr) return 0;
  using Limits = std::numeric_limits<std::int64_t>;
  return std::signbit(*real) ? Limits::min() : Limits::max();
}

std::int64_t saturated_sum(std::int64_t a, std::int64_t b) {
  ExactSum out;
  out.add(a);
  out.add(b);
  return out.value();
}

}  // namespace

Result<std::vector<Group>> LocalQueries::groups(const GroupQuery& query) {
  constexpr Nanos kFar = 4'500'000'000 * kSecond;  // as far as typed queries reach
  TypedQuery asked;
  asked.range = {std::clamp(query.range.start_ns, -kFar, kFar),
                 std::clamp(query.range.end_ns, -kFar, kFar)};
  if (asked.range.start_ns >= asked.range.end_ns) return std::vector<Group>();
  for (const auto dimension : query.by) asked.group_by.push_back(name_of(dimension));
  for (const auto& [dimension, text] : query.only) {
    asked.only.emplace_back(name_of(dimension), text);
  }
  SG_TRY(parse_measures("count,sum(total_tokens),sum(cost_nanousd)", asked.measures));
  SG_ASSIGN(const auto plan, TypedPlan::make(std::move(asked), dimensions()));
  SG_ASSIGN(const auto answered, answer(plan));
  // In the order of their values; no value and a text without a letter are one group.
  std::map<std::vector<std::string>, Group> groups;
  const auto width = query.by.size();
  for (const auto& row : answered.rows) {
    std::vector<std::string> values;
    for (std::size_t i = 0; i < width; ++i) {
      const auto* const text = std::get_if<std::string>(&row[i]);
      values.push_back(text == nullptr ? std::string() : *text);
    }
    const auto requests = static_cast<std::uint64_t>(whole(row[width]));
    if (requests == 0) continue;  // the one group of an empty history
    auto& group = groups[values];
    group.values = values;
    group.requests += requests;
    group.total_tokens = saturated_sum(group.total_tokens, whole(row[width + 1]));
    group.cost_nanousd = saturated_sum(group.cost_nanousd, whole(row[width + 2]));
  }
  std::vector<Group> out;
  for (auto& [values, group] : groups) out.push_back(std::move(group));
  return out;
}

}  // namespace sightglass::store
