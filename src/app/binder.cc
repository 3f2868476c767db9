#include "app/binder.h"

#include <yaml-cpp/yaml.h>

#include <cmath>
#include <optional>
#include <set>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::app {

struct Binder::Document {
  std::string file;
  const Environment* environment = nullptr;
  std::vector<std::string> faults;
  std::vector<KeyDoc>* docs = nullptr;  // set: describe, do not read

  void fault(int line, const std::string& sentence) {
    faults.push_back(file + (line > 0 ? ":" + std::to_string(line) : "") + ": " + sentence);
  }
};

struct Binder::Map {
  YAML::Node node;  // a map, or undefined when absent
  std::string path;
  bool in_list = false;  // list elements have no environment override
  std::set<std::string> known;
};

struct Binder::Found {
  std::optional<std::string> scalar;
  YAML::Node node;
  int line = 0;
  std::string path;
};

namespace {

int line_of(const YAML::Node& node) { return node.IsDefined() ? node.Mark().line + 1 : 0; }

std::string environment_name(const std::string& path) {
  std::string name = "SIGHTGLASS_";
  for (const char c : path) {
    const bool lower = c >= 'a' && c <= 'z';
    name.push_back(lower ? static_cast<char>(c - 32) : c == '.' ? '_' : c);
  }
  return name;
}

// Replaces ${NAME}; the name of one that is not set comes back as the error.
std::expected<std::string, std::string> expand(std::string_view text, const Environment& env) {
  std::string out;
  while (true) {
    const auto open = text.find("${");
    if (open == std::string_view::npos) break;
    const auto close = text.find('}', open);
    if (close == std::string_view::npos) break;
    const std::string name(text.substr(open + 2, close - open - 2));
    const char* value = env(name.c_str());
    if (value == nullptr) return std::unexpected(name);
    out.append(text.substr(0, open)).append(value);
    text.remove_prefix(close + 1);
  }
  return out.append(text);
}

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  static constexpr std::pair<std::string_view, std::uint64_t> kUnits[] = {
      {"kib", 1ull << 10}, {"mib", 1ull << 20}, {"gib", 1ull << 30},   {"tib", 1ull << 40},
      {"kb", 1'000},       {"mb", 1'000'000},   {"gb", 1'000'000'000}, {"b", 1}};
  const auto lower = to_lower(trim(text));
  std::string_view number = lower;
  std::uint64_t unit = 1;
  for (const auto& [name, factor] : kUnits) {
    if (number.ends_with(name)) {
      number = trim(number.substr(0, number.size() - name.size()));
      unit = factor;
      break;
    }
  }
  const auto value = parse_int(number);
  if (!value || *value < 0 || static_cast<std::uint64_t>(*value) > (1ull << 60) / unit) {
    return std::nullopt;
  }
  return static_cast<std::uint64_t>(*value) * unit;
}

std::string print_duration(Nanos ns) {
  if (ns % (86'400 * kSecond) == 0 && ns > 0) return std::to_string(ns / (86'400 * kSecond)) + "d";
  if (ns % kSecond == 0) return std::to_string(ns / kSecond) + "s";
  return std::to_string(ns / kMillisecond) + "ms";
}

std::string print_bytes(std::uint64_t bytes) {
  if (bytes >= (1 << 20) && bytes % (1 << 20) == 0) return std::to_string(bytes >> 20) + "MiB";
  return std::to_string(bytes);
}

}  // namespace

Binder::Binder(Document& document, std::unique_ptr<Map> map)
    : document_(document), map_(std::move(map)) {}

// Whatever nobody asked for is a mistake of the writer's: said with line and nearest known key.
Binder::~Binder() {
  if (document_.docs != nullptr || !map_->node.IsDefined() || !map_->node.IsMap()) return;
  std::vector<std::string_view> known(map_->known.begin(), map_->known.end());
  for (const auto& entry : map_->node) {
    const auto key = entry.first.IsScalar() ? entry.first.Scalar() : std::string("?");
    if (map_->known.contains(key)) continue;
    std::string sentence = "unknown key '" + map_->path + key + "'";
    if (const auto close = nearest(key, known.data(), known.size())) {
      sentence += "; did you mean '" + *close + "'?";
    } else {
      sentence += "; docs/configuration.md lists the keys";
    }
    document_.fault(line_of(entry.first), sentence);
  }
}

