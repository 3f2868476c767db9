#include "guard/secret_scan.h"

#include "guard/secret_rules.h"
#include "guard/secret_text.h"

namespace sightglass::guard {
namespace {

// What any rule needs at the very least, signs left out.
constexpr std::size_t kMinShapeBytes = 11;

const SecretRule* find_literal(std::string_view value, std::size_t at) {
  const auto byte = static_cast<unsigned char>(value[at]);
  const auto rules = secret_rules();
  const auto rest = value.substr(at);
  for (auto i = kLiteralIndex.first[byte]; i < kLiteralIndex.first[byte + 1u]; ++i) {
    const auto& rule = rules[kLiteralIndex.order[i]];
    if (rest.size() < rule.literal.size() || rest[1] != rule.literal[1]) continue;
    if (!rest.starts_with(rule.literal)) continue;
    const auto size = rule.literal.size();
    if (run_of(rest, size, rule.body).size() < rule.body_bytes) continue;
    if (rule.check == nullptr || rule.check(value, at, size)) return &rule;
  }
  return nullptr;
}

}  // namespace

const SecretRule* find_secret(std::string_view value) {
  bool in_word = false;
  bool has_sign = false;
  for (std::size_t i = 0; i < value.size(); ++i) {
    if (!in_word) {
      if (const auto* const found = find_literal(value, i)) return found;
    }
    in_word = is(value[i], kAlnum);
    has_sign |= value[i] == '@' || value[i] == '=' || value[i] == '+';
  }
  if (value.size() < kMinShapeBytes && !has_sign) return nullptr;
  for (const auto& rule : shape_rules()) {
    if (rule.check(value, 0, 0)) return &rule;
  }
  return nullptr;
}

}  // namespace sightglass::guard
