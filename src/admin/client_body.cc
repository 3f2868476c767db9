#include "admin/client_body.h"

#include <simdjson.h>

#include <array>
#include <cmath>

#include "base/text.h"

namespace sightglass::admin {
namespace {

namespace dom = simdjson::dom;
using control::ClientLimits;

constexpr std::array<std::string_view, 8> kMembers = {
    "client_id",      "api_key", "description", "allowed_providers",
    "allowed_models", "limits",  "expires_at",  "new_key"};

struct LimitMember {
  std::string_view name;
  std::int64_t ClientLimits::* member;
  bool money;
};
constexpr std::array<LimitMember, 6> kLimits = {{
    {"requests_per_minute", &ClientLimits::requests_per_minute, false},
    {"tokens_per_minute", &ClientLimits::tokens_per_minute, false},
    {"parallel_requests", &ClientLimits::parallel_requests, false},
    {"usd_per_hour", &ClientLimits::nanousd_per_hour, true},
    {"usd_per_day", &ClientLimits::nanousd_per_day, true},
    {"usd_per_month", &ClientLimits::nanousd_per_month, true},
}};

// Names come from callers, and could be anything: only a nearest one of ours is shown.
template <std::size_t N>
std::unexpected<Error> unknown_member(std::string_view name,
                                      const std::array<std::string_view, N>& known,
                                      const std::string& where) {
  std::string sentence = where + " has a member that is not known";
  if (const auto close = nearest(name, known.data(), known.size())) {
    sentence += "; did you mean \"" + *close + "\"?";
  } else {
    sentence += "; it may have";
    for (const auto& one : known) sentence.append(" ").append(one);
  }
  return fail(Code::kInvalid, sentence);
}

std::unexpected<Error> wrong(std::string_view member, std::string_view right) {
  return fail(Code::kInvalid, std::string(member) + " must be " + std::string(right));
}

Result<std::string> text_of(const dom::element& value, std::string_view member) {
  std::string_view text;
  if (value.get(text) != simdjson::SUCCESS) return wrong(member, "a text");
  return std::string(text);
}

Result<std::vector<std::string>> texts_of(const dom::element& value, std::string_view member) {
  std::vector<std::string> out;
  if (value.is_null()) return out;
  dom::array list;
  if (value.get(list) != simdjson::SUCCESS) return wrong(member, "a list of texts");
  for (const auto item : list) {
    SG_ASSIGN(auto text, text_of(item, member));
    out.push_back(std::move(text));
  }
  return out;
}

Result<std::int64_t> amount_of(const dom::element& value, const LimitMember& limit) {
  const auto member = "limits." + std::string(limit.name);
  if (value.is_null()) return 0;
  if (!limit.money) {
    std::int64_t count = 0;
    if (value.get(count) == simdjson::SUCCESS && count >= 0 && count <= control::kMaxCount) {
      return count;
    }
    return wrong(member, "a whole number such as 60, or null for no limit");
  }
  double dollars = 0;
  const bool number = value.is_number() && value.get(dollars) == simdjson::SUCCESS;
  constexpr double kMost = 1e9;
  if (!number || !(dollars >= 0) || dollars > kMost) {
    return wrong(member, "US dollars such as 25 or 0.50, or null for no limit");
  }
  return std::llround(dollars * 1e9);
}

Result<ClientLimits> limits_of(const dom::element& value, ClientLimits limits) {
  if (value.is_null()) return ClientLimits{};
  dom::object object;
  if (value.get(object) != simdjson::SUCCESS) {
    return wrong("limits", R"(an object such as {"requests_per_minute":60})");
  }
  for (const auto& field : object) {
    const LimitMember* found = nullptr;
    for (const auto& limit : kLimits) found = limit.name == field.key ? &limit : found;
    if (found == nullptr) {
      std::array<std::string_view, kLimits.size()> known;
      for (std::size_t i = 0; i < known.size(); ++i) known[i] = kLimits[i].name;
      return unknown_member(field.key, known, "limits");
    }
    SG_ASSIGN(limits.*found->member, amount_of(field.value, *found));
  }
  return limits;
}

Result<Nanos> expiry_of(const dom::element& value) {
  if (value.is_null()) return 0;
  std::int64_t seconds = 0;
  constexpr std::int64_t kLatest = 9'000'000'000;  // in the year 2255; nanoseconds end in 2262
  if (value.get(seconds) != simdjson::SUCCESS || seconds <= 0 || seconds > kLatest) {
    return wrong("expires_at", "Unix seconds such as 1800000000, or null for never");
  }
  return seconds * kSecond;
}

Status take_member(std::string_view name, const dom::element& value, const ClientLimits& before,
                   ClientBody& out) {
  auto& change = out.change;
  if (name == "client_id") {
    SG_ASSIGN(out.client_id, text_of(value, name));
  } else if (name == "api_key") {
    SG_ASSIGN(change.key, text_of(value, name));
  } else if (name == "description") {
    SG_ASSIGN(change.description, text_of(value, name));
  } else if (name == "allowed_providers") {
    SG_ASSIGN(change.allowed_providers, texts_of(value, name));
  } else if (name == "allowed_models") {
    SG_ASSIGN(change.allowed_models, texts_of(value, name));
  } else if (name == "limits") {
    SG_ASSIGN(change.limits, limits_of(value, before));
  } else if (name == "expires_at") {
    SG_ASSIGN(change.expires_ns, expiry_of(value));
  } else if (name == "new_key") {
    if (value.get(change.make_key) != simdjson::SUCCESS) return wrong(name, "true or false");
  } else {
    return unknown_member(name, kMembers, "the body");
  }
  return {};
}

}  // namespace

Result<ClientBody> read_client_body(std::string_view json, const ClientLimits& before) {
  dom::parser parser;
  dom::element root;
  dom::object object;
  const simdjson::padded_string padded(json);
  if (parser.parse(padded).get(root) != simdjson::SUCCESS ||
      root.get(object) != simdjson::SUCCESS) {
    return fail(
        Code::kInvalid,
        R"(the body must be a JSON object such as {"client_id":"my-app","description":""})");
  }
  ClientBody out;
  for (const auto& field : object) SG_TRY(take_member(field.key, field.value, before, out));
  if (out.change.key && out.change.make_key) {
    return fail(Code::kInvalid, "api_key and new_key exclude each other; send one of them");
  }
  return out;
}

}  // namespace sightglass::admin
