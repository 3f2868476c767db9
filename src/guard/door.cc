#include "guard/door.h"

#include <array>
#include <vector>

#include "guard/field_guard.h"
#include "guard/kept_fields.h"
#include "guard/key_epochs.h"
#include "guard/pseudonym_cache.h"

namespace sightglass::guard {
namespace {

using event::FieldClass;

constexpr std::size_t kClasses = static_cast<std::size_t>(FieldClass::kFreeText) + 1;
// Text that the door makes for one field: a number's digits, an e-mail in lower case, a pseudonym.
constexpr std::size_t kArenaBytesPerField = FieldGuard::kNumberBytes + 2 * kMaxPseudonymBytes;
constexpr std::size_t kMaxIdentifierBytes = 1024;
constexpr char kPersonKind = 'u';

// Why a field was dropped; a label, so a closed list.
enum class Reason : std::uint8_t {
  kClass,         // its class never passes
  kKind,          // a number where text belongs, and so on
  kForm,          // not in the form of its class
  kSecret,        // looks like a secret
  kNoKey,         // an identifier without a pseudonym key
  kUnknownField,  // a number that the catalogue does not have
  kDuplicate,     // given twice; the last counts
};
constexpr std::array<std::string_view, 7> kReasons = {
    "class", "kind", "form", "secret", "no_key", "unknown_field", "duplicate"};

Reason reason_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::kKind:
      return Reason::kKind;
    case Verdict::kForm:
      return Reason::kForm;
    case Verdict::kSecret:
      return Reason::kSecret;
    case Verdict::kClass:
    case Verdict::kPass:
    case Verdict::kOther:
    case Verdict::kIdentifier:
      break;
  }
  return Reason::kClass;
}

// The door's counters, registered once. The sum over classes plus the unknown fields equals the sum
// over reasons.
struct Counters {
  explicit Counters(Telemetry& telemetry)
      : other(&telemetry.counter("sightglass_guard_other_total",
                                 "Values outside their closed list, passed as _OTHER.")) {
    for (std::size_t i = 0; i < kClasses; ++i) {
      const auto name = event::class_name(static_cast<FieldClass>(i));
      by_class[i] = &telemetry.counter("sightglass_guard_dropped_total",
                                       "Fields that did not pass the door, by class.",
                                       {{"class", std::string(name)}});
    }
    for (std::size_t i = 0; i < kReasons.size(); ++i) {
      by_reason[i] = &telemetry.counter("sightglass_guard_dropped_by_reason_total",
                                        "Fields that did not pass the door, by reason.",
                                        {{"reason", std::string(kReasons[i])}});
    }
    for (const auto& rule : secret_rules()) {
      by_rule.push_back(&telemetry.counter("sightglass_guard_secrets_total",
                                           "Values that looked like a secret, by kind.",
                                           {{"kind", std::string(rule.kind)}}));
    }
  }

  void drop(FieldClass field_class, Reason reason) {
    by_class[static_cast<std::size_t>(field_class)]->add();
    by_reason[static_cast<std::size_t>(reason)]->add();
  }

  std::array<Counter*, kClasses> by_class{};
  std::array<Counter*, kReasons.size()> by_reason{};
  std::vector<Counter*> by_rule;  // as secret_rules() lists them
  Counter* other;
};

}  // namespace

struct Door::State {
  State(const event::Catalogue& catalogue, KeyRing& ring, Telemetry& telemetry,
        std::shared_ptr<KeptNames> names)
      : types(catalogue.event_types()),
        kept_fields(catalogue.kept_fields()),
        unknown(catalogue, std::move(names)),
        keys(ring),
        counters(telemetry) {
    for (const auto& field : catalogue.fields()) {
      guards.emplace_back(field);
      companions.push_back(field.companion);
      quick.push_back({guards.back().plain_kind(), 0});
    }
    match_only = catalogue.match_only().size();
    lower_case.reserve(kMaxIdentifierBytes);
  }
  ~State() {
    wipe(lower_case);
    wipe(kept_text);
    wipe(arena);
  }

  void guard(event::Event& event);
  void keep_unknown(event::Event& event);
  bool pass_identifier(char kind, Nanos event_ns, event::FieldValue& field);
  std::string_view pseudonym(char kind, const EpochKey& key, std::string_view raw);

  std::vector<FieldGuard> guards;          // by FieldId
  std::size_t match_only = 0;              // slots behind the fields
  std::vector<event::FieldId> companions;  // by FieldId; kNoField: none
  std::vector<event::FieldValue> also;     // companions of the event in hand
  // Most fields are numbers that pass as they are: what they need lies together.
  struct Quick {
    event::Kind plain_kind;
    std::uint32_t last;  // the place of the field's last value in this event
  };
  std::vector<Quick> quick;  // by FieldId
  std::string arena;         // texts made for the event in hand; never grows while it is
  std::string lower_case;
  WordMemo words;
  event::MatchPlan::Scratch scratch;

  const std::vector<event::EventType>& types;
  const event::FieldId kept_fields;
  UnknownGuard unknown;
  std::string kept_text;

  event::PlainNames* plain_names = nullptr;
  KeyRing& keys;
  std::shared_ptr<const KeyEpochs> epochs;
  Nanos now_ns = 0;  // 0: not asked yet for this event
  std::uint32_t cached_epoch = 0;
  std::uint64_t cached_generation = 0;
  PseudonymCache cache;

