// The meters' part of CatalogueBuilder.
#include <algorithm>
#include <charconv>
#include <cmath>

#include "base/sha256.h"
#include "base/text.h"
#include "event/catalogue_builder.h"
#include "event/pattern.h"
#include "event/pattern_node.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxMatchOnly = 4096;
constexpr std::size_t kMaxMeters = 4096;
constexpr std::size_t kMaxLabels = 32;
constexpr std::size_t kMaxBuckets = 128;
constexpr std::size_t kMaxHelpBytes = 512;
constexpr std::uint32_t kMaxSeries = 1'000'000;
constexpr std::uint32_t kMaxDistinctSeries = 1'000;  // unless max_series says otherwise
constexpr int kMaxScale = 18;                        // nano-dollars are -9

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

// Source: the data model of the Prometheus exposition formats.
bool is_metric_name(std::string_view name) {
  if (name.empty() || name.size() > 200) return false;
  if (!is_letter(name[0]) && name[0] != '_' && name[0] != ':') return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return is_letter(c) || (c >= '0' && c <= '9') || c == '_' || c == ':';
  });
}

bool is_label_name(std::string_view name) {
  return is_metric_name(name) && name.size() <= 64 && !name.starts_with("__") &&
         name.find(':') == std::string_view::npos;
}

bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

bool is_numeric(const Field& field) {
  return field.kind == Kind::kInt || field.kind == Kind::kDouble || field.kind == Kind::kNull;
}

std::string number_text(double value) {
  char buffer[32];
  return std::string(buffer, std::to_chars(buffer, buffer + sizeof buffer, value).ptr);
}

// `$.name`, `$.a.b` or `$.['a.b']` → the field's name.
std::string_view selector_name(std::string_view selector) {
  if (selector.starts_with("$.['") && selector.ends_with("']") && selector.size() > 6) {
    return selector.substr(4, selector.size() - 6);
  }
  if (selector.starts_with("$.")) return selector.substr(2);
  return {};
}

// The column and caret of a pattern's error, behind the pack and line.
std::unexpected<Error> match_error(const PackDocument& pack, int line, std::string_view owner,
                                   const Error& error) {
  return pack.error(line, std::string(owner) + ": match, " + error.message);
}

}  // namespace

Status CatalogueBuilder::add_meters(const PackDocument& pack) {
  const auto* const meters = pack.root.find("meters");
  if (meters == nullptr || meters->kind == PackNode::Kind::kNothing) return {};
  if (meters->kind != PackNode::Kind::kList) {
    return pack.error(meters->line, "meters must be a list: `- metric: name`");
  }
  for (const auto& node : meters->items) SG_TRY(add_meter(pack, node));
  return {};
}

// A meter of a name that an earlier document of the same pack gave takes that one's place.
Status CatalogueBuilder::add_meter(const PackDocument& pack, const PackNode& node) {
  Meter meter;
  SG_TRY(read_meter(pack, node, meter));
  const auto next = static_cast<MeterId>(catalogue_->meters_.size());
  const auto [at, inserted] = meter_index_.emplace(meter.name, next);
  const auto id = at->second;
  if (!inserted) {
    const auto& other = *meter_documents_[id];
    if (&other == &pack || other.name != pack.name) {
      return pack.error(node.line, "meter " + quoted(meter.name) + " stands twice" +
                                       (&other == &pack ? "" : ", first in pack " + other.name));
    }
    std::erase_if(linked_, [&](const Linked& link) { return link.meter == id; });
    catalogue_->meters_[id] = std::move(meter);
    meter_documents_[id] = &pack;
  } else {
    if (catalogue_->meters_.size() == kMaxMeters) {
      return pack.error(node.line, "the packs have more than 4096 meters together");
    }
    catalogue_->meters_.push_back(std::move(meter));
    catalogue_->packs_[pack_of(pack)].meters.push_back(id);
    meter_documents_.push_back(&pack);
  }
  if (const auto* const with = node.find("with")) linked_.push_back({id, with->line, &pack});
  return {};
}