Binder::Found Binder::find(const char* key, const char* type, std::string default_value,
                           const char* meaning) {
  map_->known.insert(key);
  Found found;
  found.path = map_->path + key;
  if (document_.docs != nullptr) {
    document_.docs->push_back({found.path, type, std::move(default_value), meaning});
    return found;
  }
  if (map_->node.IsDefined() && map_->node.IsMap()) {
    if (const YAML::Node node = map_->node[key]; node.IsDefined() && !node.IsNull()) {
      found.node = node;
      found.line = line_of(node);
      if (node.IsScalar()) found.scalar = node.Scalar();
    }
  }
  if (!map_->in_list) {
    if (const char* value = (*document_.environment)(environment_name(found.path).c_str())) {
      found.scalar = value;
      found.line = 0;
      found.path = environment_name(found.path);
    }
  }
  if (found.scalar) {
    auto expanded = expand(*found.scalar, *document_.environment);
    if (!expanded) {
      document_.fault(found.line, found.path + ": the environment has no '" + expanded.error() +
                                      "'; export it or remove ${" + expanded.error() + "}");
      found.scalar.reset();
      found.node = YAML::Node(YAML::NodeType::Undefined);
    } else {
      found.scalar = std::move(*expanded);
    }
  } else if (found.node.IsDefined() && !found.node.IsNull()) {
    return found;
  }
  return found;
}

void Binder::text(const char* key, std::string& value, const char* meaning) {
  auto found = find(key, "text", value, meaning);
  if (found.scalar) {
    value = std::move(*found.scalar);
  } else if (found.line > 0 && found.node.IsDefined() && !found.node.IsNull()) {
    document_.fault(found.line, found.path + ": expected a text");
  }
}

void Binder::flag(const char* key, bool& value, const char* meaning) {
  const auto found = find(key, "true or false", value ? "true" : "false", meaning);
  if (!found.scalar) return;
  if (const auto parsed = parse_bool(*found.scalar)) {
    value = *parsed;
  } else {
    document_.fault(found.line,
                    found.path + ": expected true or false, not '" + *found.scalar + "'");
  }
}

void Binder::integer(const char* key, std::int64_t& value, std::int64_t min, std::int64_t max,
                     const char* meaning) {
  const auto found = find(key, "number", std::to_string(value), meaning);
  if (!found.scalar) return;
  const auto parsed = parse_int(trim(*found.scalar));
  if (!parsed || *parsed < min || *parsed > max) {
    document_.fault(found.line, found.path + ": expected a whole number from " +
                                    std::to_string(min) + " to " + std::to_string(max) + ", not '" +
                                    *found.scalar + "'");
    return;
  }
  value = *parsed;
}

void Binder::bytes(const char* key, std::uint64_t& value, const char* meaning) {
  const auto found = find(key, "size", print_bytes(value), meaning);
  if (!found.scalar) return;
  if (const auto parsed = parse_bytes(*found.scalar)) {
    value = *parsed;
  } else {
    document_.fault(found.line,
                    found.path + ": expected a size such as 64MiB, not '" + *found.scalar + "'");
  }
}

void Binder::dollars(const char* key, std::int64_t& nanousd, const char* meaning) {
  constexpr double kMost = 1e9;
  std::string printed;
  append_decimal(printed, nanousd, 9);
  const auto found = find(key, "US dollars", printed, meaning);
  if (!found.scalar) return;
  const auto parsed = parse_double(trim(*found.scalar));
  if (!parsed || !(*parsed >= 0) || *parsed > kMost) {
    document_.fault(found.line, found.path +
                                    ": expected US dollars such as 25 or 0.50, at most "
                                    "1000000000, not '" +
                                    *found.scalar + "'");
    return;
  }
  nanousd = std::llround(*parsed * 1e9);
}

