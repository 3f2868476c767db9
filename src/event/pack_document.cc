#include "event/pack_document.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <sstream>

#include "base/text.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxTextBytes = 4u << 20;
constexpr std::size_t kMaxDocuments = 256;
constexpr std::size_t kMaxNodes = 200'000;  // a document's; anchors can multiply what was written
constexpr std::size_t kMaxDepth = 12;
constexpr std::size_t kMaxShownBytes = 80;

class Converter {
 public:
  explicit Converter(const PackDocument& document) : document_(document) {}

  Status convert(const YAML::Node& from, std::size_t depth, PackNode& to) {
    to.line = std::max(0, from.Mark().line) + 1;
    if (++nodes_ > kMaxNodes) return document_.error(to.line, "the pack is too large");
    if (depth > kMaxDepth) return document_.error(to.line, "nested too deep");
    if (from.IsScalar()) {
      to.kind = PackNode::Kind::kScalar;
      to.scalar = from.Scalar();
    } else if (from.IsSequence()) {
      to.kind = PackNode::Kind::kList;
      for (const auto& item : from) SG_TRY(convert(item, depth + 1, to.items.emplace_back()));
    } else if (from.IsMap()) {
      to.kind = PackNode::Kind::kMap;
      for (const auto& entry : from) {
        if (!entry.first.IsScalar()) {
          return document_.error(entry.first.Mark().line + 1, "a key must be a plain word");
        }
        auto& out = to.entries.emplace_back();
        out.key = entry.first.Scalar();
        out.line = std::max(0, entry.first.Mark().line) + 1;
        SG_TRY(convert(entry.second, depth + 1, out.value));
        // An absent value has no place of its own.
        if (out.value.kind == PackNode::Kind::kNothing) out.value.line = out.line;
      }
    }
    return {};
  }

 private:
  const PackDocument& document_;
  std::size_t nodes_ = 0;
};

// Ends the parser by an exception once it has seen more than a pack can hold. The library's loaders
// have no such bound: some malformed texts make them build nodes, or documents, for ever.
class Bounds final : public YAML::EventHandler {
 public:
  struct Exceeded {};

  void OnDocumentStart(const YAML::Mark&) override { take(); }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override { take(); }
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override { take(); }
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t,
                const std::string&) override {
    take();
  }
  void OnSequenceStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                       YAML::EmitterStyle::value) override {
    enter();
  }
  void OnSequenceEnd() override { --depth_; }
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t,
                  YAML::EmitterStyle::value) override {
    enter();
  }
  void OnMapEnd() override { --depth_; }

 private:
  void take() {
    if (++nodes_ > kMaxNodes) throw Exceeded();
  }
  void enter() {
    take();
    if (++depth_ > 2 * kMaxDepth) throw Exceeded();
  }
  std::size_t nodes_ = 0, depth_ = 0;
};

bool is_single_document(const std::string& text) {
  std::istringstream in(text);
  YAML::Parser parser(in);
  Bounds bounds;
  return parser.HandleNextDocument(bounds) && !parser.HandleNextDocument(bounds);
}

bool is_document_mark(std::string_view line) {
  return line.starts_with("---") && trim(line.substr(3)).empty();
}

struct Part {
  std::string_view text;
  int first_line = 1;
};

std::vector<Part> split_documents(std::string_view text) {
  std::vector<Part> out;
  Part part;
  std::size_t began = 0;
  std::size_t at = 0;
  for (int line = 1; at < text.size(); ++line) {
    const auto end = std::min(text.find('\n', at), text.size());
    if (is_document_mark(text.substr(at, end - at))) {
      part.text = text.substr(began, at - began);
      out.push_back(part);
      began = std::min(end + 1, text.size());
      part.first_line = line + 1;
    }
    at = end + 1;
  }
  part.text = text.substr(began);
  out.push_back(part);
  return out;
}

void set_origin(const std::vector<PackOrigin>& origins, int first_line, PackDocument& out) {
  for (const auto& origin : origins) {
    if (origin.first_line > first_line) break;
    out.file = origin.file;
    out.line_before = first_line - origin.first_line;
  }
}

bool is_empty_document(std::string_view text) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    if (!line.empty() && line.front() != '#') return false;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return true;
}

// The name as it stands in the text, so that a syntax error can say it as well.
std::string find_name(std::string_view text, std::size_t ordinal) {
  constexpr std::string_view kKey = "pack:";
  std::size_t at = 0;
  while (at < text.size()) {
    const auto end = std::min(text.find('\n', at), text.size());
    auto line = text.substr(at, end - at);
    if (line.starts_with(kKey)) {
      line.remove_prefix(kKey.size());
      line = trim(line.substr(0, line.find('#')));
      const bool plain = !line.empty() && line.size() <= 64 &&
                         line.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-_") ==
                             std::string_view::npos;
      if (plain) return std::string(line);
    }
    at = end + 1;
  }
  return "number " + std::to_string(ordinal);
}