Status CatalogueBuilder::read_meter_name(const PackDocument& pack, const PackNode& node,
                                         Meter& out) const {
  SG_TRY(pack.read(node, "a meter", "metric", out.dotted));
  if (out.dotted.empty())
    return pack.error(node.line, "a meter needs its name: `metric: name_total`");
  const auto& settings = catalogue_->packs_[pack_of(pack)];
  const auto written = out.dotted;
  if (!settings.prefix.empty()) out.dotted = settings.prefix + "." + out.dotted;
  out.name = out.dotted;
  out.at_zero = settings.awake;
  out.names = names_of(pack);
  std::replace(out.name.begin(), out.name.end(), '.', '_');
  if (is_metric_name(out.name)) return {};
  return pack.error(node.find("metric")->line,
                    "a metric's name is made of letters, digits, _ and :, does not begin with a "
                    "digit and has at most 200 characters, unlike " +
                        quoted(written));
}

Status CatalogueBuilder::read_meter(const PackDocument& pack, const PackNode& node, Meter& out) {
  SG_TRY(pack.check_keys(
      node, "a meter",
      {"metric", "type", "help", "unit", "match", "labels", "value", "scale", "or_value",
       "or_scale", "buckets", "max_series", "with", "window", "grace", "keep", "default"}));
  SG_TRY(read_meter_name(pack, node, out));
  const auto owner = "meter " + quoted(out.dotted);
  std::string type;
  SG_TRY(pack.read(node, owner, "type", type));
  if (type == "counter") {
    out.type = MeterType::kCounter;
  } else if (type == "gauge") {
    out.type = MeterType::kGauge;
  } else if (type == "histogram") {
    out.type = MeterType::kHistogram;
  } else if (type == "distinct") {
    out.type = MeterType::kDistinct;
    out.max_series = kMaxDistinctSeries;
  } else {
    const auto* const place = node.find("type");
    return pack.error(place == nullptr ? node.line : place->line,
                      owner + ": type must be counter, gauge, histogram or distinct" +
                          did_you_mean(type, {"counter", "gauge", "histogram", "distinct"}));
  }
  SG_TRY(pack.read(node, owner, "help", out.help));
  if (out.help.empty() || out.help.size() > kMaxHelpBytes || !is_printable(out.help)) {
    const auto* const place = node.find("help");
    return pack.error(place == nullptr ? node.line : place->line,
                      owner + ": help must be one line of 1 to 512 bytes");
  }
  SG_TRY(pack.read(node, owner, "unit", out.unit));
  if (!out.unit.empty() && !is_snake_case(out.unit)) {
    return pack.error(node.find("unit")->line,
                      owner + ": a unit is one snake_case word, such as seconds or usd");
  }
  SG_TRY(pack.read(node, owner, "with", out.created_with));
  SG_TRY(read_meter_match(pack, node, out));
  SG_TRY(read_meter_labels(pack, node, out));
  SG_TRY(read_meter_value(pack, node, out));
  SG_TRY(read_meter_or_value(pack, node, out));
  SG_TRY(read_meter_buckets(pack, node, out));
  SG_TRY(read_meter_windows(pack, node, out));
  std::string max_series;
  SG_TRY(pack.read(node, owner, "max_series", max_series));
  if (!max_series.empty()) {
    const auto count = parse_int(max_series);
    if (!count || *count < 1 || *count > kMaxSeries) {
      return pack.error(node.find("max_series")->line,
                        owner + ": max_series is a whole number from 1 to 1000000");
    }
    out.max_series = static_cast<std::uint32_t>(*count);
  }
  out.rule_hash = rule_hash(out);
  return {};
}

Status CatalogueBuilder::read_meter_match(const PackDocument& pack, const PackNode& node,
                                          Meter& out) {
  const auto owner = "meter " + quoted(out.name);
  SG_TRY(pack.read(node, owner, "match", out.match));
  const auto* const place = node.find("match");
  if (place == nullptr) {
    return pack.error(node.line, owner + " needs a match: '{ $.event_type = \"name\" }'");
  }
  const auto pattern = Pattern::parse(out.match);
  if (!pattern) return match_error(pack, place->line, owner, pattern.error());
  out.per_event_type = pattern->needs_event_type();
  if (const auto added = add_match_only(*pattern, out.names); !added) {
    return match_error(pack, place->line, owner, added.error());
  }
  return {};
}

