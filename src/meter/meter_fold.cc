#include "meter/meter_fold.h"

#include <algorithm>
#include <array>
#include <map>
#include <set>
#include <vector>

#include "base/bytes.h"
#include "event/event.h"
#include "journal/gap.h"
#include "meter/event_account.h"
#include "meter/exposition.h"
#include "meter/label_rows.h"
#include "meter/roles.h"
#include "meter/series_table.h"

namespace sightglass::meter {
namespace {

constexpr std::uint8_t kSnapshotVersion = 3;
constexpr Nanos kMinute = 60 * kSecond;
constexpr std::size_t kMostArrivals = 10'080;  // minutes: a week
constexpr Nanos kParkCheck = 3600 * kSecond;   // of accept time

// A meter's table and, while a catalogue is bound, how that catalogue's events feed it.
struct Meter {
  explicit Meter(Definition definition)
      : role(role_of(definition.name)), table(std::move(definition)) {}

  Role role;
  SeriesTable table;
  std::size_t label_set = 0;
  event::FieldId value = event::kNoField;
  bool counts_events = false;
  Meter* source = nullptr;  // its series exist as long as this one's do
  std::vector<Meter*> followers;
  std::vector<SeriesTable::Index> by_row;  // row of the label set → series, where one was found
};

// Meters with the same label fields share a key, made once per event.
struct LabelSet {
  std::vector<event::FieldId> fields;
  std::string key;
  std::uint64_t hash = 0;
  std::uint32_t row = 0;
  bool ready = false;
  LabelRows rows;
};

// What could not be recorded (gap records) is counted in families of its own, so that the others
// agree with the journal and with every other fold. The journal's own `sightglass_unrecorded_…`
// counters show the same while it happens, but begin again with each process.
struct GapFamily {
  std::string_view name, help;
  int scale;
  std::int64_t (*read)(const journal::Gap::Line&);
};
constexpr std::array<GapFamily, 5> kGapFamilies = {{
    {"sightglass_gap_events_total", "Events that the journal could not record.", 0,
     [](const journal::Gap::Line& l) { return static_cast<std::int64_t>(l.events); }},
    {"sightglass_gap_requests_total", "Requests whose end could not be recorded.", 0,
     [](const journal::Gap::Line& l) { return static_cast<std::int64_t>(l.requests); }},
    {"sightglass_gap_input_tokens_total", "Input tokens of unrecorded requests.", 0,
     [](const journal::Gap::Line& l) { return static_cast<std::int64_t>(l.input_tokens); }},
    {"sightglass_gap_output_tokens_total", "Output tokens of unrecorded requests.", 0,
     [](const journal::Gap::Line& l) { return static_cast<std::int64_t>(l.output_tokens); }},
    {"sightglass_gap_cost_usd_total", "Cost in US dollars of unrecorded requests.", -9,
     [](const journal::Gap::Line& l) { return l.cost_nanousd; }},
}};

SeriesTable own_table(std::string_view name, std::string_view help, std::vector<std::string> labels,
                      int scale, std::uint32_t max_series) {
  Definition definition;
  definition.name = name;
  definition.help = help;
  definition.labels = std::move(labels);
  definition.scale = scale;
  definition.max_series = max_series;
  return SeriesTable(std::move(definition));
}

std::vector<SeriesTable> gap_tables() {
  std::vector<SeriesTable> out;
  for (const auto& family : kGapFamilies) {
    out.push_back(own_table(family.name, family.help, {"outcome", "provider"}, family.scale, 1024));
  }
  return out;
}

// What the fold says of itself. In the snapshot, so that these counters go back as little as the
// others do.
enum Own : std::uint8_t { kOverflow, kRefused, kLate, kEvicted };

std::vector<SeriesTable> own_tables() {
  constexpr std::uint32_t kMeters = 4096;
  std::vector<SeriesTable> out;
  out.push_back(own_table("sightglass_series_overflow_total",
                          "Events added to the overflow series, since the series budget was spent.",
                          {"metric"}, 0, kMeters));
  out.push_back(own_table("sightglass_meter_values_refused_total",
                          "Events whose value a meter could not take, by reason.",
                          {"metric", "reason"}, 0, 3 * kMeters));
  out.push_back(
      own_table("sightglass_meter_late_total",
                "Events that came after their window was closed: in the total, in no window.",
                {"metric"}, 0, kMeters));
  out.push_back(own_table("sightglass_series_evicted_total",
                          "Parked series forgotten, since too many were parked.", {"metric"}, 0,
                          kMeters));
  return out;
}

}  // namespace

struct MeterFold::State {
  explicit State(Telemetry& t) : telemetry(t) {}

