#include "codec/text_reader.h"

#include <simdjson.h>

#include "base/text.h"
#include "codec/field_tree.h"
#include "codec/time.h"
#include "codec/unknown_fields.h"

namespace sightglass::codec {
namespace {

using event::Kind;
using event::Value;

constexpr std::string_view kMark = "[METRIC] [";

bool is_name_byte(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '.' || c == '-' || c == ':';
}

bool is_key_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

// The length of `key=` at the front of `text`, with the sign; 0 when it begins otherwise.
std::size_t key_length(std::string_view text) {
  if (text.empty() || !is_key_start(text.front())) return 0;
  std::size_t i = 1;
  while (i < text.size() && is_name_byte(text[i])) ++i;
  return i < text.size() && text[i] == '=' ? i + 1 : 0;
}

// Where the bare value at the front of `text` ends: before the next ` key=`, or at the end. What
// follows a semicolon is a parameter of the value (`text/plain; charset=utf-8`) unless it is a
// field.
std::size_t bare_length(std::string_view text, const event::Catalogue& catalogue) {
  for (auto blank = text.find(' '); blank != std::string_view::npos;
       blank = text.find(' ', blank + 1)) {
    const auto key = key_length(text.substr(blank + 1));
    if (key == 0) continue;
    const bool parameter = blank > 0 && text[blank - 1] == ';' &&
                           catalogue.field(text.substr(blank + 1, key - 1)) == event::kNoField;
    if (!parameter) return blank;
  }
  return text.size();
}

// The length of the quoted value at the front of `text`, with its quotes; 0 when it is none: no
// closing quote with a blank or the end behind it.
std::size_t quoted_length(std::string_view text) {
  if (text.empty() || text.front() != '"') return 0;
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '\\') {
      ++i;
    } else if (text[i] == '"') {
      return i + 1 == text.size() || text[i + 1] == ' ' ? i + 1 : 0;
    }
  }
  return 0;
}

// A logger's time in front of the line: as much of it as reads as one.
bool leading_time(std::string_view text, Nanos& out) {
  constexpr std::size_t kLongest = 35, kShortest = 19;
  text = text.substr(0, kLongest);
  if (text.size() < kShortest || text[4] != '-') return false;
  // With its zone, or up to the first blank behind the seconds.
  auto end = text.find_first_of(" ]", kShortest);
  if (end == std::string_view::npos) end = text.size();
  const auto time = parse_time(trim(text.substr(0, end)));
  if (time) out = *time;
  return time.has_value();
}

// Of a pair that no pack knows: what its text looks like.
Value guessed(std::string_view text) {
  if (text == "None" || text == "null") return {};
  if (const auto whole = parse_int(text)) return Value::integer(*whole);
  if (const auto number = parse_double(text)) return Value::number(*number);
  if (equals_ignoring_case(text, "true")) return Value::boolean(true);
  if (equals_ignoring_case(text, "false")) return Value::boolean(false);
  return Value::text(text);
}

}  // namespace

// What a line's names mean: the same as the top of a record's tree.
struct TextReader::Names {
  Names(const event::Catalogue& catalogue, event::NamesId names)
      : tree(catalogue, names), user(field("user_id")) {}
  event::FieldId field(std::string_view name) const {
    const auto node = tree.child(kRoot, Name::of(name));
    return node == kNoNode ? event::kNoField : tree.node(node).field;
  }
  const FieldTree tree;
  const event::FieldId user;
};

TextReader::TextReader(const event::Catalogue& catalogue, JsonReader& json)
    : catalogue_(catalogue), json_(json) {}
TextReader::~TextReader() = default;

const TextReader::Names& TextReader::names_of(event::EventTypeId type) {
  const auto id = catalogue_.event_types()[type].names;
  if (names_.size() <= id) names_.resize(id + std::size_t{1});
  if (names_[id] == nullptr) names_[id] = std::make_unique<Names>(catalogue_, id);
  return *names_[id];
}