Status CatalogueBuilder::add_match_only(const Pattern& pattern, NamesId names) {
  std::vector<MatchOnly> wanted;
  if (pattern.reads_line()) {
    wanted.push_back({pattern.canonical(), Selector(), pattern.text()});
  }
  for (auto& selector : pattern.selectors()) {
    if (catalogue_->slot(selector, names) != kNoField) continue;
    wanted.push_back({selector.text(), std::move(selector), {}});
  }
  auto& slots = catalogue_->match_only_;
  for (auto& slot : wanted) {
    const auto id = static_cast<FieldId>(catalogue_->fields_.size() + slots.size());
    if (!catalogue_->match_only_index_.emplace(slot.text, id).second) continue;
    if (slots.size() == kMaxMatchOnly) {
      return fail(Code::kTooLarge,
                  "the packs' patterns ask for more than 4096 things together that are no fields");
    }
    slots.push_back(std::move(slot));
  }
  return {};
}

Result<FieldId> CatalogueBuilder::field_of_selector(const PackDocument& pack, int line,
                                                    std::string_view owner,
                                                    std::string_view selector) const {
  const auto name = selector_name(selector);
  if (name.empty()) {
    return pack.error(line,
                      std::string(owner) + " names a field as $.name, not as " + quoted(selector));
  }
  if (name == "event_type" || name == "level") {
    return pack.error(
        line, std::string(owner) + ": " + std::string(name) + " can be selected in match only");
  }
  const auto id = catalogue_->field(name, names_of(pack));
  if (id != kNoField) return id;
  std::vector<std::string_view> names;
  for (const auto& field : catalogue_->fields_) {
    names.push_back(field.name);
    names.insert(names.end(), field.aliases.begin(), field.aliases.end());
  }
  return pack.error(line, std::string(owner) + " names the field " + quoted(name) +
                              ", which no pack knows" + did_you_mean(name, names));
}

Status CatalogueBuilder::read_meter_labels(const PackDocument& pack, const PackNode& node,
                                           Meter& out) const {
  const auto* const labels = node.find("labels");
  if (labels == nullptr) return {};
  const auto owner = "meter " + quoted(out.name);
  if (labels->kind != PackNode::Kind::kMap) {
    return pack.error(labels->line, owner + ": labels must be a map: { provider: $.provider }");
  }
  if (labels->entries.size() > kMaxLabels) {
    return pack.error(labels->line, owner + " has more than 32 labels");
  }
  for (const auto& entry : labels->entries) {
    const auto label_owner = "label " + quoted(entry.key) + " of " + owner;
    const bool reserved = entry.key == "le" && out.type == MeterType::kHistogram;
    if (!is_label_name(entry.key) || reserved) {
      return pack.error(entry.line, label_owner + (reserved ? ": a histogram makes le itself"
                                                            : ": a label's name is made of "
                                                              "letters, digits and _ and does "
                                                              "not begin with a digit or __"));
    }
    for (const auto& other : out.labels) {
      if (other.name == entry.key) return pack.error(entry.line, label_owner + " stands twice");
    }
    if (entry.value.kind != PackNode::Kind::kScalar) {
      return pack.error(entry.line, label_owner + " must be a field: $.provider");
    }
    SG_ASSIGN(const auto field,
              field_of_selector(pack, entry.value.line, label_owner, entry.value.scalar));
    const auto field_class = catalogue_->fields_[field].field_class;
    if (!passes(field_class)) {
      return pack.error(entry.line, label_owner + ": a field of class " +
                                        std::string(class_name(field_class)) +
                                        " never passes the door, so it cannot be a label");
    }
    if (field_class == FieldClass::kCorrelation) {
      return pack.error(entry.line, label_owner +
                                        ": a field of class correlation would make a "
                                        "series for every request");
    }
    out.labels.push_back({entry.key, field});
  }
  return {};
}

