#include "app/config_names.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "base/text.h"

namespace sightglass::app {
namespace {

struct Name {
  std::string_view seed;
  std::string_view own;  // "": there is nothing to change
};

constexpr std::array<std::string_view, 8> kTop = {
    "Version", "Server", "Logging", "Storage", "LLMProviders", "APIKeys", "ModelAliases", "Policy"};
constexpr std::array<Name, 20> kNames = {{
    {"Version", ""},
    {"Server.Listen", "listen"},
    {"Server.AdminAPIKey", "admin_key"},
    {"Server.WebUI.Enabled", ""},
    {"Server.WebUI.AdminID", "admin_id"},
    {"Server.WebUI.AdminPassword", ""},
    {"Server.WebUI.WebUIPath", ""},
    {"Server.CORS.AllowedOrigins", "admin_origins"},
    {"Server.CORS.AllowCredentials", ""},
    {"Logging.File.Enabled", "logging.file.enabled"},
    {"Logging.File.Path", "logging.file.path"},
    {"Logging.File.MaxSizeMB", "logging.file.max_size_mb"},
    {"Logging.File.MaxBackups", "logging.file.max_backups"},
    {"Logging.Prometheus.Enabled", ""},
    {"Logging.Prometheus.Endpoint", ""},
    {"Storage.Runtime.Type", ""},
    {"Policy.Algorithm", "policy.algorithm"},
    {"Policy.Priority", "policy.priority"},
    {"Policy.Cache.Enabled", "policy.cache.enabled"},
    {"Policy.Cache.TTLSeconds", "policy.cache.ttl_seconds"},
}};
constexpr std::array<Name, 5> kOfProvider = {{{"ID", "id"},
                                              {"Type", "kind"},
                                              {"APIKeys", "api_keys"},
                                              {"BaseURL", "base_url"},
                                              {"Models", "models"}}};
constexpr std::array<Name, 4> kOfClient = {{{"ID", "id"},
                                            {"Key", "key"},
                                            {"AllowedProviders", "allowed_providers"},
                                            {"Description", "description"}}};

template <std::size_t N>
std::unexpected<Error> unknown(const std::string& path, const std::array<Name, N>& names) {
  std::array<std::string_view, N> known;
  for (std::size_t i = 0; i < N; ++i) known[i] = names[i].seed;
  std::string sentence = "unknown member '" + path + "'";
  if (const auto close = nearest(path, known.data(), known.size())) {
    sentence += "; did you mean '" + *close + "'?";
  } else {
    sentence += "; GET /admin/v1/config shows the members that there are";
  }
  return fail(Code::kInvalid, sentence);
}

template <std::size_t N>
const Name* find(const std::array<Name, N>& names, std::string_view seed) {
  for (const auto& name : names) {
    if (name.seed == seed) return &name;
  }
  return nullptr;
}

bool same(const YAML::Node& a, const YAML::Node& b) {
  const bool some_a = a.IsDefined() && !a.IsNull();
  const bool some_b = b.IsDefined() && !b.IsNull();
  if (!some_a || !some_b) return some_a == some_b;
  if (a.Type() != b.Type()) return false;
  if (a.IsScalar()) return a.Scalar() == b.Scalar();
  if (a.size() != b.size()) return false;
  if (a.IsSequence()) {
    for (std::size_t i = 0; i < a.size(); ++i) {
      if (!same(a[i], b[i])) return false;
    }
    return true;
  }
  for (const auto& entry : a) {
    if (!entry.first.IsScalar() || !same(entry.second, child(b, entry.first.Scalar()))) {
      return false;
    }
  }
  return true;
}

YAML::Node at(YAML::Node node, std::string_view path) {
  while (!path.empty()) {
    const auto dot = std::min(path.find('.'), path.size());
    node.reset(child(node, std::string(path.substr(0, dot))));
    path.remove_prefix(std::min(dot + 1, path.size()));
  }
  return node;
}

// Sets `path` below `changed`, whose first part begins as the file has it.
void set(YAML::Node& changed, const YAML::Node& file, std::string_view path,
         const YAML::Node& value) {
  const auto dot = std::min(path.find('.'), path.size());
  const std::string top(path.substr(0, dot));
  if (dot == path.size()) {
    changed[top] = YAML::Clone(value);
    return;
  }
  if (!child(changed, top).IsDefined()) {
    const auto before = child(file, top);
    changed[top] = before.IsDefined() && before.IsMap() ? YAML::Clone(before)
                                                        : YAML::Node(YAML::NodeType::Map);
  }
  YAML::Node inner = changed[top];
  auto rest = path.substr(dot + 1);
  for (auto next = rest.find('.'); next != rest.npos; next = rest.find('.')) {
    const YAML::Node deeper = inner[std::string(rest.substr(0, next))];
    inner.reset(deeper);
    rest.remove_prefix(next + 1);
  }
  inner[std::string(rest)] = YAML::Clone(value);
}

Status take_leaves(const YAML::Node& node, const std::string& path, const YAML::Node& shown,
                   const YAML::Node& file, YAML::Node& changed) {
  if (node.IsMap()) {
    for (const auto& entry : node) {
      const auto name = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
      SG_TRY(take_leaves(entry.second, path + "." + name, shown, file, changed));
    }
    return {};
  }
  const auto* name = find(kNames, path);
  if (name == nullptr) return unknown(path, kNames);
  const auto now = at(shown, path);
  if (node.IsNull() || same(node, now)) return {};
  if (name->own.empty()) {
    return fail(Code::kInvalid, path + " cannot be changed; it is '" +
                                    (now.IsScalar() ? now.Scalar() : std::string()) + "'");
  }
  set(changed, file, name->own, node);
  return {};
}

template <std::size_t N>
Result<YAML::Node> take_list(const YAML::Node& list, const std::string& where,
                             const std::array<Name, N>& names, const YAML::Node& shown,
                             const YAML::Node& file) {
  if (!list.IsSequence()) return fail(Code::kInvalid, where + ": expected a list");
  YAML::Node out(YAML::NodeType::Sequence);
  for (const auto& item : list) {
    const auto id = child(item, "ID");
    if (!item.IsMap() || !id.IsDefined() || !id.IsScalar()) {
      return fail(Code::kInvalid, where + ": each element needs its ID");
    }
    const auto before = element_with_id(file, id.Scalar());
    auto element = before.IsDefined() ? YAML::Clone(before) : YAML::Node(YAML::NodeType::Map);
    YAML::Node seen(YAML::NodeType::Undefined);
    if (shown.IsSequence()) {
      for (const auto& one : shown) {
        if (child(one, "ID").Scalar() == id.Scalar()) seen.reset(one);
      }
    }
    for (const auto& member : item) {
      const auto text = member.first.IsScalar() ? member.first.Scalar() : std::string("?");
      const auto* name = find(names, text);
      if (name == nullptr) {
        auto error = unknown(text, names);
        return fail(where, std::move(error.error()));
      }
      if (seen.IsDefined() && before.IsDefined() && same(member.second, child(seen, text)))
        continue;
      element[std::string(name->own)] = YAML::Clone(member.second);
    }
    out.push_back(element);
  }
  return out;
}

}  // namespace

YAML::Node child(const YAML::Node& node, const std::string& key) {
  if (!node.IsDefined() || !node.IsMap()) return YAML::Node(YAML::NodeType::Undefined);
  for (const auto& entry : node) {
    if (entry.first.IsScalar() && entry.first.Scalar() == key) return entry.second;
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

YAML::Node element_with_id(const YAML::Node& list, const std::string& id) {
  if (list.IsDefined() && list.IsSequence()) {
    for (const auto& item : list) {
      const auto own = child(item, "id");
      if (own.IsDefined() && own.IsScalar() && own.Scalar() == id) return item;
    }
  }
  return YAML::Node(YAML::NodeType::Undefined);
}

bool speaks_seed_names(const YAML::Node& body) {
  return std::any_of(kTop.begin(), kTop.end(), [&](std::string_view name) {
    return child(body, std::string(name)).IsDefined();
  });
}

Result<YAML::Node> from_seed_names(const YAML::Node& body, const YAML::Node& shown,
                                   const YAML::Node& file) {
  YAML::Node changed(YAML::NodeType::Map);
  for (const auto& entry : body) {
    const auto name = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    const auto now = child(shown, name);
    if (name == "ModelAliases") {
      if (!same(entry.second, now)) changed["model_aliases"] = YAML::Clone(entry.second);
    } else if (name == "LLMProviders") {
      if (same(entry.second, now)) continue;
      SG_ASSIGN(changed["providers"],
                take_list(entry.second, name, kOfProvider, now, child(file, "providers")));
    } else if (name == "APIKeys") {
      if (same(entry.second, now)) continue;
      SG_ASSIGN(changed["clients"],
                take_list(entry.second, name, kOfClient, now, child(file, "clients")));
    } else if (std::find(kTop.begin(), kTop.end(), name) != kTop.end()) {
      SG_TRY(take_leaves(entry.second, name, shown, file, changed));
    } else {
      return unknown(name, kNames);
    }
  }
  return changed;
}

}  // namespace sightglass::app