  void bind(const std::shared_ptr<const event::Catalogue>& next, Nanos accept_ns);
  void bind_meter(const event::Meter& rule, event::MeterId id,
                  std::map<std::string, std::unique_ptr<Meter>, std::less<>>& kept);
  void link_followers();
  void create_label_less(Nanos accept_ns);
  void retire(const Meter& meter) {
    if (meter.role != kNoRole) carried[meter.role] += meter.table.total();
  }
  void park(Nanos accept_ns);
  void forget(Bytes payload, Nanos accept);
  void fold(const journal::Record& record, Nanos accept_ns);
  void fold_gap(Bytes payload, Nanos accept_ns);
  void malformed();
  std::string match_of(std::string_view name) const {
    if (catalogue == nullptr) return {};
    const auto& rules = catalogue->meters();
    const auto found =
        std::find_if(rules.begin(), rules.end(), [&](const auto& r) { return r.name == name; });
    return found == rules.end() ? std::string() : found->match;
  }
  void hit(const event::MeterHit& hit, const When& when);
  const LabelSet& key_of(std::size_t set);
  SeriesTable::Index series_of(Meter& meter, const LabelSet& set, Nanos accept_ns);
  void arrived(const When& when);
  [[nodiscard]] bool load_own(ByteReader& in, int version);
  void count(Own what, std::string_view metric, std::string_view reason, std::size_t n);
  std::uint64_t counted(Own what, std::string_view metric, std::string_view reason) const;

  Telemetry& telemetry;
  mutable std::mutex mutex;

  // The state proper: what a snapshot holds.
  std::map<std::string, std::unique_ptr<Meter>, std::less<>> meters;  // by metric name
  journal::Position position = 0;
  Nanos accept_ns = 0;
  std::array<Int128, kRoles> carried{};          // of meters and series that are gone
  std::vector<SeriesTable> gaps = gap_tables();  // as kGapFamilies
  std::vector<SeriesTable> own = own_tables();   // as Own
  std::set<std::int64_t> arrivals;               // minutes of event time that had events
  Nanos last_event_ns = 0;                       // accept time
  EventAccount account;

  // Derived from the catalogue in force.
  std::shared_ptr<const event::Catalogue> catalogue;
  std::vector<Meter*> by_id;
  std::vector<LabelSet> label_sets;
  bool wants_arrivals = false;