Verdict TextReader::read(std::string_view line, Nanos accept_ns, event::Event& out,
                         RecordNotes& notes) {
  notes = {};
  if (line.size() > kMaxRecordBytes) return Verdict::kTooLong;
  if (line.starts_with('{')) return json_.read(line, accept_ns, out, notes);
  if (line.find('\0') != std::string_view::npos) return Verdict::kNulByte;
  if (!simdjson::validate_utf8(line.data(), line.size())) return Verdict::kBadUtf8;
  if (const auto mark = line.find(kMark); mark != std::string_view::npos) {
    return read_activity(line, mark, accept_ns, out, notes);
  }
  const auto brace = line.find('{');
  if (brace == std::string_view::npos || !line.ends_with('}')) return Verdict::kNotAnEvent;
  const auto verdict = json_.read(line.substr(brace), accept_ns, out, notes);
  const bool is_json = verdict == Verdict::kAccepted || verdict == Verdict::kFutureTime ||
                       verdict == Verdict::kAncientTime;
  return is_json ? verdict : Verdict::kNotAnEvent;
}

Verdict TextReader::read_activity(std::string_view line, std::size_t mark, Nanos accept_ns,
                                  event::Event& out, RecordNotes& notes) {
  auto rest = line.substr(mark + kMark.size());
  const auto bracket = rest.find("] ");
  if (bracket == std::string_view::npos) return Verdict::kNotAnEvent;
  auto user = trim(rest.substr(0, bracket));
  rest = trim(rest.substr(bracket + 2));
  std::size_t n = 0;
  while (n < rest.size() && is_name_byte(rest[n])) ++n;
  if (n == 0 || n > 128 || (n < rest.size() && rest[n] != ' ')) return Verdict::kNotAnEvent;

  out.type = catalogue_.event_type(rest.substr(0, n));
  out.level = catalogue_.event_types()[out.type].level;
  out.time_ns = accept_ns;
  out.meters.clear();
  out.fields.clear();
  out.unknown.clear();
  notes.time_missing = !leading_time(line.substr(0, mark), out.time_ns);
  if (user.empty() || user == "None" || user == "null") user = "unknown";
  const auto& names = names_of(out.type);
  if (names.user != event::kNoField) out.fields.push_back({names.user, Value::text(user)});
  rest.remove_prefix(n);
  unquoted_.clear();
  unquoted_.reserve(rest.size());  // what points into it must not move
  while (!(rest = trim(rest)).empty()) {
    const auto key = key_length(rest);
    if (key == 0) return Verdict::kNotAnEvent;
    const auto name = rest.substr(0, key - 1);
    rest.remove_prefix(key);
    const auto quoted = quoted_length(rest);
    if (quoted == 0) {
      const auto size = bare_length(rest, catalogue_);
      put(name, trim(rest.substr(0, size)), out, notes);
      rest.remove_prefix(size);
      continue;
    }
    const auto from = unquoted_.size();
    for (std::size_t i = 1; i + 1 < quoted; ++i) {
      if (rest[i] == '\\' && i + 2 < quoted) ++i;
      unquoted_.push_back(rest[i]);
    }
    put(name, std::string_view(unquoted_).substr(from), out, notes);
    rest.remove_prefix(quoted);
  }
  return notes.time_missing ? Verdict::kAccepted : judge_time(out.time_ns, accept_ns);
}

// The text as what its field holds.
void TextReader::put(std::string_view name, std::string_view text, event::Event& out,
                     RecordNotes& notes) {
  const auto field = names_of(out.type).field(name);
  if (field == event::kNoField) {
    const bool keeps = !catalogue_.event_types()[out.type].keeps.empty();
    if (!keeps || !set_aside(name, guessed(text), out, notes)) ++notes.unknown_fields;
    return;
  }
  const auto& declared = catalogue_.fields()[field];
  auto value = Value::text(text);
  if (declared.kind == Kind::kInt || declared.kind == Kind::kDouble ||
      declared.kind == Kind::kNull) {
    if (const auto whole = parse_int(text)) {
      value = Value::integer(*whole);
    } else if (const auto number = parse_double(text)) {
      value = Value::number(*number);
    }
  } else if (declared.kind == Kind::kBool) {
    if (equals_ignoring_case(text, "true")) value = Value::boolean(true);
    if (equals_ignoring_case(text, "false")) value = Value::boolean(false);
  }
  if (text == "None" || text == "null") value = Value();
  out.fields.push_back({field, value});
}

}  // namespace sightglass::codec