Status parse_document(std::string_view text, PackDocument& out) {
  int line = 0;
  try {
    const std::string document(text);
    if (!is_single_document(document)) {
      return out.error(1, "packs are joined by lines that hold only ---");
    }
    return Converter(out).convert(YAML::Load(document), 0, out.root);
  } catch (const Bounds::Exceeded&) {
    return out.error(1, "the pack is too large, or nested too deep");
  } catch (const YAML::Exception& error) {
    line = std::max(0, error.mark.line) + 1;
  } catch (const std::exception&) {
    line = 1;
  }
  return out.error(line,
                   "this is not YAML; look for indentation, an open quote or bracket, or a colon "
                   "without a blank here or just above");
}

}  // namespace

const PackNode* PackNode::find(std::string_view key) const {
  for (const auto& entry : entries) {
    if (entry.key == key) return &entry.value;
  }
  return nullptr;
}

std::unexpected<Error> PackDocument::error(int line, std::string_view what) const {
  if (file.empty()) {
    return fail(Code::kInvalid,
                "pack " + name + ", line " + std::to_string(line) + ": " + std::string(what));
  }
  return fail(Code::kInvalid, file + ":" + std::to_string(line_before + line) + ": pack " + name +
                                  ": " + std::string(what));
}

Status PackDocument::check_keys(const PackNode& map, std::string_view owner,
                                std::initializer_list<std::string_view> known) const {
  if (map.kind != PackNode::Kind::kMap) {
    return error(map.line, std::string(owner) + " must be a map of `key: value`");
  }
  for (std::size_t i = 0; i < map.entries.size(); ++i) {
    const auto& entry = map.entries[i];
    if (std::find(known.begin(), known.end(), entry.key) == known.end()) {
      return error(entry.line, "unknown key " + quoted(entry.key) + " in " + std::string(owner) +
                                   did_you_mean(entry.key, known));
    }
    for (std::size_t j = 0; j < i; ++j) {
      if (map.entries[j].key == entry.key) {
        return error(entry.line, quoted(entry.key) + " stands twice in " + std::string(owner));
      }
    }
  }
  return {};
}

Status PackDocument::read(const PackNode& map, std::string_view owner, std::string_view key,
                          std::string& out) const {
  const auto* const node = map.find(key);
  if (node == nullptr) return {};
  if (node->kind != PackNode::Kind::kScalar) {
    return error(node->line, std::string(key) + " of " + std::string(owner) + " must be one value");
  }
  out = node->scalar;
  return {};
}

Status PackDocument::read(const PackNode& map, std::string_view owner, std::string_view key,
                          bool& out) const {
  const auto* const node = map.find(key);
  if (node == nullptr) return {};
  if (node->scalar != "true" && node->scalar != "false") {
    return error(node->line,
                 std::string(key) + " of " + std::string(owner) + " must be true or false");
  }
  out = node->scalar == "true";
  return {};
}

Status PackDocument::read(const PackNode& map, std::string_view owner, std::string_view key,
                          std::vector<std::string>& out) const {
  const auto* const node = map.find(key);
  if (node == nullptr) return {};
  const bool list = node->kind == PackNode::Kind::kList;
  const bool scalars = std::all_of(node->items.begin(), node->items.end(), [](const auto& item) {
    return item.kind == PackNode::Kind::kScalar;
  });
  if (!list || !scalars) {
    return error(node->line,
                 std::string(key) + " of " + std::string(owner) + " must be a list: [a, b]");
  }
  for (const auto& item : node->items) out.push_back(item.scalar);
  return {};
}

Status PackDocument::read(const PackNode& map, std::string_view owner, std::string_view key,
                          std::uint32_t min, std::uint32_t max, std::uint32_t& out) const {
  const auto* const node = map.find(key);
  if (node == nullptr) return {};
  const auto number = parse_int(node->scalar);
  if (!number || *number < min || *number > max) {
    return error(node->line, std::string(key) + " of " + std::string(owner) +
                                 " is a whole number from " + std::to_string(min) + " to " +
                                 std::to_string(max));
  }
  out = static_cast<std::uint32_t>(*number);
  return {};
}

Result<std::vector<PackDocument>> parse_documents(std::string_view text,
                                                  const std::vector<PackOrigin>& origins) {
  if (text.size() > kMaxTextBytes)
    return fail(Code::kTooLarge, "packs have at most 4 MiB together");
  std::vector<PackDocument> out;
  for (const auto& part : split_documents(text)) {
    if (is_empty_document(part.text)) continue;
    if (out.size() == kMaxDocuments) return fail(Code::kTooLarge, "at most 256 packs");
    auto& document = out.emplace_back();
    document.name = find_name(part.text, out.size());
    set_origin(origins, part.first_line, document);
    SG_TRY(parse_document(part.text, document));
  }
  return out;
}

std::string quoted(std::string_view word) {
  std::string out = "\"";
  for (const char c : word.substr(0, kMaxShownBytes)) out += c >= 0x20 && c < 0x7f ? c : '?';
  if (word.size() > kMaxShownBytes) out += "...";
  return out + '"';
}

std::string did_you_mean(std::string_view word, const std::vector<std::string_view>& known) {
  if (word.size() > kMaxShownBytes) return {};
  const auto best = nearest(word, known.data(), known.size());
  return best ? "; did you mean " + *best + "?" : std::string();
}

}  // namespace sightglass::event