Status CatalogueBuilder::read_meter_value(const PackDocument& pack, const PackNode& node,
                                          Meter& out) const {
  const auto owner = "meter " + quoted(out.name);
  std::string selector;
  SG_TRY(pack.read(node, owner, "value", selector));
  if (const auto* const value = node.find("value")) {
    SG_ASSIGN(out.value, field_of_selector(pack, value->line, "value of " + owner, selector));
    const auto& field = catalogue_->fields_[out.value];
    if (out.type == MeterType::kDistinct) {
      if (!passes(field.field_class)) {
        return pack.error(value->line,
                          "value of " + owner + ": a field of class " +
                              std::string(class_name(field.field_class)) +
                              " never passes the door, so its values cannot be told apart");
      }
    } else if (!is_numeric(field)) {
      return pack.error(value->line, "value of " + owner + ": the field " + quoted(field.name) +
                                         " is not of a kind that holds numbers");
    }
    if (field.field_class == FieldClass::kSecret) {
      return pack.error(value->line, "value of " + owner + ": a secret is never a value");
    }
  } else if (out.type != MeterType::kCounter) {
    return pack.error(node.line, owner +
                                     " needs a value: $.latency_ms; only a counter can count "
                                     "events without one");
  }
  std::string scale;
  SG_TRY(pack.read(node, owner, "scale", scale));
  if (const auto* const place = node.find("scale")) {
    const auto power = parse_int(scale);
    if (!power || *power < -kMaxScale || *power > kMaxScale) {
      return pack.error(place->line, owner + ": scale is a power of ten from -18 to 18");
    }
    if (out.value == kNoField || out.type == MeterType::kDistinct) {
      return pack.error(place->line, owner + ": scale needs a value to scale");
    }
    out.scale = static_cast<int>(*power);
  }
  return {};
}

// A second field for the same number in another unit, for events that lack the first.
Status CatalogueBuilder::read_meter_or_value(const PackDocument& pack, const PackNode& node,
                                             Meter& out) const {
  const auto owner = "meter " + quoted(out.name);
  std::string selector, scale;
  SG_TRY(pack.read(node, owner, "or_value", selector));
  SG_TRY(pack.read(node, owner, "or_scale", scale));
  const auto* const place = node.find("or_value");
  if (place == nullptr) {
    if (scale.empty()) return {};
    return pack.error(node.find("or_scale")->line, owner + ": or_scale needs an or_value to scale");
  }
  if (out.value == kNoField || out.type == MeterType::kDistinct) {
    return pack.error(place->line, owner + ": or_value stands in for a value that is a number");
  }
  SG_ASSIGN(out.or_value, field_of_selector(pack, place->line, "or_value of " + owner, selector));
  const auto& field = catalogue_->fields_[out.or_value];
  if (!is_numeric(field) || field.field_class == FieldClass::kSecret) {
    return pack.error(place->line, "or_value of " + owner + ": the field " + quoted(field.name) +
                                       " is not of a kind that holds numbers");
  }
  if (scale.empty()) return {};
  const auto power = parse_int(scale);
  if (!power || *power < -kMaxScale || *power > kMaxScale) {
    return pack.error(node.find("or_scale")->line,
                      owner + ": or_scale is a power of ten from -18 to 18");
  }
  out.or_scale = static_cast<int>(*power);
  return {};
}

