// Measures of ReportBuilder, and the door to all of it.
#include <algorithm>

#include "base/sha256.h"
#include "base/text.h"
#include "event/pattern.h"
#include "event/pattern_node.h"
#include "event/report_builder.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxMeasures = 1024;
constexpr std::size_t kMaxPatterns = 4096;
constexpr std::size_t kMaxUses = 8;
constexpr std::size_t kMaxJoinKeys = 4;
constexpr Nanos kMinExpiry = kSecond;
constexpr Nanos kMaxExpiry = 31 * 24 * 3'600 * kSecond;
constexpr Nanos kDefaultExpiry = 24 * 3'600 * kSecond;

template <typename T>
struct Word {
  std::string_view word;
  T value;
};

constexpr Word<Statistic> kStatistics[] = {
    {"count", Statistic::kCount},       {"sum", Statistic::kSum},
    {"average", Statistic::kAverage},   {"last", Statistic::kLast},
    {"distinct", Statistic::kDistinct}, {"top", Statistic::kTop},
    {"pairs", Statistic::kPairs}};

void collect_event_types(const PatternNode& node, std::vector<std::string>& out) {
  for (const auto& child : node.children) collect_event_types(child, out);
  const auto& condition = node.condition;
  if (node.type != PatternNode::Type::kCondition || condition.selector.path() != "event_type" ||
      condition.comparison != Comparison::kEqual) {
    return;
  }
  std::string name;
  for (std::size_t i = 0; i < condition.literal.pieces.size(); ++i) {
    name.append(i == 0 ? "" : "*").append(condition.literal.pieces[i]);
  }
  if (std::find(out.begin(), out.end(), name) == out.end()) out.push_back(std::move(name));
}

// "90s", "15m", "24h", "7d".
bool read_duration(std::string_view text, Nanos& out) {
  if (text.size() < 2) return false;
  const auto count = parse_int(text.substr(0, text.size() - 1));
  if (!count || *count < 1 || *count > 1'000'000) return false;
  const Nanos unit = text.back() == 's'   ? kSecond
                     : text.back() == 'm' ? 60 * kSecond
                     : text.back() == 'h' ? 3'600 * kSecond
                     : text.back() == 'd' ? 24 * 3'600 * kSecond
                                          : 0;
  out = *count * unit;
  return unit != 0;
}

}  // namespace

// The entries of a section that is a map by name; nullptr where the pack has none.
Result<const PackNode*> map_section(const PackDocument& pack, std::string_view key,
                                    std::string_view example) {
  const auto* const node = pack.root.find(key);
  if (node == nullptr || node->kind == PackNode::Kind::kNothing) return nullptr;
  if (node->kind != PackNode::Kind::kMap) {
    return pack.error(node->line,
                      std::string(key) + " must be a map: `" + std::string(example) + "`");
  }
  return node;
}

Status ReportBuilder::add_measures(const PackDocument& pack) {
  SG_ASSIGN(const auto* const section,
            map_section(pack, "measures", "name: { match: '{ $.event_type = \"x\" }' }"));
  if (section == nullptr) return {};
  for (const auto& entry : section->entries) {
    const auto owner = "measure " + quoted(entry.key);
    if (!is_snake_case(entry.key)) {
      return pack.error(entry.line, owner + ": a measure's name is snake_case");
    }
    if (out_.measures.size() == kMaxMeasures) {
      return pack.error(entry.line, "the packs have more than 1024 measures together");
    }
    const auto id = static_cast<MeasureId>(out_.measures.size());
    if (!measure_index_.emplace(key(pack, entry.key), id).second) {
      return pack.error(entry.line, owner + " stands twice");
    }
    Measure measure;
    measure.pack = pack.name;
    measure.name = entry.key;
    SG_TRY(read_measure(pack, entry.value, owner, measure));
    measure.rule_hash = rule_hash(measure);
    out_.measures.push_back(std::move(measure));
  }
  return {};
}

