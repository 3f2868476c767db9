#include "app/config_change.h"

#include <arpa/inet.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <set>
#include <utility>
#include <vector>

#include "app/config_keys.h"
#include "app/config_names.h"
#include "base/text.h"
#include "net/client.h"

namespace sightglass::app {
namespace {

constexpr std::string_view kMasked = "****";

bool is_masked(const YAML::Node& node) {
  return node.IsDefined() && node.IsScalar() && node.Scalar() == kMasked;
}

Result<YAML::Node> read_map(std::string_view text, const std::string& what) {
  YAML::Node node;
  try {
    node.reset(YAML::Load(std::string(text)));
  } catch (const YAML::Exception& error) {
    return fail(Code::kInvalid, what + ":" + std::to_string(error.mark.line + 1) +
                                    ": not valid JSON or YAML; check quotes, commas and brackets");
  }
  if (node.IsNull()) return YAML::Node(YAML::NodeType::Map);
  if (!node.IsMap()) {
    return fail(Code::kInvalid,
                what + R"( must be a map of settings such as {"model_aliases":{"fast":"gpt-4o"}})");
  }
  std::set<std::string> seen;
  for (const auto& entry : node) {
    const auto name = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    if (!seen.insert(name).second) {
      return fail(Code::kInvalid, what + " has '" + name + "' twice; once is enough");
    }
  }
  return node;
}

// ---- secrets ----------------------------------------------------------------------------------

Status restore(YAML::Node node, const YAML::Node& old, const std::string& where) {
  if (!is_masked(node)) return {};
  if (!old.IsDefined() || !old.IsScalar()) {
    return fail(Code::kInvalid, where +
                                    ": the file has no secret here that **** could stand for; "
                                    "send the secret itself");
  }
  node = old.Scalar();
  return {};
}

Status restore_each(YAML::Node list, const YAML::Node& old, const std::string& where) {
  if (!list.IsDefined() || !list.IsSequence()) return {};
  for (std::size_t i = 0; i < list.size(); ++i) {
    const bool there = old.IsDefined() && old.IsSequence() && i < old.size();
    SG_TRY(restore(list[i], there ? old[i] : YAML::Node(YAML::NodeType::Undefined), where));
  }
  return {};
}

Status restore_secrets(YAML::Node& changed, const YAML::Node& file) {
  const auto each_of = [&](const char* name, const auto& act) -> Status {
    const auto list = child(changed, name);
    if (!list.IsDefined() || !list.IsSequence()) return {};
    for (const auto& item : list) {
      const auto id = child(item, "id");
      const auto old = id.IsDefined() && id.IsScalar()
                           ? element_with_id(child(file, name), id.Scalar())
                           : YAML::Node(YAML::NodeType::Undefined);
      SG_TRY(act(item, old));
    }
    return {};
  };
  SG_TRY(each_of("providers", [](const YAML::Node& item, const YAML::Node& old) {
    return restore_each(child(item, "api_keys"), child(old, "api_keys"), "providers[].api_keys");
  }));
  SG_TRY(each_of("clients", [](const YAML::Node& item, const YAML::Node& old) {
    return restore(child(item, "key"), child(old, "key"), "clients[].key");
  }));
  for (const char* name : {"admin_key", "scrape_token"}) {
    if (!is_masked(child(changed, name))) continue;
    // There always is an admin key, though it need not stand in the file.
    const auto old = child(file, name);
    if (old.IsDefined()) {
      changed[name] = YAML::Clone(old);
    } else {
      changed.remove(name);
    }
  }
  return restore_each(child(child(changed, "ingest"), "keys"), child(child(file, "ingest"), "keys"),
                      "ingest.keys");
}

// ---- references to the environment --------------------------------------------------------------

using Places = std::set<std::pair<std::string, std::string>>;  // path and text

// NOLINTNEXTLINE(misc-no-recursion): as deep as yaml-cpp reads
void collect_references(const YAML::Node& node, const std::string& path, Places& out) {
  if (node.IsScalar()) {
    if (node.Scalar().find("${") != std::string::npos) out.emplace(path, node.Scalar());
  } else if (node.IsSequence()) {
    for (const auto& item : node) collect_references(item, path + "[]", out);
  } else if (node.IsMap()) {
    for (const auto& entry : node) {
      const auto name = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
      collect_references(entry.second, path.empty() ? name : path + "." + name, out);
    }
  }
}

// Elsewhere it could carry what this process' environment holds into an answer or to a stranger.
Status refuse_new_references(const YAML::Node& changed, const YAML::Node& file) {
  Places old, now;
  collect_references(file, "", old);
  collect_references(changed, "", now);
  for (const auto& place : now) {
    if (old.contains(place)) continue;
    return fail(Code::kInvalid, place.first +
                                    ": a ${NAME} that the file does not have here yet "
                                    "can only be written into the file itself");
  }
  return {};
}

std::string origin_of(const YAML::Node& provider) {
  const auto node = child(provider, "base_url");
  if (!node.IsDefined() || !node.IsScalar()) return {};
  const std::string& url = node.Scalar();
  const auto scheme = url.find("://");
  if (scheme == std::string::npos) return url;
  return to_lower(url.substr(0, url.find_first_of("/?#", scheme + 3)));
}

std::set<std::string> keys_of(const YAML::Node& provider) {
  std::set<std::string> out;
  const auto keys = child(provider, "api_keys");
  if (keys.IsDefined() && keys.IsScalar()) out.insert(keys.Scalar());
  if (!keys.IsDefined() || !keys.IsSequence()) return out;
  for (const auto& key : keys) {
    if (key.IsScalar()) out.insert(key.Scalar());
  }
  return out;
}

// Whoever sends no key must not be able to have one sent elsewhere.
Status refuse_moved_keys(const YAML::Node& changed, const YAML::Node& file, std::string_view body) {
  std::map<std::string, std::set<std::string>> origins;  // by key
  for (const auto& old : child(file, "providers")) {
    for (const auto& key : keys_of(old)) origins[key].insert(origin_of(old));
  }
  for (const auto& provider : child(changed, "providers")) {
    for (const auto& key : keys_of(provider)) {
      const auto known = origins.find(key);
      const bool sent = body.find(key) != body.npos && key.find("${") == key.npos;
      if (known == origins.end() || sent || known->second.contains(origin_of(provider))) continue;
      return fail(Code::kInvalid,
                  "providers[].base_url: the address is another one, and a key that "
                  "was kept for the old one does not go there; send its api_keys "
                  "in full, without **** and ${NAME}");
    }
  }
  return {};
}

// ---- text ---------------------------------------------------------------------------------------

std::string section_text(const std::string& name, const YAML::Node& value) {
  YAML::Emitter out;
  out << YAML::BeginMap << YAML::Key << name << YAML::Value << value << YAML::EndMap;
  return std::string(out.c_str()) + "\n";
}

std::vector<std::string_view> lines_of(std::string_view text) {
  std::vector<std::string_view> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size() - 1);
    out.push_back(text.substr(0, end + 1));
    text.remove_prefix(end + 1);
  }
  return out;
}

