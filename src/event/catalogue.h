// What the packs say, compiled: event types, fields with their class, meters. Names are data; the
// numbers given to them here are valid within one catalogue, which the journal names by its hash.
//
// A pack is one YAML document: `pack` (its name), `version: 1`, and any of `prefix`, `awake`,
// `fields`, `events`, `meters`; docs/packs.md tells all of it. Several packs are joined by lines of
// `---`. A field or event type that an earlier pack declared may be declared again with the same
// meaning (aliases and closed lists unite). A later document with the name of an earlier one amends
// that pack: its prefix, what it says of an event type, a meter by its name.
//
// Names of fields: a field's own name means the same everywhere. An alias that another pack's field
// has already holds for the events and meters of its own pack only; so raw records and meters are
// read with field(name, names), and field(name) is for where no pack is meant (queries, the live
// view).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "base/result.h"
#include "event/selector.h"
#include "event/value.h"

namespace sightglass::event {

struct Reports;  // event/measure.h: measures, key metrics, dashboards

using EventTypeId = std::uint16_t;
using FieldId = std::uint16_t;
using MeterId = std::uint16_t;
using NamesId = std::uint16_t;  // whose meaning of names holds; 0: no pack has one of its own here

inline constexpr FieldId kNoField = 0xffff;
inline constexpr EventTypeId kOtherEvent = 0;  // "_other": a type that no pack knows

// What kind of thing a field holds; decides whether and in which form it passes the guard.
enum class FieldClass : std::uint8_t {
  kCount,           // passes: how many
  kSize,            // passes: bytes
  kDuration,        // passes: the unit is in the name
  kMoney,           // passes: the unit is in the name
  kTime,            // passes: a point in time
  kFlag,            // passes: true or false
  kType,            // passes: one of a closed list, else "_OTHER"
  kCategory,        // passes: a short word [A-Za-z0-9._:/@+-]{1,128}
  kName,            // passes like a category, after the secret scan: model names, tool names
  kCorrelation,     // passes whole: request and trace ids of a known form
  kSourcePosition,  // passes: name.ext:line
  kIdentifier,      // passes as a keyed pseudonym
  kSecret,          // never passes; keys are named by their hash, in a field of class kCategory
  kContent,         // never passes; prompt, completion, arguments, file names
  kFreeText,        // never passes; presence and length may stand in further fields
};

// Identifiers that must join for as long as raw rows are kept: sessions and groups. Their key does
// not change with the epoch.
constexpr bool is_lasting_identifier(char kind) { return kind == 's' || kind == 'g'; }

// Whether values of this class stand behind the door in any form (an identifier: as pseudonym).
constexpr bool passes(FieldClass field_class) { return field_class < FieldClass::kSecret; }
std::string_view class_name(FieldClass field_class);  // as packs write it: "count", "free_text", …

struct Field {
  std::string name;                  // snake_case, unit last
  std::vector<std::string> aliases;  // accepted on reading, where no other field has them
  Kind kind = Kind::kText;           // kNull: any
  FieldClass field_class = FieldClass::kFreeText;
  std::string identifier_kind;      // kIdentifier: one letter, "u" person, "s" session, …
  std::vector<std::string> values;  // kType: the closed list
  // An identifier whose key changes with the epoch has a companion, `<name>_prev`, which carries
  // the pseudonym of the epoch before while both are in use. Only the door fills it: raw records,
  // meters and patterns cannot name it.
  FieldId companion = kNoField;     // of this identifier
  FieldId companion_of = kNoField;  // this field is one
  bool door_made = false;           // as little to be named: what rules for unknown fields kept
};

// A pack's rule for fields that no pack knows: of its event types, those whose value passes as one
// of this class are kept in the field `kept_fields`, as one JSON object.
struct KeepRule {
  std::string events;  // an event type's name, or its beginning and `*`
  FieldClass field_class =
      FieldClass::kCategory;      // count, size, duration, money, flag, category, name
  std::uint32_t max_names = 100;  // past so many different names further ones are dropped
};

struct EventType {
  std::string name;
  Level level = Level::kInfo;
  bool start = false;        // opens a request; its terminal must follow
  bool terminal = false;     // ends a request; becomes a row and a completed request
  bool row = false;          // becomes a row of the wide table
  std::uint32_t sample = 1;  // of so many events one becomes a row and a line; meters see them all
  NamesId names = 0;         // how its raw records name their fields
  std::vector<std::uint16_t> keeps;  // of its unknown fields: Catalogue::keep_rules(), in order
};

enum class MeterType : std::uint8_t { kCounter, kGauge, kHistogram, kDistinct };

// A stretch of event time, UTC, by whose number a meter keeps its values apart.
enum class Window : std::uint8_t { kNone, kMinute, kHour, kDay };
constexpr Nanos window_ns(Window window) {
  constexpr Nanos kLengths[] = {0, 60 * kSecond, 3'600 * kSecond, 86'400 * kSecond};
  return kLengths[static_cast<std::size_t>(window)];
}

struct MeterLabel {
  std::string name;
  FieldId field = kNoField;
};

// A rule that turns matching events into a series. Identity: name and rule_hash; a changed rule is
// a new meter that starts at 0.
struct Meter {
  std::string name;    // as exposed: [a-zA-Z_:][a-zA-Z0-9_:]*; a dot in the pack is a `_` here
  std::string dotted;  // as the pack writes it, its prefix in front: "coachup.next.request.count"
  std::string help;
  std::string unit;
  MeterType type = MeterType::kCounter;
  std::string match;  // the filter pattern, as written
  std::vector<MeterLabel> labels;
  FieldId value = kNoField;     // kNoField: count events
  FieldId or_value = kNoField;  // where an event lacks `value`: this one × 10^or_scale
  int or_scale = 0;
  int scale = 0;                      // the value is value × 10^scale (nano-dollars: -9)
  std::vector<double> buckets;        // upper bounds, ascending, without +Inf; after scaling
  std::uint32_t max_series = 10'000;  // past it, one overflow series
  bool per_event_type = false;        // the match fixes event_type: tried for those types only
  std::string created_with;           // a meter with the same labels: this one's series exist at 0
                                      // as soon as that one's do
  bool at_zero = true;                // without labels: there at 0 before its first event
  NamesId names = 0;                  // how its match names fields
  Window window = Window::kNone;      // kNone: one value for all time; else one per window too
  Nanos grace_ns = 0;                 // how long after its end a window still takes events
  std::uint32_t keep_windows = 0;     // how many windows are kept, the newest included
  std::optional<double> default_value;  // of a window with events, none of which matched
  std::string rule_hash;                // 16 hex digits
};

// What one pack brought, for listings. What an earlier pack declared is not repeated here.
struct Pack {
  std::string name;
  std::string prefix;  // in front of its meters' names
  bool awake = true;   // its meters without labels show 0 before their first event
  std::vector<EventTypeId> event_types;
  std::vector<FieldId> fields;
  std::vector<MeterId> meters;
};

struct PackFile {
  std::string path;  // for messages
  std::string text;  // one document or several
};

class PackDocument;

// What meters' patterns ask for beside the fields: an element of an array, each element of one, a
// name that no pack declares, or whether a pattern over the line's text holds. A reader of raw
// records puts it into Event::fields under the FieldId `fields().size() + index`; it serves
// matching only and never passes the door.
struct MatchOnly {
  std::string text;          // the selector's canonical text, or that of the pattern over the line
  Selector selector;         // empty for a pattern over the line
  std::string line_pattern;  // as written; the value is `true` where it holds, which LinePlan finds
  // Several values may be given, of which any can satisfy a condition; else the last one counts.
  bool many() const { return selector.has_wildcard(); }
};

// Immutable once made. Threads: safe to share. Ownership: shared_ptr to a const one, since readers
// of old journal segments hold older ones.
class Catalogue {
 public:
  // `text`: pack documents (YAML), joined; the exact bytes are what the hash names. Errors say
  // file (from the document's `pack:` name), line within that document, and the nearest known key.
  // Bounds: 4 MiB of text, 256 documents, 8192 fields and event types and 4096 meters, 32 labels a
  // meter.
  static Result<std::shared_ptr<const Catalogue>> parse(std::string text);
  // The files' texts joined in their order. Errors say file and line.
  static Result<std::shared_ptr<const Catalogue>> parse(const std::vector<PackFile>& files);

