// The compiled plan against the plain evaluator: the input's first lines are patterns, one each to
// an empty line; what follows makes events.
// Parser: event/match_plan.cc event/pattern_node.cc
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "event/pattern.h"

namespace {

using namespace sightglass::event;

constexpr std::size_t kMaxPatterns = 80;
constexpr std::string_view kHead =
    "pack: f\nversion: 1\nfields:\n  a: { kind: any, class: content, aliases: [x.y] }\n"
    "  b: { kind: any, class: free_text }\n  c: { kind: any, class: content }\n"
    "events: { e1: {}, e2: {} }\nmeters:\n";

// A meter of the pack; nothing for what is no pattern, or no line of YAML.
void add_meter(std::string_view pattern, std::size_t id, std::string& pack) {
  pack += "  - { metric: m" + std::to_string(id) + ", type: counter, help: h, match: '";
  for (const char c : pattern) pack.append(c == '\'' ? "''" : std::string(1, c));
  pack += "' }\n";
}

bool is_plain(std::string_view text) {
  for (const char c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) > 0x7e) return false;
  }
  return true;
}

class Bytes {
 public:
  explicit Bytes(std::string_view bytes) : bytes_(bytes) {}
  bool empty() const { return bytes_.empty(); }
  std::uint8_t next() {
    if (bytes_.empty()) return 0;
    const auto out = static_cast<std::uint8_t>(bytes_[0]);
    bytes_.remove_prefix(1);
    return out;
  }
  Value value() {
    switch (next() % 8) {
      case 0:
        return {};
      case 1:
        return Value::nested();
      case 2:
        return Value::boolean(next() % 2 == 1);
      case 3:
        return Value::integer(static_cast<std::int8_t>(next()));
      case 4:
        return Value::number(static_cast<std::int8_t>(next()) / 4.0);
      default:
        break;
    }
    const auto size = std::min<std::size_t>(next() % 8, bytes_.size());
    const auto text = bytes_.substr(0, size);
    bytes_.remove_prefix(size);
    return Value::text(text);
  }

 private:
  std::string_view bytes_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view text(reinterpret_cast<const char*>(data), size);
  std::string pack(kHead);
  std::vector<Pattern> patterns;
  while (!text.empty() && patterns.size() < kMaxPatterns) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) break;
    if (!is_plain(line)) continue;
    auto pattern = Pattern::parse(line);
    if (!pattern) continue;
    add_meter(line, patterns.size(), pack);
    patterns.push_back(std::move(*pattern));
  }
  if (patterns.empty()) return 0;
  const auto catalogue = Catalogue::parse(pack);
  if (!catalogue) std::abort();
  const auto plan = MatchPlan::compile(*catalogue);
  if (!plan) std::abort();
  const auto n_ids = (*catalogue)->fields().size() + (*catalogue)->match_only().size() + 1;
  Bytes bytes(text);
  MatchPlan::Scratch scratch;
  for (int round = 0; round < 16 && !bytes.empty(); ++round) {
    Event event;
    event.type = bytes.next() % 4;
    event.level = static_cast<sightglass::Level>(bytes.next() % 5);
    for (int n = bytes.next() % 8; n > 0; --n) {
      const auto id = static_cast<FieldId>(bytes.next() % n_ids);
      event.fields.push_back({id, bytes.value()});
    }
    std::vector<MeterId> expected;
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      if (patterns[i].matches(**catalogue, event)) expected.push_back(static_cast<MeterId>(i));
    }
    (*plan)->match(event, scratch);
    std::vector<MeterId> actual;
    for (const auto& hit : event.meters) actual.push_back(hit.meter);
    if (actual != expected) std::abort();
  }
  return 0;
}
