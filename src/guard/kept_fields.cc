#include "guard/kept_fields.h"

#include <algorithm>

#include "base/json_writer.h"
#include "guard/secret_scan.h"

namespace sightglass::guard {
namespace {

using event::FieldClass;
using event::Kind;

bool is_field_name(std::string_view name) {
  if (name.empty() || name.size() > 64) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

Kind kind_of(FieldClass field_class) {
  switch (field_class) {
    case FieldClass::kFlag:
      return Kind::kBool;
    case FieldClass::kCategory:
      return Kind::kNull;  // a word or a code
    case FieldClass::kName:
      return Kind::kText;
    default:
      return Kind::kDouble;
  }
}

event::Field field_of(const event::KeepRule& rule) {
  event::Field out;
  out.field_class = rule.field_class;
  out.kind = kind_of(rule.field_class);
  return out;
}

void write(JsonWriter& json, const event::Value& value) {
  switch (value.kind()) {
    case Kind::kBool:
      json.boolean(value.as_bool());
      break;
    case Kind::kInt:
      json.integer(value.as_int());
      break;
    case Kind::kDouble:
      json.number(value.as_double());
      break;
    case Kind::kText:
      json.string(value.as_text());
      break;
    case Kind::kNull:
      json.null();
      break;
  }
}

}  // namespace

KeptNames::KeptNames(const event::Catalogue& catalogue) {
  for (const auto& rule : catalogue.keep_rules()) by_rule_.push_back({rule.max_names, {}});
}

bool KeptNames::admit(std::uint16_t rule, std::string_view name) {
  const std::scoped_lock lock(mutex_);
  if (rule >= by_rule_.size()) return false;
  auto& kept = by_rule_[rule];
  if (kept.names.contains(name)) return true;
  if (kept.names.size() >= kept.most) return false;
  kept.names.emplace(name);
  return true;
}

UnknownGuard::UnknownGuard(const event::Catalogue& catalogue, std::shared_ptr<KeptNames> names)
    : names_(std::move(names)) {
  for (const auto& rule : catalogue.keep_rules()) guards_.emplace_back(field_of(rule));
  admitted_.resize(guards_.size());
}

bool UnknownGuard::admits(std::uint16_t rule, std::string_view name) {
  std::string key(name);
  if (admitted_[rule].contains(key)) return true;
  if (!is_field_name(name) || find_secret(name) != nullptr) return false;
  if (!names_->admit(rule, name)) return false;
  admitted_[rule].insert(std::move(key));
  return true;
}

void UnknownGuard::keep(const std::vector<std::uint16_t>& rules, event::Event& event,
                        std::string& arena, WordMemo& words, std::string& out) {
  out.clear();
  std::size_t kept = 0;
  JsonWriter json(out);
  json.begin_object();
  for (const auto& unknown : event.unknown) {
    bool admitted = false;
    auto value = unknown.value;
    for (const auto rule : rules) {
      value = unknown.value;
      const SecretRule* secret = nullptr;
      if (guards_[rule].judge(value, arena, words, secret) != Verdict::kPass) continue;
      admitted = admits(rule, unknown.name);
      break;
    }
    // Each of its bytes may be written as six, beside quotes, colon and comma.
    const auto room = 6 * value.as_text().size() + unknown.name.size() + 40;
    if (!admitted || out.size() + room > kMostBytes) continue;
    json.key(unknown.name);
    write(json, value);
    event.unknown[kept++] = {unknown.name, value};
  }
  json.end_object();
  event.unknown.resize(kept);
  if (kept == 0) out.clear();
}

}  // namespace sightglass::guard