  // Reused from event to event.
  event::Event event;
  std::vector<event::Value> slots;  // FieldId → value
};

void MeterFold::State::count(Own what, std::string_view metric, std::string_view reason,
                             std::size_t n) {
  std::string key;
  append_label(key, event::Value::text(metric));
  if (!reason.empty()) append_label(key, event::Value::text(reason));
  const auto found = own[what].find_or_create(key, hash_key(key), accept_ns);
  own[what].record(found.index, event::Value::integer(static_cast<std::int64_t>(n)), accept_ns);
}

std::uint64_t MeterFold::State::counted(Own what, std::string_view metric,
                                        std::string_view reason) const {
  std::string key;
  append_label(key, event::Value::text(metric));
  if (!reason.empty()) append_label(key, event::Value::text(reason));
  const auto index = own[what].find(key, hash_key(key));
  return index == SeriesTable::kNone
             ? 0
             : static_cast<std::uint64_t>(own[what].reading(index).sum.whole);
}

void MeterFold::State::bind(const std::shared_ptr<const event::Catalogue>& next, Nanos accept) {
  if (catalogue == next) return;
  catalogue = next;
  account.bind(*next);
  by_id.assign(next->meters().size(), nullptr);
  label_sets.clear();
  slots.assign(next->fields().size(), event::Value());
  std::map<std::string, std::unique_ptr<Meter>, std::less<>> kept;
  for (std::size_t i = 0; i < next->meters().size(); ++i) {
    bind_meter(next->meters()[i], static_cast<event::MeterId>(i), kept);
  }
  for (const auto& [name, meter] : meters) {
    if (meter != nullptr) retire(*meter);
  }
  meters = std::move(kept);
  wants_arrivals = std::any_of(meters.begin(), meters.end(), [](const auto& entry) {
    const auto& definition = entry.second->table.definition();
    return definition.default_value && definition.window != event::Window::kNone;
  });
  link_followers();
  create_label_less(accept);
}

void MeterFold::State::bind_meter(
    const event::Meter& rule, event::MeterId id,
    std::map<std::string, std::unique_ptr<Meter>, std::less<>>& kept) {
  Definition definition = Definition::of(rule);
  if (kept.contains(definition.name)) return;  // the catalogue refuses a name twice
  std::unique_ptr<Meter> meter;
  const auto old = meters.find(definition.name);
  if (old != meters.end() && old->second->table.definition().same_rule(definition)) {
    meter = std::move(old->second);
    meter->table.set_definition(definition);
  } else {
    meter = std::make_unique<Meter>(definition);
  }
  meter->by_row.clear();
  meter->value = rule.value;
  meter->counts_events = rule.value == event::kNoField;
  std::vector<event::FieldId> fields;
  for (const auto& label : rule.labels) fields.push_back(label.field);
  const auto same = std::find_if(label_sets.begin(), label_sets.end(),
                                 [&](const LabelSet& set) { return set.fields == fields; });
  meter->label_set = static_cast<std::size_t>(same - label_sets.begin());
  if (same == label_sets.end()) label_sets.push_back({std::move(fields), {}, 0, 0, false, {}});
  by_id[id] = meter.get();
  kept.emplace(definition.name, std::move(meter));
}

void MeterFold::State::link_followers() {
  for (const auto& [name, meter] : meters) {
    meter->followers.clear();
    meter->source = nullptr;
  }
  for (const auto& [name, meter] : meters) {
    const auto source = meters.find(meter->table.definition().created_with);
    if (source == meters.end() || source->second == meter) continue;
    if (source->second->table.definition().labels != meter->table.definition().labels) continue;
    meter->source = source->second.get();
    source->second->followers.push_back(meter.get());
  }
}

// A meter without labels has one series, which stands at 0 from the start unless its pack sleeps.
void MeterFold::State::create_label_less(Nanos accept) {
  for (const auto& rule : catalogue->meters()) {
    if (!rule.labels.empty() || !rule.at_zero) continue;
    const auto meter = meters.find(rule.name);
    if (meter != meters.end()) meter->second->table.find_or_create({}, hash_key({}), accept);
  }
}

void MeterFold::State::park(Nanos accept) {
  for (const auto& [name, meter] : meters) {
    Int128 evicted = 0;
    const auto n = meter->table.park(
        accept, meter->source == nullptr ? nullptr : &meter->source->table, evicted);
    if (n == 0) continue;
    meter->by_row.clear();
    if (meter->role != kNoRole) carried[meter->role] += evicted;
    count(kEvicted, name, {}, n);
  }
}

void MeterFold::State::forget(Bytes payload, Nanos accept) {
  const auto texts = journal::Forget::decode(payload);
  if (!texts) return malformed();
  for (const auto& [name, meter] : meters) {
    if (meter->table.forget(*texts, accept) != 0) meter->by_row.clear();
  }
}

const LabelSet& MeterFold::State::key_of(std::size_t index) {
  LabelSet& set = label_sets[index];
  if (set.ready) return set;
  set.key.clear();
  for (const auto field : set.fields) {
    append_label(set.key, field < slots.size() ? slots[field] : event::Value());
  }
  set.hash = hash_key(set.key);
  set.ready = true;
  bool cleared = false;
  set.row = set.rows.row_of(set.key, set.hash, cleared);
  if (cleared) {
    for (const auto& [name, meter] : meters) {
      if (meter->label_set == index) meter->by_row.clear();
    }
  }
  return set;
}

// The first time in a row; later the row knows.
SeriesTable::Index MeterFold::State::series_of(Meter& meter, const LabelSet& set, Nanos accept) {
  const auto found = meter.table.find_or_create(set.key, set.hash, accept);
  if (found.overflowed) {
    count(kOverflow, meter.table.definition().name, {}, 1);
  } else {
    if (set.row >= meter.by_row.size())
      meter.by_row.resize(set.row + std::size_t{1}, SeriesTable::kNone);
    meter.by_row[set.row] = found.index;
  }
  if (found.fresh) {
    for (Meter* follower : meter.followers) {
      follower->table.find_or_create(set.key, set.hash, accept);
    }
  }
  return found.index;
}

void MeterFold::State::hit(const event::MeterHit& hit, const When& when) {
  if (hit.meter >= by_id.size() || by_id[hit.meter] == nullptr) return;
  Meter& meter = *by_id[hit.meter];
  const LabelSet& set = key_of(meter.label_set);
  event::Value value = event::Value::integer(1);
  if (hit.has_value) {
    value = event::Value::number(hit.value);
  } else if (!meter.counts_events) {
    value = meter.value < slots.size() ? slots[meter.value] : event::Value();
  }
  auto index = set.row < meter.by_row.size() ? meter.by_row[set.row] : SeriesTable::kNone;
  if (index == SeriesTable::kNone || !meter.table.active(index)) {
    index = series_of(meter, set, when.accept_ns);
  }
  bool late = false;
  const auto refusal = meter.table.record(index, value, when, late);
  if (refusal != Refusal::kNone) {
    count(kRefused, meter.table.definition().name, refusal_name(refusal), 1);
  }
  if (late) count(kLate, meter.table.definition().name, {}, 1);
}

// Which minutes had events at all, for the meters that have a default for the others.
void MeterFold::State::arrived(const When& when) {
  last_event_ns = when.accept_ns;
  if (!wants_arrivals) return;
  const auto minute = std::min(when.event_ns, when.accept_ns) / kMinute;
  if (!arrivals.empty() && *arrivals.rbegin() == minute) return;
  arrivals.insert(minute);
  if (arrivals.size() > kMostArrivals) arrivals.erase(arrivals.begin());
}

void MeterFold::State::malformed() {
  telemetry
      .counter("sightglass_fold_malformed_total", "Records that a fold could not read.",
               {{"fold", "meter"}})
      .add();
}

void MeterFold::State::fold_gap(Bytes payload, Nanos accept) {
  const auto gap = journal::decode_gap(payload);
  if (!gap) {
    malformed();
    return;
  }
  for (const auto& line : gap->lines) {
    std::string key;
    append_label(key, event::Value::text(line.outcome));
    append_label(key, event::Value::text(line.provider));
    for (std::size_t i = 0; i < gaps.size(); ++i) {
      const auto found = gaps[i].find_or_create(key, hash_key(key), accept);
      gaps[i].record(found.index, event::Value::integer(kGapFamilies[i].read(line)), accept);
    }
  }
}

void MeterFold::State::fold(const journal::Record& record, Nanos accept) {
  if (!event::decode(record.payload, event)) {
    account.unreadable();
    malformed();
    return;
  }
  if (catalogue != nullptr) account.enter(*catalogue, event, record.position);
  const When when{event.time_ns > 0 ? event.time_ns : accept, accept};
  arrived(when);
  if (event.meters.empty()) return;
  for (const auto& f : event.fields) {
    if (f.field < slots.size()) slots[f.field] = f.value;
  }
  for (auto& set : label_sets) set.ready = false;
  for (const auto& matched : event.meters) hit(matched, when);
  for (const auto& f : event.fields) {
    if (f.field < slots.size()) slots[f.field] = event::Value();
  }
}

MeterFold::MeterFold(Telemetry& telemetry) : state_(std::make_unique<State>(telemetry)) {}
MeterFold::~MeterFold() = default;

void MeterFold::apply(const journal::Reader::Batch& batch) {
  State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  const Nanos accept_ns = batch.header.accept_ns;
  if (batch.catalogue != nullptr) s.bind(batch.catalogue, accept_ns);
  if (accept_ns / kParkCheck != s.accept_ns / kParkCheck) s.park(accept_ns);
  s.accept_ns = std::max(s.accept_ns, accept_ns);
  if (s.position == 0 && batch.header.first == 1) s.account.begin_at_first();
  for (const auto& record : batch.records) {
    if (record.position <= s.position) continue;  // folded before a restart
    s.position = record.position;
    if (record.kind == journal::RecordKind::kEvent) s.fold(record, accept_ns);
    if (record.kind == journal::RecordKind::kForget) s.forget(record.payload, accept_ns);
    if (record.kind == journal::RecordKind::kGap) s.fold_gap(record.payload, accept_ns);
    if (record.kind == journal::RecordKind::kAccount && !s.account.begin(record)) s.malformed();
  }
}

void MeterFold::save(std::string& out) const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  ByteWriter writer(out);
  writer.u8(kSnapshotVersion);
  writer.u64(s.position);
  writer.i64(s.accept_ns);
  for (const Int128 sum : s.carried) write_int128(writer, sum);
  for (const auto& table : s.gaps) table.save(writer);
  for (const auto& table : s.own) table.save(writer);
  writer.i64(s.last_event_ns);
  writer.varint(s.arrivals.size());
  for (const auto minute : s.arrivals) writer.i64(minute);
  s.account.save(writer);
  writer.varint(s.meters.size());
  for (const auto& [name, meter] : s.meters) {
    meter->table.definition().save(writer);
    meter->table.save(writer);
  }
}

