#include "admin/policy_body.h"

#include <simdjson.h>

#include <array>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::admin {
namespace {

namespace dom = simdjson::dom;

struct Policy {
  std::string algorithm, priority;
  bool enabled = false;
  std::int64_t ttl_seconds = 0;
};

constexpr std::array<std::string_view, 3> kMembers = {"algorithm", "priority", "cache"};
constexpr std::array<std::string_view, 2> kOfCache = {"enabled", "ttl_seconds"};

std::unexpected<Error> wrong(std::string_view member, std::string_view right) {
  return fail(Code::kInvalid, std::string(member) + " must be " + std::string(right));
}

template <std::size_t N>
std::unexpected<Error> unknown(std::string_view name, const std::array<std::string_view, N>& known,
                               const std::string& where) {
  std::string sentence = where + " has a member that is not known";
  if (const auto close = nearest(name, known.data(), N)) {
    sentence += "; did you mean \"" + *close + "\"?";
  } else {
    sentence += "; it may have";
    for (const auto& one : known) sentence.append(" ").append(one);
  }
  return fail(Code::kInvalid, sentence);
}

Status take_cache(const dom::element& value, Policy& out) {
  dom::object cache;
  if (value.get(cache) != simdjson::SUCCESS) {
    return wrong("cache", R"(an object such as {"enabled":false})");
  }
  for (const auto& field : cache) {
    if (field.key == "enabled") {
      if (field.value.get(out.enabled) != simdjson::SUCCESS) {
        return wrong("cache.enabled", "true or false");
      }
    } else if (field.key == "ttl_seconds") {
      if (field.value.get(out.ttl_seconds) != simdjson::SUCCESS) {
        return wrong("cache.ttl_seconds", "a whole number of seconds such as 300");
      }
    } else {
      return unknown(field.key, kOfCache, "cache");
    }
  }
  return {};
}

Status take(std::string_view json, Policy& out) {
  dom::parser parser;
  dom::element root;
  dom::object object;
  const simdjson::padded_string padded(json);
  if (parser.parse(padded).get(root) != simdjson::SUCCESS ||
      root.get(object) != simdjson::SUCCESS || object.size() == 0) {
    return wrong("the body", R"(a JSON object such as {"algorithm":"round_robin"})");
  }
  for (const auto& field : object) {
    std::string_view text;
    if (field.key == "cache") {
      SG_TRY(take_cache(field.value, out));
    } else if (field.key == "algorithm" || field.key == "priority") {
      if (field.value.get(text) != simdjson::SUCCESS) return wrong(field.key, "a text");
      (field.key == "algorithm" ? out.algorithm : out.priority) = text;
    } else {
      return unknown(field.key, kMembers, "the body");
    }
  }
  return {};
}

}  // namespace

Result<std::string> policy_change(std::string_view body, std::string_view now) {
  Policy policy;
  SG_TRY(take(now, policy));
  SG_TRY(take(body, policy));
  // A value of the caller's is a text here, never a reference to the environment.
  if ((policy.algorithm + policy.priority).find("${") != std::string::npos) {
    return wrong("algorithm", "round_robin, random or least_loaded");
  }
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("policy").begin_object();
  json.key("algorithm").string(policy.algorithm);
  json.key("priority").string(policy.priority);
  json.key("cache").begin_object().key("enabled").boolean(policy.enabled);
  json.key("ttl_seconds").integer(policy.ttl_seconds).end_object();
  json.end_object().end_object();
  return out;
}

}  // namespace sightglass::admin
