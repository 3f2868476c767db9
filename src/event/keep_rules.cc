// CatalogueBuilder's part about fields that no pack knows.
#include <algorithm>

#include "event/catalogue_builder.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxKeepRules = 64;
constexpr std::uint32_t kMaxKeptNames = 1'000;
constexpr FieldClass kKeepable[] = {FieldClass::kCount, FieldClass::kSize, FieldClass::kDuration,
                                    FieldClass::kMoney, FieldClass::kFlag, FieldClass::kCategory,
                                    FieldClass::kName};

bool fits(const KeepRule& rule, std::string_view event_type) {
  const std::string_view events = rule.events;
  if (events.ends_with('*')) return event_type.starts_with(events.substr(0, events.size() - 1));
  return event_type == events;
}

}  // namespace

Status CatalogueBuilder::add_keep_rules(const PackDocument& pack) {
  const auto* const rules = pack.root.find("unknown_fields");
  if (rules == nullptr || rules->kind == PackNode::Kind::kNothing) return {};
  if (rules->kind != PackNode::Kind::kList) {
    return pack.error(rules->line,
                      "unknown_fields must be a list: `- { events: shop_*, class: category }`");
  }
  for (const auto& node : rules->items) {
    SG_TRY(pack.check_keys(node, "a rule for unknown fields", {"events", "class", "max_names"}));
    KeepRule rule;
    std::string word;
    SG_TRY(pack.read(node, "a rule for unknown fields", "events", rule.events));
    SG_TRY(pack.read(node, "a rule for unknown fields", "class", word));
    SG_TRY(pack.read(node, "a rule for unknown fields", "max_names", 1, kMaxKeptNames,
                     rule.max_names));
    const auto stem = std::string_view(rule.events).substr(0, rule.events.find('*'));
    const bool star = rule.events.ends_with('*');
    if (stem.size() + (star ? 1 : 0) != rule.events.size() || rule.events.empty() ||
        (!stem.empty() && !is_label_value(stem))) {
      return pack.error(node.line,
                        "unknown_fields: events is an event type, or the beginning of some and *: "
                        "`events: shop_*`");
    }
    const auto* const found = std::find_if(std::begin(kKeepable), std::end(kKeepable),
                                           [&](FieldClass c) { return class_name(c) == word; });
    if (found == std::end(kKeepable)) {
      return pack.error(node.line,
                        "unknown_fields: class must be one of count, size, duration, money, flag, "
                        "category, name; what is of another needs a field of its own");
    }
    rule.field_class = *found;
    if (catalogue_->keep_rules_.size() == kMaxKeepRules) {
      return pack.error(node.line, "the packs have more than 64 rules for unknown fields together");
    }
    catalogue_->keep_rules_.push_back(std::move(rule));
  }
  return add_kept_fields(pack, rules->line);
}

// The index does not know it, so that nothing from outside can fill it.
Status CatalogueBuilder::add_kept_fields(const PackDocument& pack, int line) {
  constexpr std::string_view kName = "kept_fields";
  if (catalogue_->kept_fields_ != kNoField || catalogue_->keep_rules_.empty()) return {};
  if (catalogue_->field(kName) != kNoField) {
    return pack.error(line,
                      "unknown_fields keeps its values in kept_fields, which is a field of "
                      "another meaning here");
  }
  Field kept;
  kept.name = kName;
  kept.kind = Kind::kText;
  kept.field_class = FieldClass::kCategory;
  kept.door_made = true;
  catalogue_->kept_fields_ = static_cast<FieldId>(catalogue_->fields_.size());
  catalogue_->fields_.push_back(std::move(kept));
  return {};
}

void CatalogueBuilder::settle_keeps() {
  const auto& rules = catalogue_->keep_rules_;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    for (auto& type : catalogue_->event_types_) {
      if (fits(rules[i], type.name)) type.keeps.push_back(static_cast<std::uint16_t>(i));
    }
  }
}

}  // namespace sightglass::event