Status ReportBuilder::read_measure(const PackDocument& pack, const PackNode& node,
                                   const std::string& owner, Measure& out) {
  std::string statistic = "count";
  if (node.kind == PackNode::Kind::kMap) SG_TRY(pack.read(node, owner, "statistic", statistic));
  const auto* const known =
      std::find_if(std::begin(kStatistics), std::end(kStatistics),
                   [&](const auto& choice) { return choice.word == statistic; });
  if (known == std::end(kStatistics)) {
    std::vector<std::string_view> names;
    for (const auto& choice : kStatistics) names.push_back(choice.word);
    return pack.error(node.find("statistic")->line,
                      owner + ": statistic must be one of count, sum, average, last, distinct, " +
                          "top, pairs" + did_you_mean(statistic, names));
  }
  out.statistic = known->value;
  if (out.statistic == Statistic::kPairs) return read_pairs(pack, node, owner, out);

  SG_TRY(pack.check_keys(node, owner, {"statistic", "match", "field", "weight", "absent"}));
  SG_TRY(read_patterns(pack, node, owner, "match", MeasureRole::kEvent, out));
  if (out.uses.size() > 1 && out.statistic != Statistic::kLast) {
    return pack.error(node.find("match")->line,
                      owner +
                          ": only the statistic last takes several matches, in the order of "
                          "preference; join others with ||");
  }
  SG_TRY(read_fields(pack, node, owner, "field", out));
  const bool counts = out.statistic == Statistic::kCount;
  if (counts != out.fields.empty()) {
    return pack.error(node.line, owner + (counts ? ": count takes no field"
                                                 : ": " + statistic + " needs its field: $.name"));
  }
  for (const auto id : out.fields) {
    if (id == kEventTypeField) {
      if (out.statistic == Statistic::kDistinct || out.statistic == Statistic::kTop) continue;
      return pack.error(node.find("field")->line, owner + ": event_type is for distinct and top");
    }
    const auto& used = catalogue_.fields()[id];
    const bool numeric = used.kind != Kind::kText && used.kind != Kind::kBool;
    if (!numeric && out.statistic >= Statistic::kSum && out.statistic <= Statistic::kLast) {
      return pack.error(node.find("field")->line, owner + ": the field " + quoted(used.name) +
                                                      " holds no number to take the " + statistic +
                                                      " of");
    }
  }
  if (const auto* const weight = node.find("weight")) {
    if (!counts) return pack.error(weight->line, owner + ": weight is for the statistic count");
    SG_ASSIGN(out.weight, field(pack, weight->line, owner + ", weight", weight->scalar));
  }
  if (const auto* const absent = node.find("absent")) {
    if (absent->scalar != "zero" || !counts) {
      return pack.error(absent->line, owner +
                                          ": absent can say zero, for the statistic count: "
                                          "never seen then means that none happened");
    }
    out.zero_when_absent = true;
  }
  return {};
}

Status ReportBuilder::read_pairs(const PackDocument& pack, const PackNode& node,
                                 const std::string& owner, Measure& out) {
  SG_TRY(pack.check_keys(
      node, owner,
      {"statistic", "start", "end", "join", "expires_after", "stray_ends", "planned"}));
  SG_TRY(read_patterns(pack, node, owner, "start", MeasureRole::kStart, out));
  SG_TRY(read_patterns(pack, node, owner, "end", MeasureRole::kEnd, out));
  SG_TRY(read_join(pack, node, owner, "join", out.join));
  SG_TRY(pack.read(node, owner, "stray_ends", out.stray_ends));
  out.expires_after_ns = kDefaultExpiry;
  if (const auto* const expiry = node.find("expires_after")) {
    if (!read_duration(expiry->scalar, out.expires_after_ns) || out.expires_after_ns < kMinExpiry ||
        out.expires_after_ns > kMaxExpiry) {
      return pack.error(expiry->line,
                        owner + ": expires_after is a duration from 1s to 31d, such as 90m");
    }
  }
  const auto* const plan = node.find("planned");
  return plan == nullptr ? Status{} : read_plan(pack, *plan, owner + ", planned", out);
}

