#include "logs/json_line.h"

#include <algorithm>
#include <array>
#include <cassert>

#include "base/json_writer.h"
#include "event/error_sentence.h"
#include "logs/line_cursor.h"
#include "logs/logs.h"
#include "logs/profile.h"

namespace sightglass::logs {
namespace {

constexpr std::uint8_t kRest = 0xff;    // fields without a name in the profile
constexpr std::uint8_t kHidden = 0xfe;  // never written
constexpr std::uint8_t kFits = 0xfd;
constexpr std::size_t kMaxSlots = 64;

std::string key_text(std::string_view key) {
  std::string out = ",";
  append_json_string(out, key);
  return out.append(":");
}

std::string json_text(std::string_view text) {
  std::string out;
  append_json_string(out, text);
  return out;
}

// "stream_completed" → "Stream completed".
std::string words(std::string_view name) {
  std::string out(name);
  std::replace(out.begin(), out.end(), '_', ' ');
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  return out;
}

std::string_view group_of(std::string_view path) {
  const auto dot = path.find('.');
  return dot == std::string_view::npos ? std::string_view() : path.substr(0, dot);
}

void write_value(LineCursor& out, Unit unit, const event::Value& value) {
  if (value.kind() == event::Kind::kInt && unit != Unit::kAsIs) {
    switch (unit) {
      case Unit::kMicrosToMillis:
        return out.decimal(value.as_int(), 3);
      case Unit::kMicrosToSeconds:
        return out.decimal(value.as_int(), 6);
      case Unit::kNanosToCents:
        return out.decimal(value.as_int(), 7);
      case Unit::kNanosToDollars:
        return out.decimal(value.as_int(), 9);
      default:
        return out.json_time(value.as_int(), 6);
    }
  }
  switch (value.kind()) {
    case event::Kind::kNull:
      return out.raw("null");
    case event::Kind::kBool:
      return out.raw(value.as_bool() ? "true" : "false");
    case event::Kind::kInt:
      return out.integer(value.as_int());
    case event::Kind::kDouble:
      return out.number(value.as_double());
    case event::Kind::kText:
      return out.json(value.as_text());
  }
}

}  // namespace

const Profile* find_profile(std::string_view name) {
  for (const auto& profile : profiles()) {
    if (profile.name == name) return &profile;
  }
  return nullptr;
}

bool is_profile(std::string_view name) { return find_profile(name) != nullptr; }

const Profile& default_profile() { return profiles().front(); }

// ---- made once a catalogue ----------------------------------------------------------------------

LineWriter::LineWriter(const Profile& profile, LineDefaults defaults,
                       std::shared_ptr<const event::Catalogue> catalogue)
    : profile_(profile),
      defaults_{json_text(defaults.service), json_text(defaults.env)},
      catalogue_(std::move(catalogue)),
      groups_(1) {
  assert(profile_.names.size() <= kMaxSlots);
  for (const auto& name : profile_.names) {
    Slot slot;
    const auto group = group_of(name.path);
    slot.derived = static_cast<std::uint8_t>(name.derived);
    slot.key = key_text(group.empty() ? name.path : name.path.substr(group.size() + 1));
    if (!group.empty()) {
      const auto opener = key_text(group) + "{";
      const auto known = std::find(groups_.begin(), groups_.end(), opener);
      slot.group = static_cast<std::uint8_t>(known - groups_.begin());
      if (known == groups_.end()) groups_.push_back(opener);
    }
    slots_.push_back(std::move(slot));
  }
  for (std::size_t id = 0; id < catalogue_->fields().size(); ++id) add_field(id);
  for (std::size_t i = 0; i < profile_.shapes.size(); ++i) add_order(i);
  for (const auto& type : catalogue_->event_types()) {
    const auto& origin = origin_of(type.name);
    types_.push_back({json_text(type.name), json_text(words(type.name)), json_text(origin.logger),
                      json_text(origin.caller)});
  }
}

void LineWriter::add_field(std::size_t id) {
  const auto& field = catalogue_->fields()[id];
  Column column;
  column.slot = kRest;
  column.key = key_text(field.name);
  for (std::size_t i = profile_.names.size(); i-- > 0;) {
    const auto& name = profile_.names[i];
    if (catalogue_->field(name.path) != id && field.name != name.field) continue;
    column.slot = static_cast<std::uint8_t>(i);
    column.unit = static_cast<std::uint8_t>(field.name == name.field ? name.unit : Unit::kAsIs);
  }
  if (!event::passes(field.field_class) || field.name == profile_.time_key ||
      field.name == "level" || field.name == "seq") {
    column.slot = kHidden;
  }
  constexpr std::array<std::string_view, 5> kSources = {"outcome", "is_streaming", "latency_us",
                                                        "attempts", "endpoint"};
  const auto source = std::find(kSources.begin(), kSources.end(), field.name);
  column.source = static_cast<Source>(source - kSources.begin());
  columns_.push_back(std::move(column));
}

// The names below `path`: itself, or an object's.
void LineWriter::append_named(std::string_view path, std::vector<std::uint8_t>& to) const {
  for (std::size_t i = 0; i < profile_.names.size(); ++i) {
    const auto name = profile_.names[i].path;
    if (name == path || group_of(name) == path) to.push_back(static_cast<std::uint8_t>(i));
  }
}

void LineWriter::add_order(std::size_t index) {
  const auto& shape = profile_.shapes[index];
  Order order;
  order.marker = kFits;
  std::vector<std::uint8_t> tail;
  for (const auto path : profile_.tail) append_named(path, tail);
  for (const auto path : profile_.head) append_named(path, order.slots);
  for (const auto path : shape.order) append_named(path, order.slots);
  const auto is_in = [](const auto& list, std::size_t slot) {
    return std::find(list.begin(), list.end(), slot) != list.end();
  };
  const auto add_others = [&](bool in_objects) {
    for (std::size_t i = 0; i < slots_.size(); ++i) {
      if ((slots_[i].group != 0) != in_objects || is_in(order.slots, i) || is_in(tail, i)) continue;
      order.slots.push_back(static_cast<std::uint8_t>(i));
    }
  };
  add_others(false);
  order.slots.push_back(kRest);
  add_others(true);
  order.slots.insert(order.slots.end(), tail.begin(), tail.end());
  for (std::size_t i = 0; i < profile_.names.size(); ++i) {
    if (profile_.names[i].path == shape.marker) order.marker = static_cast<std::uint8_t>(i);
  }
  orders_.push_back(std::move(order));
}

// ---- once an event ------------------------------------------------------------------------------

struct LineWriter::Line {
  const event::Event& event;
  LineCursor out;
  std::array<const event::FieldValue*, kMaxSlots> at{};  // by slot
  std::array<event::Value, Source::kNoSource + 1> sources{};
  const TypeTexts* type = nullptr;
  bool ended = false;     // a request
  bool streamed = false;  // that was streamed
  bool called = false;    // and had gone upstream
};

bool LineWriter::has(const Line& line, std::uint8_t slot) const {
  if (line.at[slot] != nullptr) return true;
  switch (static_cast<Derived>(slots_[slot].derived)) {
    case Derived::kNothing:
      return false;
    case Derived::kService:
      return defaults_.service.size() > 2;
    case Derived::kEnv:
      return defaults_.env.size() > 2;
    case Derived::kEventType:
    case Derived::kEventWords:
    case Derived::kLogger:
    case Derived::kCaller:
      return true;
    case Derived::kSpan:
      return line.called;
    case Derived::kErrorSentence:
      return line.at[slot - 1] != nullptr;  // the type stands before it in the table
    case Derived::kStreamDuration:
    case Derived::kDisconnect:
      return line.streamed;
  }
  return false;
}

void LineWriter::write_derived(Line& line, std::uint8_t slot) const {
  auto& out = line.out;
  switch (static_cast<Derived>(slots_[slot].derived)) {
    case Derived::kNothing:
      return;
    case Derived::kService:
      return out.raw(defaults_.service);
    case Derived::kEnv:
      return out.raw(defaults_.env);
    case Derived::kEventType:
      return out.raw(line.type->name);
    case Derived::kEventWords:
      return out.raw(line.type->words);
    case Derived::kLogger:
      return out.raw(line.type->logger);
    case Derived::kCaller:
      return out.raw(line.type->caller);
    case Derived::kSpan:
      return out.json(span_of(line.sources[kEndpoint].as_text()));
    case Derived::kErrorSentence:
      return out.json(event::error_sentence(line.at[slot - 1]->value.as_text()));
    case Derived::kStreamDuration:
      return out.decimal(line.sources[kLatency].as_int(), 3);
    case Derived::kDisconnect:
      return out.raw(line.sources[kOutcome].as_text() == "client_gone" ? "true" : "false");
  }
}

void LineWriter::write_time(Line& line) const {
  auto second = line.event.time_ns / kSecond;
  if (line.event.time_ns % kSecond < 0) --second;
  if (second != second_) {  // lines come some hundreds a second, in order
    second_ = second;
    second_text_.clear();
    append_iso8601(second_text_, second * kSecond, 0);
    second_text_.pop_back();
  }
  auto fraction = line.event.time_ns - second * kSecond;
  for (int i = profile_.time_digits; i < 9; ++i) fraction /= 10;
  line.out.raw(second_text_);
  line.out.raw('.');
  line.out.padded(fraction, profile_.time_digits);
  line.out.raw('Z');
}

const LineWriter::Order& LineWriter::order_for(const Line& line) const {
  for (const auto& order : orders_) {
    if (order.marker == kFits || has(line, order.marker)) return order;
  }
  return orders_.back();
}

void LineWriter::write_rest(Line& line) const {
  for (const auto& f : line.event.fields) {
    if (f.field >= columns_.size() || columns_[f.field].slot != kRest) continue;
    line.out.raw(columns_[f.field].key);
    write_value(line.out, Unit::kAsIs, f.value);
  }
}

void LineWriter::write_names(Line& line) const {
  std::uint8_t open = 0;
  for (const auto slot : order_for(line).slots) {
    const auto group = slot == kRest ? std::uint8_t{0} : slots_[slot].group;
    if (open != 0 && open != group) {
      line.out.raw('}');
      open = 0;
    }
    if (slot == kRest) {
      write_rest(line);
      continue;
    }
    if (!has(line, slot)) continue;
    std::string_view key = slots_[slot].key;
    if (group != open) {
      line.out.raw(groups_[group]);
      key.remove_prefix(1);  // no comma behind the brace
      open = group;
    }
    line.out.raw(key);
    if (const auto* const f = line.at[slot]; f != nullptr) {
      write_value(line.out, static_cast<Unit>(columns_[f->field].unit), f->value);
    } else {
      write_derived(line, slot);
    }
  }
  if (open != 0) line.out.raw('}');
}

void LineWriter::append(const event::Event& event, journal::Position seq, std::string& out) const {
  Line line{event, LineCursor(out)};
  line.type = &types_[event.type < types_.size() ? event.type : event::kOtherEvent];
  for (const auto& f : event.fields) {
    if (f.field >= columns_.size()) continue;
    const auto& column = columns_[f.field];
    line.sources[column.source] = f.value;
    if (column.slot < kMaxSlots && line.at[column.slot] == nullptr) line.at[column.slot] = &f;
  }
  line.ended = !line.sources[kOutcome].is_null();
  line.streamed = line.ended && line.sources[kStreaming].as_bool();
  line.called = line.ended && line.sources[kAttempts].as_int() > 0;

  line.out.raw("{\"");
  line.out.raw(profile_.time_key);
  line.out.raw("\":\"");
  write_time(line);
  line.out.raw("\",\"level\":\"");
  line.out.raw(event.level == Level::kWarn ? profile_.warn : level_name(event.level));
  line.out.raw('"');
  write_names(line);
  line.out.raw(",\"seq\":");
  line.out.integer(static_cast<std::int64_t>(seq));
  line.out.raw("}\n");
}

}  // namespace sightglass::logs
