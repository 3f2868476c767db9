#include "gateway/conventions.h"

#include <algorithm>

#include "base/text.h"
#include "gateway/model_names.h"

namespace sightglass::gateway {
namespace {

constexpr std::size_t kMaxIdentifierBytes = 256;
constexpr std::size_t kMaxProviderBytes = 64;

// The identifier fields, the kind of pseudonym that stands in their place, and where they are kept.
struct IdentityField {
  std::string_view name;
  std::string_view kind;
  std::string_view Conventions::* place;
};
constexpr std::array<IdentityField, 5> kIdentity = {{
    {"x-user-id", "u", &Conventions::user_id},
    {"x-session-id", "s", &Conventions::session_id},
    {"x-focus-id", "f", &Conventions::focus_id},
    {"x-tracked-skill-id", "f", &Conventions::focus_id},
    {"x-group-id", "g", &Conventions::group_id},
}};
constexpr std::string_view kProvider = "x-provider";
constexpr std::string_view kModel = "x-model-id";

// Identifiers are somebody's own; but no key, number or hash holds a control character, and one
// that is not UTF-8 would not survive the log.
bool is_identifier(std::string_view text) {
  while (!text.empty()) {
    const auto c = static_cast<unsigned char>(text.front());
    const auto length = c < 0x80 ? std::size_t{1} : utf8_sequence_length(text);
    if (length == 0 || c < 0x20 || c == 0x7f) return false;
    text.remove_prefix(length);
  }
  return true;
}

bool is_provider_name(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

class Reader {
 public:
  Reader(const net::Headers& headers, StrippedCounts& stripped)
      : headers_(headers), stripped_(stripped) {}

  template <typename Check>
  void take(std::string_view name, std::size_t most, const Check& check, std::string_view& to) {
    const auto value = headers_.get(name);
    if (value.empty() || !to.empty()) return;
    if (value.size() > most) return count(Stripped::kTooLong);
    if (!check(value)) return count(Stripped::kMalformed);
    to = value;
  }

 private:
  void count(Stripped reason) { ++stripped_[static_cast<std::size_t>(reason)]; }
  const net::Headers& headers_;
  StrippedCounts& stripped_;
};

}  // namespace

Conventions Conventions::read(const net::Headers& headers, StrippedCounts& stripped) {
  Conventions out;
  Reader reader(headers, stripped);
  for (const auto& field : kIdentity) {
    reader.take(field.name, kMaxIdentifierBytes, is_identifier, out.*field.place);
  }
  reader.take(kProvider, kMaxProviderBytes, is_provider_name, out.provider);
  reader.take(kModel, kMaxIdentifierBytes, is_showable_name, out.model);
  return out;
}

void write_conventions(const net::Headers& headers, const Conventions& from, guard::KeyRing& keys,
                       std::int64_t time_ns, std::string& out) {
  const auto field = [&out](std::string_view name, std::string_view value) {
    out.append(name).append(": ").append(value).append("\r\n");
  };
  for (const auto& [name, kind, place] : kIdentity) {
    // Under the name that it came by: a value of another name was not this one's.
    const auto raw = from.*place;
    if (raw.empty() || headers.get(name).data() != raw.data()) continue;
    std::string pseudonym;
    if (keys.pseudonym(kind, raw, time_ns, pseudonym)) field(name, pseudonym);
  }
  if (!from.provider.empty()) field(kProvider, from.provider);
  if (!from.model.empty()) field(kModel, from.model);
}

bool is_convention(std::string_view name) {
  return equals_ignoring_case(name, kProvider) || equals_ignoring_case(name, kModel) ||
         std::any_of(kIdentity.begin(), kIdentity.end(),
                     [&](const auto& field) { return equals_ignoring_case(name, field.name); });
}

}  // namespace sightglass::gateway
