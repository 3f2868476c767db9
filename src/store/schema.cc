#include "store/schema.h"

#include <algorithm>
#include <unordered_set>

namespace sightglass::store {
namespace {

constexpr std::pair<std::string_view, duck::Type> kBase[] = {
    {"pos", duck::Type::kUbigint},
    {"gateway", duck::Type::kText},
    {"accept_time", duck::Type::kTimestampNs},
    {"event_time", duck::Type::kTimestampNs},
    {"event_type", duck::Type::kText},
    {"level", duck::Type::kText},
    {"terminal", duck::Type::kBoolean},
};
static_assert(std::size(kBase) == kBaseColumns);

constexpr std::pair<std::string_view, duck::Type> kCore[] = {
    {core::kOutcome, duck::Type::kText},
    {core::kProvider, duck::Type::kText},
    {core::kClient, duck::Type::kText},
    {core::kModel, duck::Type::kText},
    {core::kInputTokens, duck::Type::kBigint},
    {core::kCacheReadTokens, duck::Type::kBigint},
    {core::kCacheWrite5mTokens, duck::Type::kBigint},
    {core::kCacheWrite1hTokens, duck::Type::kBigint},
    {core::kOutputTokens, duck::Type::kBigint},
    {core::kTotalTokens, duck::Type::kBigint},
    {core::kCostNanousd, duck::Type::kBigint},
    {core::kUnpricedReason, duck::Type::kText},
    {core::kLatencyUs, duck::Type::kBigint},
};
static_assert(std::size(kBase) + std::size(kCore) == kFixedColumns);

}  // namespace

Schema::Schema() {
  for (const auto& [name, type] : kBase) use(add(name, type));
  for (const auto& [name, type] : kCore) use(add(name, type));
}

ColumnId Schema::find(std::string_view name) const {
  const auto it = index_.find(std::string(name));
  return it == index_.end() ? kNoColumn : it->second;
}

ColumnId Schema::add(std::string_view name, duck::Type type) {
  if (const auto known = find(name); known != kNoColumn) return known;
  if (columns_.size() >= kMaxColumns) return kNoColumn;
  const auto id = static_cast<ColumnId>(columns_.size());
  columns_.push_back({std::string(name), type, false});
  index_.emplace(name, id);
  return id;
}

Schema Schema::only(const std::vector<std::string>& names) const {
  const std::unordered_set<std::string_view> wanted(names.begin(), names.end());
  Schema out;
  for (std::size_t i = kFixedColumns; i < columns_.size(); ++i) {
    const auto& column = columns_[i];
    if (!wanted.contains(column.name)) continue;
    const auto id = out.add(column.name, column.type);
    if (column.in_use) out.use(id);
  }
  return out;
}

TotalsColumns::TotalsColumns(const Schema& schema)
    : input{schema.find(core::kInputTokens), schema.find(core::kCacheReadTokens),
            schema.find(core::kCacheWrite5mTokens), schema.find(core::kCacheWrite1hTokens)},
      output(schema.find(core::kOutputTokens)),
      cost(schema.find(core::kCostNanousd)),
      unpriced_reason(schema.find(core::kUnpricedReason)) {}

Layout::Layout(std::shared_ptr<const event::Catalogue> catalogue, Schema& schema)
    : catalogue_(std::move(catalogue)),
      columns_(catalogue_->fields().size(), kNoColumn),
      ingested_(catalogue_->field("ingested")) {
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const auto& field = catalogue_->fields()[i];
    if (!event::passes(field.field_class)) continue;
    // A field that calls itself like a base column would overwrite what the journal says.
    const auto known = schema.find(field.name);
    if (known < kBaseColumns) continue;
    columns_[i] = schema.add(field.name, column_type(field.kind));
  }
  const auto& types = catalogue_->event_types();
  if (std::any_of(types.begin(), types.end(), [](const auto& type) { return type.sample > 1; })) {
    columns_.push_back(schema.add("sampled_one_in", duck::Type::kBigint));
  }
}

duck::Type column_type(event::Kind kind) {
  switch (kind) {
    case event::Kind::kBool:
      return duck::Type::kBoolean;
    case event::Kind::kInt:
      return duck::Type::kBigint;
    case event::Kind::kDouble:
      return duck::Type::kDouble;
    case event::Kind::kText:
    case event::Kind::kNull:  // any kind: as text
      return duck::Type::kText;
  }
  return duck::Type::kText;
}

}  // namespace sightglass::store
