#include "codec/json_reader.h"

#include <array>
#include <optional>
#include <vector>

#include "base/text.h"
#include "codec/field_tree.h"
#include "codec/json_document.h"
#include "codec/json_fault.h"
#include "codec/time.h"
#include "codec/unknown_fields.h"

namespace sightglass::codec {
namespace {

using event::Kind;
using event::Value;

constexpr Nanos kFutureBound = 3'600 * kSecond;
constexpr Nanos kAncientBound = 946'684'800 * kSecond;  // 2000-01-01
constexpr std::size_t kMaxEventIdBytes = 256;

struct LevelName {
  std::string_view name;
  Level level;
};
constexpr std::array<LevelName, 13> kLevelNames = {{{"debug", Level::kDebug},
                                                    {"trace", Level::kDebug},
                                                    {"verbose", Level::kDebug},
                                                    {"info", Level::kInfo},
                                                    {"information", Level::kInfo},
                                                    {"notice", Level::kInfo},
                                                    {"warn", Level::kWarn},
                                                    {"warning", Level::kWarn},
                                                    {"error", Level::kError},
                                                    {"err", Level::kError},
                                                    {"critical", Level::kCritical},
                                                    {"fatal", Level::kCritical},
                                                    {"emergency", Level::kCritical}}};

// The numbers of bunyan and pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal.
Level level_of(std::int64_t number) {
  if (number >= 60) return Level::kCritical;
  if (number >= 50) return Level::kError;
  if (number >= 40) return Level::kWarn;
  return number >= 30 ? Level::kInfo : Level::kDebug;
}

// The places of one naming, and which object had each last.
struct Naming {
  Naming(const event::Catalogue& catalogue, event::NamesId names)
      : tree(catalogue, names), seen(tree.size(), 0) {}
  const FieldTree tree;
  std::vector<std::uint32_t> seen;  // by node
};

}  // namespace

bool parse_level(std::string_view text, Level& out) {
  for (const auto& [name, level] : kLevelNames) {
    if (!equals_ignoring_case(text, name)) continue;
    out = level;
    return true;
  }
  return false;
}

Verdict judge_time(Nanos time_ns, Nanos accept_ns) {
  if (time_ns > accept_ns + kFutureBound) return Verdict::kFutureTime;
  return time_ns < kAncientBound ? Verdict::kAncientTime : Verdict::kAccepted;
}

struct JsonReader::State {
  explicit State(const event::Catalogue& c)
      : catalogue(c), types(c.event_types().size()), levels(kLevelNames.size()) {
    for (std::size_t i = 0; i < c.event_types().size(); ++i) {
      types.add(0, c.event_types()[i].name, static_cast<std::uint32_t>(i));
    }
    for (const auto& [name, level] : kLevelNames) {
      levels.add(0, name, static_cast<std::uint32_t>(level));
    }
  }

  void walk_object(const JsonNode& object, NodeId at);
  void walk_array(const JsonNode& array, NodeId at);
  void walk(const JsonNode& value, NodeId at);
  void put(const event::Value& value, NodeId at, event::FieldId field);
  // What no pack knows goes to the door where a pack has a rule for it.
  bool keep(const JsonNode& member) {
    return keeps && member.form == JsonNode::Form::kScalar &&
           set_aside(member.key(), member.value, *event, *notes);
  }
  void note(Meaning meaning, const event::Value& value);
  void note_level(const event::Value& value);
  void note_time(const event::Value& value);
  void forget(NodeId at);
  void find_type();
  event::EventTypeId type_named(std::string_view name) const;
  void use_names(event::NamesId names);
  const FieldTree& tree() const { return naming->tree; }
  // The values directly in an object or array, one after the other.
  template <typename Visit>
  void for_each_in(const JsonNode& container, const Visit& visit) {
    const auto* const first = document.nodes().data();
    const auto* const end = first + container.end;
    for (const auto* at = &container + 1; at != end; at = first + at->end) visit(*at);
  }