Status ReportBuilder::read_plan(const PackDocument& pack, const PackNode& node,
                                const std::string& owner, Measure& out) {
  SG_TRY(pack.check_keys(node, owner, {"match", "via", "field", "join", "unit"}));
  SG_TRY(read_patterns(pack, node, owner, "match", MeasureRole::kPlanned, out));
  if (node.find("via") != nullptr) {
    SG_TRY(read_patterns(pack, node, owner, "via", MeasureRole::kVia, out));
  }
  SG_TRY(read_fields(pack, node, owner, "field", out));
  if (out.fields.empty()) return pack.error(node.line, owner + " needs its field: $.name");
  SG_TRY(read_join(pack, node, owner, "join", out.planned_join));
  std::string unit = "seconds";
  SG_TRY(pack.read(node, owner, "unit", unit));
  constexpr Word<double> kUnits[] = {
      {"seconds", 1}, {"milliseconds", 1e-3}, {"minutes", 60}, {"hours", 3'600}};
  for (const auto& choice : kUnits) {
    if (choice.word != unit) continue;
    out.planned_scale = choice.value;
    return {};
  }
  return pack.error(node.find("unit")->line,
                    owner + ": unit must be seconds, milliseconds, minutes or hours");
}

Status ReportBuilder::read_patterns(const PackDocument& pack, const PackNode& node,
                                    const std::string& owner, std::string_view key,
                                    MeasureRole role, Measure& out) {
  const auto* const place = node.find(key);
  if (place == nullptr) {
    return pack.error(node.line,
                      owner + " needs its " + std::string(key) + ": '{ $.event_type = \"name\" }'");
  }
  std::vector<std::string> texts;
  if (place->kind == PackNode::Kind::kList) {
    SG_TRY(pack.read(node, owner, key, texts));
  } else {
    SG_TRY(pack.read(node, owner, key, texts.emplace_back()));
  }
  for (const auto& text : texts) {
    const auto pattern = Pattern::parse(text);
    if (!pattern) {
      return pack.error(place->line,
                        owner + ": " + std::string(key) + ", " + pattern.error().message);
    }
    const auto next = static_cast<std::uint16_t>(out_.patterns.size());
    const auto names = names_of_(pack);
    const auto [at, inserted] =
        pattern_index_.emplace(std::to_string(names) + ' ' + pattern->canonical(), next);
    if (inserted) {
      if (out_.patterns.size() == kMaxPatterns) {
        return pack.error(place->line, "the packs' measures have more than 4096 patterns together");
      }
      MeasurePattern made;
      made.match = text;
      made.names = names;
      collect_event_types(pattern->root(), made.event_types);
      out_.patterns.push_back(std::move(made));
    }
    if (out.uses.size() == kMaxUses) return pack.error(place->line, owner + " has over 8 patterns");
    out.uses.push_back({at->second, role});
  }
  if (texts.empty()) return pack.error(place->line, owner + ": " + std::string(key) + " is empty");
  return {};
}

Result<FieldId> ReportBuilder::field(const PackDocument& pack, int line, const std::string& owner,
                                     std::string_view selector) const {
  if (!selector.starts_with("$.")) {
    return pack.error(line, owner + " names a field as $.name, not as " + quoted(selector));
  }
  const auto name = selector.substr(2);
  const auto id = catalogue_.field(name, names_of_(pack));
  if (id == kNoField) {
    std::vector<std::string_view> names;
    for (const auto& known : catalogue_.fields()) names.push_back(known.name);
    return pack.error(line, owner + " names the field " + quoted(name) + ", which no pack knows" +
                                did_you_mean(name, names));
  }
  const auto field_class = catalogue_.fields()[id].field_class;
  if (passes(field_class)) return id;
  return pack.error(line, owner + ": a field of class " + std::string(class_name(field_class)) +
                              " never passes the door, so no report can use its value");
}

Status ReportBuilder::read_fields(const PackDocument& pack, const PackNode& node,
                                  const std::string& owner, std::string_view key,
                                  Measure& out) const {
  const auto* const place = node.find(key);
  if (place == nullptr) return {};
  std::vector<std::string> selectors;
  if (place->kind == PackNode::Kind::kList) {
    SG_TRY(pack.read(node, owner, key, selectors));
  } else {
    SG_TRY(pack.read(node, owner, key, selectors.emplace_back()));
  }
  if (selectors.size() > kMaxUses) return pack.error(place->line, owner + " has over 8 fields");
  for (const auto& selector : selectors) {
    if (selector == "$.event_type") {
      out.fields.push_back(kEventTypeField);
      continue;
    }
    SG_ASSIGN(const auto id, field(pack, place->line, owner, selector));
    out.fields.push_back(id);
  }
  return {};
}

// `$.session_id`, or `$.new_session_id = $.session_id`: the start's field and the end's; or `any`.
Status ReportBuilder::read_join(const PackDocument& pack, const PackNode& node,
                                const std::string& owner, std::string_view key,
                                std::vector<JoinKey>& out) const {
  std::vector<std::string> texts;
  SG_TRY(pack.read(node, owner, key, texts));
  if (texts.empty() || texts.size() > kMaxJoinKeys) {
    return pack.error(node.line, owner + " needs 1 to 4 join keys: join: [$.request_id]");
  }
  const auto line = node.find(key)->line;
  for (const std::string_view text : texts) {
    if (text == "any") {  // what no id joins: the oldest that is open
      out.push_back({kAnyField, kAnyField});
      continue;
    }
    const auto equals = text.find('=');
    const auto left = trim(text.substr(0, equals));
    const auto right = equals == std::string_view::npos ? left : trim(text.substr(equals + 1));
    JoinKey made;
    SG_ASSIGN(made.start, field(pack, line, owner + ", join", left));
    SG_ASSIGN(made.end, field(pack, line, owner + ", join", right));
    out.push_back(made);
  }
  return {};
}

// What is collected; a changed one begins anew.
std::string ReportBuilder::rule_hash(const Measure& measure) const {
  std::string text = "measure 1\n";
  text += kStatistics[static_cast<std::size_t>(measure.statistic)].word;
  const auto field_name = [&](FieldId id) -> std::string {
    if (id == kEventTypeField) return "event_type";
    return id == kAnyField ? "any" : catalogue_.fields()[id].name;
  };
  for (const auto& use : measure.uses) {
    const auto pattern = Pattern::parse(out_.patterns[use.pattern].match);
    text += "\nuse " + std::to_string(static_cast<int>(use.role)) + ' ';
    if (pattern) text += pattern->canonical();
  }
  for (const auto id : measure.fields) text += "\nfield " + field_name(id);
  if (measure.weight != kNoField) text += "\nweight " + field_name(measure.weight);
  for (const auto& keys : {measure.join, measure.planned_join}) {
    text += "\nkeys";
    for (const auto& join : keys) text += ' ' + field_name(join.start) + '=' + field_name(join.end);
  }
  if (measure.statistic == Statistic::kPairs) {
    text +=
        "\nexpires " + std::to_string(measure.expires_after_ns) + (measure.stray_ends ? " s" : "");
    text += "\nscale " + std::to_string(static_cast<std::int64_t>(measure.planned_scale * 1'000));
  }
  return sha256_hex(text).substr(0, 16);
}

Status CatalogueBuilder::add_reports(const std::vector<PackDocument>& packs) {
  auto reports = std::make_shared<Reports>();
  ReportBuilder builder(
      *catalogue_, [this](const PackDocument& pack) { return names_of(pack); }, *reports);
  for (const auto& pack : packs) SG_TRY(builder.add_measures(pack));
  for (const auto& pattern : reports->patterns) {
    SG_TRY(add_match_only(*Pattern::parse(pattern.match), pattern.names));
  }
  for (const auto& pack : packs) SG_TRY(builder.add_metrics(pack));
  for (const auto& pack : packs) SG_TRY(builder.add_dashboards(pack));
  SG_TRY(builder.link());
  catalogue_->reports_ = std::move(reports);
  return {};
}

}  // namespace sightglass::event