void Binder::duration(const char* key, Nanos& value, const char* meaning) {
  const auto found = find(key, "duration", print_duration(value), meaning);
  if (!found.scalar) return;
  if (const auto parsed = parse_duration_ns(*found.scalar)) {
    value = *parsed;
  } else {
    document_.fault(found.line, found.path +
                                    ": expected a duration such as 5ms, 10s, 2h or 30d, "
                                    "not '" +
                                    *found.scalar + "'");
  }
}

void Binder::texts(const char* key, std::vector<std::string>& value, const char* meaning) {
  std::string printed;
  for (const auto& one : value) printed += (printed.empty() ? "" : ", ") + one;
  const auto found = find(key, "list of texts", "[" + printed + "]", meaning);
  if (found.scalar) {
    // From the environment, or a list of one written without brackets: commas separate.
    value.clear();
    std::string_view rest = *found.scalar;
    while (!rest.empty()) {
      const auto comma = rest.find(',');
      if (const auto part = trim(rest.substr(0, comma)); !part.empty()) value.emplace_back(part);
      rest = comma == std::string_view::npos ? std::string_view{} : rest.substr(comma + 1);
    }
    return;
  }
  if (!found.node.IsDefined() || found.node.IsNull()) return;
  if (!found.node.IsSequence()) {
    document_.fault(found.line, found.path + ": expected a list");
    return;
  }
  value.clear();
  for (const auto& item : found.node) {
    const auto expanded = item.IsScalar() ? expand(item.Scalar(), *document_.environment)
                                          : std::unexpected(std::string("a text"));
    if (expanded) {
      value.push_back(*expanded);
    } else {
      document_.fault(line_of(item), found.path + ": needs '" + expanded.error() + "'");
    }
  }
}

void Binder::text_map(const char* key, std::map<std::string, std::string>& value,
                      const char* meaning) {
  std::string printed;
  for (const auto& [name, text] : value) {
    printed += (printed.empty() ? "" : ", ") + name + ": " + text;
  }
  const auto found = find(key, "map of texts", "{" + printed + "}", meaning);
  if (!found.node.IsDefined() || found.node.IsNull()) return;
  if (!found.node.IsMap()) {
    document_.fault(found.line, found.path + ": expected a map of name: text");
    return;
  }
  for (const auto& entry : found.node) {
    if (!entry.first.IsScalar() || !entry.second.IsScalar()) {
      document_.fault(line_of(entry.first), found.path + ": expected name: text");
      continue;
    }
    const auto expanded = expand(entry.second.Scalar(), *document_.environment);
    if (expanded) {
      value[entry.first.Scalar()] = *expanded;
    } else {
      document_.fault(line_of(entry.second),
                      found.path + ": the environment has no '" + expanded.error() + "'");
    }
  }
}

void Binder::section(const char* key, const std::function<void(Binder&)>& bind) {
  map_->known.insert(key);
  auto inner = std::make_unique<Map>();
  inner->path = map_->path + key + ".";
  inner->in_list = map_->in_list;
  if (document_.docs == nullptr && map_->node.IsDefined() && map_->node.IsMap()) {
    const YAML::Node node = map_->node[key];
    if (node.IsDefined() && !node.IsNull()) {
      if (node.IsMap()) {
        inner->node.reset(node);
      } else {
        document_.fault(line_of(node), map_->path + key + ": expected a map");
      }
    }
  }
  Binder binder(document_, std::move(inner));
  bind(binder);
}

void Binder::list(const char* key, const char* meaning, const std::function<void(Binder&)>& bind) {
  bind_elements(key, "list", meaning, bind);
}

void Binder::one_or_list(const char* key, const char* meaning,
                         const std::function<void(Binder&)>& bind) {
  bind_elements(key, "map or list of maps", meaning, bind);
}