bool MeterFold::State::load_own(ByteReader& in, int version) {
  for (auto& table : own) {
    if (!table.load(in, version)) return false;
  }
  last_event_ns = in.i64();
  const auto n = in.varint();
  if (!in.ok() || n > kMostArrivals || n > in.remaining() / 8) return false;
  for (std::uint64_t i = 0; i < n; ++i) arrivals.insert(in.i64());
  return in.ok();
}

Status MeterFold::load(Bytes snapshot) {
  const auto corrupt = [] { return fail(Code::kCorrupt, "the meter snapshot is damaged"); };
  ByteReader reader(snapshot);
  auto fresh = std::make_unique<State>(state_->telemetry);
  const auto version = reader.u8();
  if (reader.ok() && version > kSnapshotVersion) {
    return fail(Code::kVersion, "the meter snapshot was written by a newer version");
  }
  fresh->position = reader.u64();
  fresh->accept_ns = reader.i64();
  for (Int128& sum : fresh->carried) sum = read_int128(reader);
  for (auto& table : fresh->gaps) {
    if (!table.load(reader, version)) return corrupt();
  }
  if (version >= 2 && !fresh->load_own(reader, version)) return corrupt();
  if (version >= 3) fresh->account.load(reader);
  const auto n = reader.varint();
  if (!reader.ok() || version == 0 || n > reader.remaining()) return corrupt();
  for (std::uint64_t i = 0; i < n; ++i) {
    Definition definition;
    if (!definition.load(reader, version)) return corrupt();
    auto meter = std::make_unique<Meter>(std::move(definition));
    if (!meter->table.load(reader, version)) return corrupt();
    auto name = meter->table.definition().name;
    if (!fresh->meters.emplace(std::move(name), std::move(meter)).second) return corrupt();
  }
  if (!reader.ok() || !reader.empty()) return corrupt();
  const std::scoped_lock lock(state_->mutex);
  State& s = *state_;
  s.meters = std::move(fresh->meters);
  s.position = fresh->position;
  s.accept_ns = fresh->accept_ns;
  s.carried = fresh->carried;
  s.gaps = std::move(fresh->gaps);
  s.own = std::move(fresh->own);
  s.arrivals = std::move(fresh->arrivals);
  s.last_event_ns = fresh->last_event_ns;
  s.account = fresh->account;
  s.catalogue.reset();
  s.by_id.clear();
  s.label_sets.clear();
  return {};
}