// Each top-level key with its lines, where all of them begin one; comments before a key are its
// own.
struct Section {
  std::string name;
  std::size_t begin = 0, end = 0;
};
std::vector<Section> sections_of(const YAML::Node& file,
                                 const std::vector<std::string_view>& lines) {
  std::vector<Section> out;
  for (const auto& entry : file) {
    const auto mark = entry.first.Mark();
    if (mark.column != 0 || mark.line < 0) return {};
    const auto line = static_cast<std::size_t>(mark.line);
    if (!out.empty() && line <= out.back().begin) return {};
    auto before = line;
    while (!out.empty() && before > out.back().begin + 1) {
      const auto text = lines[before - 1];
      if (!trim(text).empty() && !text.starts_with('#')) break;
      --before;
    }
    if (!out.empty()) out.back().end = before;
    out.push_back({entry.first.Scalar(), line, lines.size()});
  }
  return out;
}

YAML::Node merged(const YAML::Node& file, const YAML::Node& changed) {
  auto out = YAML::Clone(file);
  for (const auto& entry : changed) {
    const auto name = entry.first.Scalar();
    if (entry.second.IsNull()) {
      out.remove(name);
    } else {
      out[name] = YAML::Clone(entry.second);
    }
  }
  return out;
}

// Replaces the lines of what changes and leaves all others; "" where that does not say the same as
// `wanted`.
std::string edited(std::string_view text, const YAML::Node& file, const YAML::Node& changed,
                   const YAML::Node& wanted) {
  const auto lines = lines_of(text);
  const auto sections = sections_of(file, lines);
  if (sections.empty() && file.size() > 0) return {};
  std::string out;
  std::size_t at = 0;
  const auto copy_to = [&](std::size_t end) {
    for (; at < end; ++at) out.append(lines[at]);
    if (!out.empty() && out.back() != '\n') out.push_back('\n');
  };
  std::set<std::string> there;
  for (const auto& section : sections) {
    there.insert(section.name);
    const auto value = child(changed, section.name);
    if (!value.IsDefined()) continue;
    copy_to(section.begin);
    if (!value.IsNull()) out += section_text(section.name, value);
    at = section.end;
  }
  copy_to(lines.size());
  for (const auto& entry : changed) {
    if (there.contains(entry.first.Scalar()) || entry.second.IsNull()) continue;
    out += section_text(entry.first.Scalar(), entry.second);
  }
  try {
    const auto read = YAML::Load(out);
    if (read.size() != wanted.size()) return {};
    for (const auto& entry : wanted) {
      if (YAML::Dump(child(read, entry.first.Scalar())) != YAML::Dump(entry.second)) return {};
    }
  } catch (const YAML::Exception&) {
    return {};
  }
  return out;
}

