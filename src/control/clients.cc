#include "control/clients.h"

#include <algorithm>

#include "base/text.h"

namespace sightglass::control {
namespace {

constexpr std::size_t kLongestDescription = 1'000;
constexpr std::size_t kLongestList = 200;
constexpr std::size_t kLongestItem = 128;

// No control characters, well-formed UTF-8: it is shown to people.
bool is_printable(std::string_view text) {
  while (!text.empty()) {
    const auto size = utf8_sequence_length(text);
    if (size == 0 || static_cast<unsigned char>(text[0]) < 0x20 || text[0] == 0x7f) return false;
    text.remove_prefix(size);
  }
  return true;
}

Status check_list(const std::vector<std::string>& list, std::string_view member) {
  const bool good = list.size() <= kLongestList &&
                    std::all_of(list.begin(), list.end(), [](const std::string& item) {
                      return !item.empty() && item.size() <= kLongestItem && is_visible_ascii(item);
                    });
  if (good) return {};
  return fail(Code::kInvalid, std::string(member) +
                                  " must be a list of at most 200 names of 1 to 128 visible "
                                  "characters; leave it empty to allow all");
}

Status check_limit(std::int64_t value, std::int64_t most, std::string_view member) {
  if (value >= 0 && value <= most) return {};
  return fail(Code::kInvalid, "limits." + std::string(member) +
                                  " is out of range; use a number above 0, or 0 for no limit");
}

}  // namespace

std::string key_id(const Digest& key) {
  return to_hex({reinterpret_cast<const char*>(key.data()), 8});
}

const ClientRecord* Clients::find(std::string_view id) const {
  const auto at =
      std::lower_bound(clients.begin(), clients.end(), id,
                       [](const ClientRecord& c, std::string_view i) { return c.id < i; });
  return at != clients.end() && at->id == id ? &*at : nullptr;
}

Status check_client_id(std::string_view id) {
  const bool plain =
      !id.empty() && id.size() <= 64 && std::all_of(id.begin(), id.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '.' || c == '_' || c == '-';
      });
  if (!plain || id == "." || id == "..") {
    return fail(Code::kInvalid,
                "client_id must be 1 to 64 letters, digits, '.', '_' or '-', such as \"my-app\"");
  }
  if (id == "list" || id == "anonymous") {
    return fail(Code::kInvalid, "client_id \"" + std::string(id) +
                                    "\" has a meaning of its own here; choose another");
  }
  return {};
}

Status check_client_key(std::string_view key) {
  if (key.size() >= kShortestKey && key.size() <= kLongestKey && is_visible_ascii(key)) return {};
  return fail(Code::kInvalid,
              "api_key must have 20 to 512 visible characters; leave it out and the server makes "
              "one");
}

Status check_client(const ClientRecord& client) {
  if (client.description.size() > kLongestDescription || !is_printable(client.description)) {
    return fail(Code::kInvalid,
                "description must be at most 1000 bytes of text without control characters");
  }
  SG_TRY(check_list(client.allowed_providers, "allowed_providers"));
  SG_TRY(check_list(client.allowed_models, "allowed_models"));
  if (client.expires_ns < 0) {
    return fail(Code::kInvalid, "expires_at must be Unix seconds after 1970, or null for never");
  }
  const auto& limits = client.limits;
  SG_TRY(check_limit(limits.requests_per_minute, kMaxCount, "requests_per_minute"));
  SG_TRY(check_limit(limits.tokens_per_minute, kMaxCount, "tokens_per_minute"));
  SG_TRY(check_limit(limits.parallel_requests, kMaxCount, "parallel_requests"));
  SG_TRY(check_limit(limits.nanousd_per_hour, kMaxMoneyNanousd, "usd_per_hour"));
  SG_TRY(check_limit(limits.nanousd_per_day, kMaxMoneyNanousd, "usd_per_day"));
  return check_limit(limits.nanousd_per_month, kMaxMoneyNanousd, "usd_per_month");
}

}  // namespace sightglass::control