Status CatalogueBuilder::read_meter_buckets(const PackDocument& pack, const PackNode& node,
                                            Meter& out) const {
  const auto owner = "meter " + quoted(out.name);
  const auto* const place = node.find("buckets");
  if (out.type != MeterType::kHistogram) {
    if (place == nullptr) return {};
    return pack.error(place->line, owner + ": buckets are for a histogram");
  }
  std::vector<std::string> texts;
  SG_TRY(pack.read(node, owner, "buckets", texts));
  if (texts.empty() || texts.size() > kMaxBuckets) {
    return pack.error(place == nullptr ? node.line : place->line,
                      owner + ": a histogram needs 1 to 128 buckets: [0.1, 1, 10]");
  }
  for (std::size_t i = 0; i < texts.size(); ++i) {
    Number bound;
    const auto line = place->items[i].line;
    if (!read_number(texts[i], bound)) {
      return pack.error(line, owner + ": the bucket " + quoted(texts[i]) +
                                  " is not a finite number; +Inf is added by itself");
    }
    if (!out.buckets.empty() && bound.as_double <= out.buckets.back()) {
      return pack.error(line,
                        owner + ": buckets ascend, but " + texts[i] + " follows " + texts[i - 1]);
    }
    out.buckets.push_back(bound.as_double);
  }
  return {};
}

Status CatalogueBuilder::link_meters() {
  const auto same_labels = [](const Meter& a, const Meter& b) {
    return std::equal(
        a.labels.begin(), a.labels.end(), b.labels.begin(), b.labels.end(),
        [](const auto& x, const auto& y) { return x.name == y.name && x.field == y.field; });
  };
  for (const auto& link : linked_) {
    auto& meter = catalogue_->meters_[link.meter];
    std::replace(meter.created_with.begin(), meter.created_with.end(), '.', '_');
    const auto owner = "meter " + quoted(meter.name);
    // A name of the same pack may leave out the pack's prefix, as its own name does.
    auto prefix = catalogue_->packs_[pack_of(*link.pack)].prefix;
    std::replace(prefix.begin(), prefix.end(), '.', '_');
    auto found = meter_index_.find(prefix + "_" + meter.created_with);
    if (prefix.empty() || found == meter_index_.end()) {
      found = meter_index_.find(meter.created_with);
    } else {
      meter.created_with = found->first;
    }
    if (found == meter_index_.end()) {
      std::vector<std::string_view> names;
      for (const auto& other : catalogue_->meters_) names.push_back(other.name);
      return link.pack->error(link.line, owner + ": with names " + quoted(meter.created_with) +
                                             ", which is no meter" +
                                             did_you_mean(meter.created_with, names));
    }
    const auto& other = catalogue_->meters_[found->second];
    if (!other.created_with.empty()) {
      return link.pack->error(link.line, owner + ": with names a meter that has a with itself");
    }
    if (!same_labels(meter, other)) {
      return link.pack->error(link.line, owner +
                                             ": with needs the same labels, in the same "
                                             "order, as " +
                                             quoted(other.name) + " has");
    }
  }
  return {};
}

// What is counted and how it is split. Name, help, unit and budgets are not in it: they may change
// while the counting goes on.
std::string CatalogueBuilder::rule_hash(const Meter& meter) const {
  constexpr std::string_view kTypes[] = {"counter", "gauge", "histogram", "distinct"};
  std::string text = "rule 1\ntype ";
  text += kTypes[static_cast<std::size_t>(meter.type)];
  const auto pattern = Pattern::parse(meter.match);
  text += "\nmatch ";
  if (pattern) text += pattern->canonical();
  for (const auto& label : meter.labels) {
    text.append("\nlabel ").append(label.name).append(" ");
    text += catalogue_->fields_[label.field].name;
  }
  if (meter.value != kNoField) {
    text.append("\nvalue ").append(catalogue_->fields_[meter.value].name);
    text.append("\nscale ").append(std::to_string(meter.scale));
  }
  if (meter.or_value != kNoField) {
    text.append("\nor_value ").append(catalogue_->fields_[meter.or_value].name);
    text.append("\nor_scale ").append(std::to_string(meter.or_scale));
  }
  // What a distinct count shows depends on its window; the others' totals do not.
  if (meter.type == MeterType::kDistinct && meter.window != Window::kNone) {
    text.append("\nwindow ").append(std::to_string(window_ns(meter.window) / kSecond));
  }
  for (const auto bucket : meter.buckets) text.append("\nbucket ").append(number_text(bucket));
  return sha256_hex(text).substr(0, 16);
}

}  // namespace sightglass::event