  Counters counters;
};

void Door::State::guard(event::Event& event) {
  auto& fields = event.fields;
  arena.clear();
  arena.reserve((fields.size() + event.unknown.size()) * kArenaBytesPerField);
  also.clear();
  now_ns = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (fields[i].field < quick.size()) {
      quick[fields[i].field].last = static_cast<std::uint32_t>(i);
    }
  }
  std::size_t kept = 0;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    auto field = fields[i];
    if (field.field >= guards.size() || guards[field.field].is_companion()) {
      const bool slot = field.field >= guards.size();
      if (slot && field.field < guards.size() + match_only) continue;  // it has served matching
      counters.by_reason[static_cast<std::size_t>(Reason::kUnknownField)]->add();
      continue;
    }
    const auto& rule = guards[field.field];
    if (quick[field.field].last != i) {
      counters.drop(rule.field_class(), Reason::kDuplicate);
      continue;
    }
    if (field.value.is_null()) continue;  // nothing was there to drop
    if (field.value.kind() == quick[field.field].plain_kind) {
      fields[kept++] = field;
      continue;
    }
    const SecretRule* secret = nullptr;
    const auto verdict = rule.judge(field.value, arena, words, secret);
    if (verdict == Verdict::kIdentifier) {
      if (!pass_identifier(rule.identifier_kind(), event.time_ns, field)) continue;
    } else if (verdict == Verdict::kOther) {
      counters.other->add();
    } else if (verdict != Verdict::kPass) {
      counters.drop(rule.field_class(), reason_of(verdict));
      if (secret != nullptr) {
        counters.by_rule[static_cast<std::size_t>(secret - secret_rules().data())]->add();
      }
      continue;
    }
    fields[kept++] = field;
  }
  fields.resize(kept);
  fields.insert(fields.end(), also.begin(), also.end());
  if (!event.unknown.empty()) keep_unknown(event);
}

// One text for all of them: their names are nobody's fields. What is not kept whoever read the
// record counts, with all else that no pack knows.
void Door::State::keep_unknown(event::Event& event) {
  const auto type = event.type < types.size() ? event.type : event::kOtherEvent;
  unknown.keep(types[type].keeps, event, arena, words, kept_text);
  if (!kept_text.empty()) {
    event.fields.push_back({kept_fields, event::Value::text(kept_text)});
  }
}

// Puts the pseudonym in the value's place, and during the overlap the epoch before's into the
// companion. False: it is dropped (and counted, unless it was empty).
bool Door::State::pass_identifier(char kind, Nanos event_ns, event::FieldValue& field) {
  lower_case.clear();
  const auto raw = normalised_identifier(field.value.as_text(), lower_case);
  if (raw.empty()) return false;
  if (is_unknown_identifier(raw)) {
    field.value = event::Value::text("unknown");
    return true;
  }
  if (now_ns == 0) {
    now_ns = keys.refresh(epochs);
    const auto epoch = epochs->epoch_at(now_ns);
    if (epoch != cached_epoch || epochs->generation() != cached_generation) {
      cache.wipe();
      cached_epoch = epoch;
      cached_generation = epochs->generation();
    }
  }
  const auto key = epochs->choose(kind, event_ns, now_ns);
  if (!key) {
    counters.drop(FieldClass::kIdentifier, Reason::kNoKey);
    return false;
  }
  const auto companion = companions[field.field];
  if (key->previous.pads != nullptr && companion != event::kNoField) {
    also.push_back({companion, event::Value::text(pseudonym(kind, key->previous, raw))});
  }
  field.value = event::Value::text(pseudonym(kind, *key, raw));
  if (plain_names != nullptr && kind == kPersonKind) plain_names->put(field.value.as_text(), raw);
  return true;
}

// In the arena.
std::string_view Door::State::pseudonym(char kind, const EpochKey& key, std::string_view raw) {
  const auto at = arena.size();
  if (const auto known = cache.find(kind, key.epoch, raw); !known.empty()) {
    arena += known;
  } else {
    append_pseudonym(kind, key, raw, arena);
    cache.put(kind, key.epoch, raw, std::string_view(arena).substr(at));
  }
  return std::string_view(arena).substr(at);
}

Door::Door(std::shared_ptr<const event::Catalogue> catalogue,
           std::shared_ptr<const event::MatchPlan> plan, KeyRing& keys, Telemetry& telemetry,
           std::shared_ptr<KeptNames> kept)
    : catalogue_(std::move(catalogue)),
      plan_(std::move(plan)),
      state_(std::make_unique<State>(
          *catalogue_, keys, telemetry,
          kept != nullptr ? std::move(kept) : std::make_shared<KeptNames>(*catalogue_))) {}
Door::~Door() = default;

void Door::tell(event::PlainNames& names) { state_->plain_names = &names; }

void Door::become(std::unique_ptr<Door> fresh) {
  catalogue_ = std::move(fresh->catalogue_);
  plan_ = std::move(fresh->plan_);
  state_ = std::move(fresh->state_);
  ++version_;
}

void Door::pass(event::Event& raw, std::string& out) {
  plan_->match(raw, state_->scratch);
  state_->guard(raw);
  event::encode(raw, out);
}

}  // namespace sightglass::guard