  const event::Catalogue& catalogue;
  NameTable types, levels;
  std::vector<std::unique_ptr<Naming>> namings;  // by NamesId, made when first met
  JsonDocument document;
  JsonFault fault;
  TimeReader times;

  // The record in hand.
  event::Event* event = nullptr;
  RecordNotes* notes = nullptr;
  Naming* naming = nullptr;
  std::vector<NodeId> places;  // of event->fields, one each
  std::uint32_t object = 0;    // counts objects, over all records
  bool has_time = false;
  bool keeps = false;  // some pack has a rule for its unknown fields
};

// What an earlier value of the same key brought.
void JsonReader::State::forget(NodeId at) {
  const auto end = tree().node(at).end;
  std::size_t kept = 0;
  auto& fields = event->fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (places[i] >= at && places[i] < end) continue;
    fields[kept] = fields[i];
    places[kept++] = places[i];
  }
  fields.resize(kept);
  places.resize(kept);
}

void JsonReader::State::walk_object(const JsonNode& members, NodeId at) {
  const auto mine = ++object;
  const auto any = tree().node(at).any_member;
  auto& seen = naming->seen;
  for_each_in(members, [&](const JsonNode& member) {
    if (any != kNoNode) walk(member, any);
    const auto child = tree().child(at, Name::of_padded(member.key()));
    if (child == kNoNode) {
      if (at != kRoot || !keep(member)) ++notes->unknown_fields;
      return;
    }
    if (seen[child] == mine) forget(child);
    seen[child] = mine;
    walk(member, child);
    // A pattern may look at what is no field.
    if (!keeps || at != kRoot) return;
    const auto& node = tree().node(child);
    const bool nobodys = node.field == event::kNoField && node.meaning == Meaning::kNone;
    if (nobodys && keep(member)) --notes->unknown_fields;
  });
}

void JsonReader::State::walk_array(const JsonNode& array, NodeId at) {
  const auto& node = tree().node(at);
  std::size_t index = 0;
  for_each_in(array, [&](const JsonNode& element) {
    const auto one = tree().element(at, index++);
    if (one != kNoNode) walk(element, one);
    if (node.any_element != kNoNode) walk(element, node.any_element);
  });
}

void JsonReader::State::walk(const JsonNode& value, NodeId at) {
  const auto& node = tree().node(at);
  if (value.form == JsonNode::Form::kScalar) [[likely]] {
    if (node.field != event::kNoField) put(value.value, at, node.field);
    if (node.slot != event::kNoField) put(value.value, at, node.slot);
    if (node.meaning != Meaning::kNone) return note(node.meaning, value.value);
    if (node.field == event::kNoField) ++notes->unknown_fields;
  } else if (value.form == JsonNode::Form::kObject) {
    if (node.has_keys) return walk_object(value, at);
    ++notes->unknown_fields;
  } else {
    if (node.has_elements) return walk_array(value, at);
    ++notes->unknown_fields;
  }
}

// A null stays null: a pattern may ask for it.
void JsonReader::State::put(const Value& value, NodeId at, event::FieldId field) {
  // Member by member: a copy of the pair is read back before it is written, 4 ns each.
  auto& put = event->fields.emplace_back();
  put.field = field;
  put.value = value;
  places.push_back(at);
}

void JsonReader::State::note(Meaning meaning, const Value& value) {
  switch (meaning) {
    case Meaning::kLevel:
      return note_level(value);
    case Meaning::kTime:
      return note_time(value);
    case Meaning::kEventId:
      if (value.kind() == Kind::kText && value.as_text().size() <= kMaxEventIdBytes) {
        notes->event_id = value.as_text();
      }
      return;
    case Meaning::kType:  // find_type() has read it
    case Meaning::kNone:
      return;
  }
}