journal::Totals MeterFold::totals() const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  auto sums = s.carried;
  for (const auto& [name, meter] : s.meters) {
    if (meter->role != kNoRole) sums[meter->role] += meter->table.total();
  }
  journal::Totals out;
  out.requests = static_cast<std::uint64_t>(sums[kRequests]);
  out.input_tokens = static_cast<std::uint64_t>(sums[kInput]);
  out.output_tokens = static_cast<std::uint64_t>(sums[kOutput]);
  out.cost_nanousd = static_cast<std::int64_t>(sums[kCost]);
  out.unpriced = static_cast<std::uint64_t>(sums[kUnpriced]);
  return out;
}

journal::Account MeterFold::account() const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  return s.account.account();
}

void MeterFold::expose(Exposition how, const Telemetry& telemetry, std::string& out) const {
  const auto families = telemetry.collect();  // outside the lock: it runs functions of other rooms
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  struct Shown {
    std::string_view name;
    const SeriesTable* table;
    const Telemetry::Family* family;
  };
  std::vector<Shown> shown;
  const auto show = [&](const SeriesTable& table) {
    if (table.size() != 0) shown.push_back({table.definition().name, &table, nullptr});
  };
  for (const auto& [name, meter] : s.meters) show(meter->table);
  for (const auto& table : s.gaps) show(table);
  for (const auto& table : s.own) show(table);
  for (const auto& family : families) shown.push_back({family.name, nullptr, &family});
  std::sort(shown.begin(), shown.end(), [](const Shown& a, const Shown& b) {
    if (a.name != b.name) return a.name < b.name;
    return a.family == nullptr && b.family != nullptr;
  });
  std::string_view last;
  for (const auto& [name, table, family] : shown) {
    // Should a pack take the name of an own instrument, the journal's count stands.
    if (name == last) continue;
    last = name;
    if (table != nullptr) {
      append_table(*table, how, s.last_event_ns, out);
    } else {
      append_family(*family, how.format, out);
    }
  }
  append_end(how.format, out);
}

