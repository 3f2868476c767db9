#include "event/catalogue.h"

namespace sightglass::event {

std::string_view class_name(FieldClass field_class) {
  switch (field_class) {
    case FieldClass::kCount:
      return "count";
    case FieldClass::kSize:
      return "size";
    case FieldClass::kDuration:
      return "duration";
    case FieldClass::kMoney:
      return "money";
    case FieldClass::kTime:
      return "time";
    case FieldClass::kFlag:
      return "flag";
    case FieldClass::kType:
      return "type";
    case FieldClass::kCategory:
      return "category";
    case FieldClass::kName:
      return "name";
    case FieldClass::kCorrelation:
      return "correlation";
    case FieldClass::kSourcePosition:
      return "source_position";
    case FieldClass::kIdentifier:
      return "identifier";
    case FieldClass::kSecret:
      return "secret";
    case FieldClass::kContent:
      return "content";
    case FieldClass::kFreeText:
      return "free_text";
  }
  return {};
}

EventTypeId Catalogue::event_type(std::string_view name) const {
  const auto found = event_type_index_.find(name);
  return found == event_type_index_.end() ? kOtherEvent : found->second;
}

FieldId Catalogue::field(std::string_view name_or_alias) const {
  const auto found = field_index_.find(name_or_alias);
  return found == field_index_.end() ? kNoField : found->second;
}

FieldId Catalogue::field(std::string_view name_or_alias, NamesId names) const {
  if (names != 0) {
    const auto found = own_names_[names].find(name_or_alias);
    if (found != own_names_[names].end()) return found->second;
  }
  return field(name_or_alias);
}

FieldId Catalogue::match_only(std::string_view text) const {
  const auto found = match_only_index_.find(text);
  return found == match_only_index_.end() ? kNoField : found->second;
}

FieldId Catalogue::slot(const Selector& selector, NamesId names) const {
  const auto known = selector.is_path() ? field(selector.path(), names) : kNoField;
  return known != kNoField ? known : match_only(selector.text());
}

}  // namespace sightglass::event