// ---- addresses
// ------------------------------------------------------------------------------------

bool is_inner_v4(std::uint32_t address) {
  constexpr std::uint32_t kAlibaba = 0x646464c8;  // 100.100.100.200
  constexpr std::uint32_t kOracle = 0xc00000c0;   // 192.0.0.192
  return (address >> 16) == 0xa9fe || address == kAlibaba || address == kOracle;
}

bool is_inner_v6(const std::array<unsigned char, 16>& a) {
  if (a[0] == 0xfe && (a[1] & 0xc0) == 0x80) return true;  // link-local
  constexpr std::array<unsigned char, 16> kAws = {0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0,    0,
                                                  0,    0,    0,    0,    0, 0, 0x02, 0x54};
  if (a == kAws) return true;
  const bool mapped = std::all_of(a.begin(), a.begin() + 10, [](auto b) { return b == 0; }) &&
                      a[10] == 0xff && a[11] == 0xff;
  return mapped && is_inner_v4(static_cast<std::uint32_t>(a[12]) << 24 |
                               static_cast<std::uint32_t>(a[13]) << 16 |
                               static_cast<std::uint32_t>(a[14]) << 8 | a[15]);
}

// Where a cloud's machines find their own credentials, by number or by name.
bool is_inner(const std::string& named) {
  auto host = to_lower(named);
  while (host.ends_with('.')) host.pop_back();
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  in_addr four{};
  if (::inet_aton(host.c_str(), &four) != 0) return is_inner_v4(ntohl(four.s_addr));
  std::array<unsigned char, 16> six{};
  if (::inet_pton(AF_INET6, host.substr(0, host.find('%')).c_str(), six.data()) == 1) {
    return is_inner_v6(six);
  }
  return host == "metadata" || host == "instance-data" ||
         host.ends_with("metadata.google.internal");
}

}  // namespace

Result<std::string> change_config_text(std::string_view file, std::string_view body,
                                       std::string_view shown) {
  SG_ASSIGN(const auto old, read_map(file, "the configuration file"));
  SG_ASSIGN(const auto sent, read_map(body, "the body"));
  if (sent.size() == 0) {
    return fail(Code::kInvalid, R"(the body names nothing to change; send a map such as )"
                                R"({"model_aliases":{"fast":"gpt-4o-mini"}})");
  }
  YAML::Node changed = YAML::Clone(sent);
  if (speaks_seed_names(sent)) {
    SG_ASSIGN(const auto now, read_map(shown, "the configuration"));
    SG_ASSIGN(changed, from_seed_names(sent, now, old));
  }
  SG_TRY(restore_secrets(changed, old));
  SG_TRY(refuse_new_references(changed, old));
  SG_TRY(refuse_moved_keys(changed, old, body));
  if (changed.size() == 0) return std::string(file);
  const auto wanted = merged(old, changed);
  auto text = edited(file, old, changed, wanted);
  return text.empty() ? YAML::Dump(wanted) + "\n" : text;
}

Status refuse_change(const Config& before, const Config& after) {
  for (const auto& key : changed_keys(before, after)) {
    if (!stands_in_the_file_only(key)) continue;
    return fail(Code::kInvalid,
                key +
                    " stands in the configuration file only; change it there, then reload it or "
                    "restart");
  }
  std::set<std::string> known;
  for (const auto& provider : before.providers) known.insert(provider.base_url);
  for (const auto& provider : after.providers) {
    if (known.contains(provider.base_url)) continue;
    const auto url = net::parse_url(provider.base_url);
    if (!url) return fail("provider \"" + provider.id + "\"", url.error());
    auto host = url->origin.address.host;
    if (is_inner(host)) {
      return fail(Code::kInvalid, "provider \"" + provider.id +
                                      "\": base_url is an address that only the file may name "
                                      "(link-local, or a cloud's metadata service)");
    }
  }
  return {};
}

}  // namespace sightglass::app