void JsonReader::State::note_level(const Value& value) {
  if (value.kind() == Kind::kInt) event->level = level_of(value.as_int());
  if (value.kind() != Kind::kText) return;
  // Mostly they are in lower case: 7 ns instead of 18.
  const auto level = levels.find(0, Name::of_padded(value.as_text()));
  if (level != NameTable::kNone) {
    event->level = static_cast<Level>(level);
  } else {
    (void)parse_level(value.as_text(), event->level);
  }
}

void JsonReader::State::note_time(const Value& value) {
  std::optional<Nanos> time;
  if (value.kind() == Kind::kText) time = times.read(value.as_text());
  if (value.kind() == Kind::kInt) time = unix_time(value.as_int());
  if (value.kind() == Kind::kDouble) time = unix_time(value.as_double());
  if (time) event->time_ns = *time;
  has_time = has_time || time.has_value();
  notes->time_unreadable = !time.has_value() && !value.is_null();
}

event::EventTypeId JsonReader::State::type_named(std::string_view name) const {
  const auto type = types.find(0, Name::of_padded(name));
  return type == NameTable::kNone ? event::kOtherEvent : static_cast<event::EventTypeId>(type);
}

// The type, before anything else is read: it decides what the names mean.
void JsonReader::State::find_type() {
  bool said = false;
  auto type = event::kOtherEvent, named = event::kOtherEvent;
  for_each_in(document.nodes()[0], [&](const JsonNode& member) {
    const auto key = member.key();
    constexpr std::uint32_t kSizes = 1u << 4 | 1u << 5 | 1u << 9 | 1u << 10;
    if (key.size() > 10 || (kSizes >> key.size() & 1) == 0) return;
    if (key[0] != 'e' && key[0] != 't') return;
    const bool says = key == "event_type" || key == "eventType";
    if (!says && key != "event" && key != "type") return;
    if (member.value.kind() != Kind::kText) return;
    const auto known = type_named(member.value.as_text());
    if (says) {
      type = known;
      said = true;
    } else if (known != event::kOtherEvent) {
      named = known;
    }
  });
  event->type = said ? type : named;
  event->level = catalogue.event_types()[event->type].level;
  const auto& meaning = catalogue.event_types()[event->type];
  keeps = !meaning.keeps.empty();
  use_names(meaning.names);
}

void JsonReader::State::use_names(event::NamesId names) {
  if (namings.size() <= names) namings.resize(names + std::size_t{1});
  auto& place = namings[names];
  if (place == nullptr) place = std::make_unique<Naming>(catalogue, names);
  naming = place.get();
}

JsonReader::JsonReader(const event::Catalogue& catalogue)
    : state_(std::make_unique<State>(catalogue)) {}
JsonReader::~JsonReader() = default;

JsonReader::Ahead::Ahead(JsonReader& reader, std::string_view lines) : reader_(reader) {
  reader_.state_->document.look_ahead(lines);
}
JsonReader::Ahead::~Ahead() { reader_.state_->document.forget_ahead(); }

Verdict JsonReader::read(std::string_view line, Nanos accept_ns, event::Event& out,
                         RecordNotes& notes) {
  notes = {};
  if (line.size() > kMaxRecordBytes) return Verdict::kTooLong;
  auto& s = *state_;
  if (!s.document.read(line)) {
    const auto verdict = s.fault.judge(line);
    return verdict == Verdict::kAccepted ? Verdict::kBadJson : verdict;
  }
  s.event = &out;
  s.notes = &notes;
  s.has_time = false;
  s.places.clear();
  out.time_ns = accept_ns;
  out.meters.clear();
  out.fields.clear();
  out.unknown.clear();
  s.find_type();
  s.walk_object(s.document.nodes()[0], kRoot);
  notes.time_missing = !s.has_time && !notes.time_unreadable;
  if (s.has_time) notes.time_unreadable = false;
  return s.has_time ? judge_time(out.time_ns, accept_ns) : Verdict::kAccepted;
}

}  // namespace sightglass::codec