std::vector<MeterState> MeterFold::meters() const {
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  std::vector<MeterState> out;
  for (const auto& [name, meter] : s.meters) {
    MeterState row;
    row.definition = meter->table.definition();
    row.series = meter->table.active();
    row.match = s.match_of(name);
    row.overflowed = s.counted(kOverflow, name, {});
    row.late = s.counted(kLate, name, {});
    for (const auto refusal : {Refusal::kMissing, Refusal::kNotANumber, Refusal::kNegative}) {
      row.refused += s.counted(kRefused, name, refusal_name(refusal));
    }
    row.hits = row.refused;
    for (SeriesTable::Index i = 0; i < meter->table.size(); ++i) {
      const auto& reading = meter->table.reading(i);
      row.hits += reading.sum.count;
      if (reading.sum.count > 0) row.last_hit_ns = std::max(row.last_hit_ns, reading.touched_ns);
    }
    out.push_back(std::move(row));
  }
  return out;
}

Result<Points> MeterFold::points(std::string_view name, const PointQuery& query) const {
  std::string exposed(name);
  std::replace(exposed.begin(), exposed.end(), '.', '_');
  const State& s = *state_;
  const std::scoped_lock lock(s.mutex);
  const auto meter = s.meters.find(exposed);
  if (meter == s.meters.end()) {
    return fail(Code::kNotFound, "there is no such meter; GET /admin/v1/meters lists them");
  }
  return points_of(meter->second->table, s.arrivals, query);
}

}  // namespace sightglass::meter