  const std::string& text() const { return text_; }
  const std::string& hash() const { return hash_; }  // 64 hex digits of SHA-256 of text()

  const std::vector<EventType>& event_types() const { return event_types_; }
  const std::vector<Field>& fields() const { return fields_; }
  const std::vector<Meter>& meters() const { return meters_; }
  const std::vector<KeepRule>& keep_rules() const { return keep_rules_; }
  FieldId kept_fields() const { return kept_fields_; }  // kNoField: no pack has such a rule
  const Reports& reports() const { return *reports_; }
  const std::vector<Pack>& packs() const { return packs_; }

  // Ids of match-only slots follow the fields'.
  const std::vector<MatchOnly>& match_only() const { return match_only_; }
  // The slot of a canonical selector or of a pattern over the line; kNoField when no meter asks.
  FieldId match_only(std::string_view text) const;
  // Where a reader puts what this selector names: a field, a slot, or kNoField. Not for event_type
  // and level, which have members of their own in Event.
  FieldId slot(const Selector& selector, NamesId names = 0) const;

  EventTypeId event_type(std::string_view name) const;  // kOtherEvent when unknown
  FieldId field(std::string_view name_or_alias) const;  // kNoField when unknown
  // What the name means in raw records of an event type (EventType::names) or in a meter's rule
  // (Meter::names). Cost: one look-up more where `names` is not 0.
  FieldId field(std::string_view name_or_alias, NamesId names) const;

 private:
  friend class CatalogueBuilder;
  Catalogue() = default;
  static Result<std::shared_ptr<const Catalogue>> build(std::string text,
                                                        const std::vector<PackDocument>& packs);
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const { return std::hash<std::string_view>{}(s); }
  };
  template <typename Id>
  using Index = std::unordered_map<std::string, Id, Hash, std::equal_to<>>;

  std::string text_;
  std::string hash_;
  std::vector<EventType> event_types_;  // [0] is "_other"
  std::vector<Field> fields_;
  std::vector<Meter> meters_;
  std::vector<KeepRule> keep_rules_;
  FieldId kept_fields_ = kNoField;
  std::shared_ptr<const Reports> reports_;
  std::vector<Pack> packs_;
  std::vector<MatchOnly> match_only_;
  Index<FieldId> match_only_index_;
  Index<EventTypeId> event_type_index_;
  Index<FieldId> field_index_;
  std::vector<Index<FieldId>> own_names_;  // NamesId → what differs from field_index_; [0] nothing
};

}  // namespace sightglass::event