void Binder::bind_elements(const char* key, std::string_view type, const char* meaning,
                           const std::function<void(Binder&)>& bind) {
  map_->known.insert(key);
  const std::string path = map_->path + key;
  const bool one_will_do = type != "list";
  const auto element = [&](const YAML::Node* node) {
    auto inner = std::make_unique<Map>();
    inner->path = path + "[].";
    inner->in_list = true;
    if (node != nullptr) inner->node.reset(*node);
    Binder binder(document_, std::move(inner));
    bind(binder);
  };
  if (document_.docs != nullptr) {
    document_.docs->push_back({path, std::string(type), one_will_do ? "" : "[]", meaning});
    element(nullptr);
    return;
  }
  if (!map_->node.IsDefined() || !map_->node.IsMap()) return;
  const YAML::Node node = map_->node[key];
  if (!node.IsDefined() || node.IsNull()) return;
  if (one_will_do && node.IsMap()) return element(&node);
  if (!node.IsSequence()) {
    document_.fault(line_of(node), path + (one_will_do ? ": expected a map or a list of maps"
                                                       : ": expected a list"));
    return;
  }
  for (const auto& item : node) {
    if (!item.IsMap()) {
      document_.fault(line_of(item), path + ": each element must be a map");
      continue;
    }
    element(&item);
  }
}

void Binder::variant(const char* key, const std::vector<Variant>& variants, const char* meaning) {
  std::string names;
  std::vector<std::string_view> candidates;
  for (const auto& one : variants) {
    names += (names.empty() ? "" : ", ") + std::string(one.name);
    candidates.emplace_back(one.name);
  }
  std::string chosen;
  text(key, chosen, meaning);
  if (document_.docs != nullptr) {
    const auto path = map_->path;
    for (const auto& one : variants) {
      map_->path = path + "(" + one.name + ").";
      one.bind(*this);
    }
    map_->path = path;
    return;
  }
  for (const auto& one : variants) {
    if (chosen == one.name) return one.bind(*this);
  }
  // Which keys it may have cannot be told: they are not each called unknown.
  for (const auto& entry : map_->node) {
    if (entry.first.IsScalar()) map_->known.insert(entry.first.Scalar());
  }
  const YAML::Node node = map_->node[key];
  std::string sentence = map_->path + key + ": ";
  sentence += chosen.empty() ? "expected one of " + names : "'" + chosen + "' is none of " + names;
  if (const auto close = nearest(chosen, candidates.data(), candidates.size())) {
    sentence += "; did you mean '" + *close + "'?";
  }
  document_.fault(line_of(node.IsDefined() ? node : map_->node), sentence);
}

bool Binder::documents() const { return document_.docs != nullptr; }

void Binder::refuse(const std::string& sentence) {
  if (document_.docs != nullptr) return;
  document_.fault(line_of(map_->node), map_->path.empty() ? sentence : map_->path + " " + sentence);
}

Status bind_document(std::string_view yaml, std::string_view file, const Environment& environment,
                     const std::function<void(Binder&)>& bind) {
  Binder::Document document;
  document.file = file;
  document.environment = &environment;
  try {
    auto root = std::make_unique<Binder::Map>();
    YAML::Node node = YAML::Load(std::string(yaml));
    if (node.IsMap()) {
      root->node.reset(node);
    } else if (!node.IsNull()) {
      document.fault(1, "expected a map of settings; docs/configuration.md has an example");
    }
    Binder binder(document, std::move(root));
    bind(binder);
  } catch (const YAML::Exception& error) {
    document.fault(error.mark.line + 1, "not valid YAML; check indentation, colons and quotes");
  }
  if (document.faults.empty()) return {};
  std::string message;
  for (const auto& fault : document.faults) message += (message.empty() ? "" : "\n") + fault;
  return fail(Code::kInvalid, message);
}

std::vector<KeyDoc> document_keys(const std::function<void(Binder&)>& bind) {
  std::vector<KeyDoc> docs;
  Binder::Document document;
  document.docs = &docs;
  Binder binder(document, std::make_unique<Binder::Map>());
  bind(binder);
  return docs;
}

}  // namespace sightglass::app
