// Key metrics and dashboards of ReportBuilder.
#include <algorithm>

#include "base/text.h"
#include "event/report_builder.h"

namespace sightglass::event {
namespace {

constexpr std::size_t kMaxMetrics = 1024;
constexpr std::size_t kMaxDashboards = 256;
constexpr std::size_t kMaxPanels = 64;
constexpr std::size_t kMaxOperands = 32;
constexpr std::size_t kMaxTextBytes = 512;
constexpr std::int64_t kMaxLimit = 100;

// The key that says what a key metric is, and the key of its second operand.
struct FormKeys {
  std::string_view word;
  Form form;
  std::string_view second;
};
constexpr FormKeys kForms[] = {{"value", Form::kValue, ""},
                               {"ratio", Form::kRatio, "to"},
                               {"difference", Form::kDifference, "less"},
                               {"series", Form::kSeries, ""},
                               {"hours", Form::kHours, ""},
                               {"top", Form::kTop, ""},
                               {"compare", Form::kCompare, ""},
                               {"reached", Form::kReached, ""},
                               {"planned", Form::kPlanned, ""},
                               {"retention", Form::kRetention, ""},
                               {"balance", Form::kBalance, "less"}};

bool is_line(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTextBytes &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return static_cast<unsigned char>(c) >= 0x20 && c != 0x7f; });
}

// Whether a measure's own value is one number that can be added, divided and subtracted.
bool is_number(Statistic statistic) { return statistic <= Statistic::kDistinct; }

}  // namespace

Status ReportBuilder::add_metrics(const PackDocument& pack) {
  SG_ASSIGN(const auto* const section,
            map_section(pack, "key_metrics", "name: { title: Title, value: measure, … }"));
  if (section == nullptr) return {};
  for (const auto& entry : section->entries) {
    const auto owner = "key metric " + quoted(entry.key);
    if (!is_snake_case(entry.key)) {
      return pack.error(entry.line, owner + ": a key metric's name is snake_case");
    }
    KeyMetric metric;
    metric.name = entry.key;
    metric.listed = true;
    SG_TRY(read_metric(pack, entry.value, owner, metric));
    SG_TRY(add_metric(pack, entry.value, std::move(metric)));
  }
  return {};
}

Status ReportBuilder::add_metric(const PackDocument& pack, const PackNode& node, KeyMetric metric) {
  if (out_.metrics.size() == kMaxMetrics) {
    return pack.error(node.line, "the packs have more than 1024 key metrics together");
  }
  const auto id = static_cast<MetricId>(out_.metrics.size());
  metric.pack = pack.name;
  if (!metric_index_.emplace(key(pack, metric.name), id).second) {
    return pack.error(node.line, "key metric " + quoted(metric.name) + " stands twice");
  }
  if (const auto* const beside = node.find("beside")) waiting_.push_back({id, beside, &pack});
  out_.metrics.push_back(std::move(metric));
  return {};
}

Status ReportBuilder::read_text(const PackDocument& pack, const PackNode& node,
                                const std::string& owner, std::string_view key,
                                std::string& out) const {
  SG_TRY(pack.read(node, owner, key, out));
  if (is_line(out)) return {};
  const auto* const place = node.find(key);
  return pack.error(place == nullptr ? node.line : place->line,
                    owner + ": " + std::string(key) + " must be one line of 1 to 512 bytes");
}

Status ReportBuilder::read_metric(const PackDocument& pack, const PackNode& node,
                                  const std::string& owner, KeyMetric& out) {
  SG_TRY(pack.check_keys(
      node, owner,
      {"name",    "title",      "group",   "unit",      "definition", "value", "ratio", "to",
       "else_to", "difference", "less",    "series",    "by",         "hours", "top",   "limit",
       "compare", "reached",    "planned", "retention", "balance",    "beside"}));
  SG_TRY(read_text(pack, node, owner, "title", out.title));
  SG_TRY(read_text(pack, node, owner, "definition", out.definition));
  SG_TRY(read_text(pack, node, owner, "unit", out.unit));
  if (node.find("group") != nullptr) SG_TRY(read_text(pack, node, owner, "group", out.group));
  SG_TRY(read_form(pack, node, owner, out));
  if (const auto* const by = node.find("by")) {
    out.by_day = by->scalar == "day";
    if (!out.by_day && by->scalar != "hour") {
      return pack.error(by->line, owner + ": by must be hour or day");
    }
  }
  if (const auto* const limit = node.find("limit")) {
    const auto rows = parse_int(limit->scalar);
    if (!rows || *rows < 1 || *rows > kMaxLimit) {
      return pack.error(limit->line, owner + ": limit is a whole number from 1 to 100");
    }
    out.limit = static_cast<std::uint32_t>(*rows);
  }
  return check_form(pack, node.line, owner, out);
}

Status ReportBuilder::read_form(const PackDocument& pack, const PackNode& node,
                                const std::string& owner, KeyMetric& out) {
  const FormKeys* chosen = nullptr;
  for (const auto& form : kForms) {
    if (node.find(form.word) == nullptr) continue;
    if (chosen != nullptr) {
      return pack.error(
          node.find(form.word)->line,
          owner + " is either a " + std::string(chosen->word) + " or a " + std::string(form.word));
    }
    chosen = &form;
  }
  if (chosen == nullptr) {
    return pack.error(node.line, owner +
                                     " must say what it is: value, ratio, difference, series, "
                                     "hours, top, compare, reached, planned, retention or "
                                     "balance of a measure");
  }
  out.form = chosen->form;
  SG_TRY(read_measures(pack, node, owner, chosen->word, out.of));
  for (const auto* second : {"to", "less"}) {
    const auto* const place = node.find(second);
    if ((place != nullptr) == (chosen->second == second)) continue;
    return pack.error(place == nullptr ? node.line : place->line,
                      owner + (place == nullptr ? " needs `" : " takes no `") + second + "`");
  }
  if (!chosen->second.empty()) SG_TRY(read_measures(pack, node, owner, chosen->second, out.to));
  if (const auto* const otherwise = node.find("else_to")) {
    if (out.form != Form::kRatio) {
      return pack.error(otherwise->line, owner + ": else_to is for a ratio");
    }
    SG_TRY(read_measures(pack, node, owner, "else_to", out.else_to));
  }
  return {};
}

Status ReportBuilder::read_measures(const PackDocument& pack, const PackNode& node,
                                    const std::string& owner, std::string_view key_name,
                                    std::vector<MeasureId>& out) const {
  const auto* const place = node.find(key_name);
  std::vector<std::string> names;
  if (place->kind == PackNode::Kind::kList) {
    SG_TRY(pack.read(node, owner, key_name, names));
  } else {
    SG_TRY(pack.read(node, owner, key_name, names.emplace_back()));
  }
  if (names.empty() || names.size() > kMaxOperands) {
    return pack.error(place->line,
                      owner + ": " + std::string(key_name) + " takes 1 to 32 measures");
  }
  for (const auto& name : names) {
    const auto found = measure_index_.find(key(pack, name));
    if (found == measure_index_.end()) {
      return pack.error(place->line, owner + " names " + quoted(name) +
                                         ", which is no measure of this pack" +
                                         nearest_name(pack, measure_index_, name));
    }
    out.push_back(found->second);
  }
  return {};
}

// Whether the measures have what the form needs.
Status ReportBuilder::check_form(const PackDocument& pack, int line, const std::string& owner,
                                 const KeyMetric& metric) const {
  const auto all = [&](const std::vector<MeasureId>& ids, const auto& fits) {
    return std::all_of(ids.begin(), ids.end(),
                       [&](MeasureId id) { return fits(out_.measures[id]); });
  };
  const auto with = [](Statistic statistic) {
    return [statistic](const Measure& m) { return m.statistic == statistic; };
  };
  const auto numeric = [](const Measure& m) { return is_number(m.statistic); };
  const auto adds_up = [](const Measure& m) {
    return m.statistic == Statistic::kCount || m.statistic == Statistic::kSum;
  };
  bool fits = false;
  std::string_view need;
  switch (metric.form) {
    case Form::kValue:
      fits = metric.of.size() == 1 || all(metric.of, adds_up);
      need = "one measure, or several of count or sum";
      break;
    case Form::kRatio:
      fits = all(metric.of, numeric) && all(metric.to, numeric) && all(metric.else_to, numeric);
      need = "measures whose value is a number";
      break;
    case Form::kDifference:
    case Form::kCompare:
      fits = all(metric.of, adds_up) && all(metric.to, adds_up);
      need = "measures of count or sum";
      break;
    case Form::kSeries:
      fits = metric.of.size() == 1 &&
             (all(metric.of, adds_up) || all(metric.of, with(Statistic::kDistinct)));
      need = "one measure of count, sum or distinct";
      break;
    case Form::kHours:
      fits = metric.of.size() == 1 && all(metric.of, adds_up);
      need = "one measure of count or sum";
      break;
    case Form::kTop:
      fits = metric.of.size() == 1 && all(metric.of, with(Statistic::kTop));
      need = "one measure of top";
      break;
    case Form::kReached:
      fits = metric.of.size() == 1 && all(metric.of, with(Statistic::kPairs));
      need = "one measure of pairs";
      break;
    case Form::kPlanned:
      fits = metric.of.size() == 1 &&
             all(metric.of, [](const Measure& m) { return !m.planned_join.empty(); });
      need = "one measure of pairs that says what is planned";
      break;
    case Form::kRetention:
      fits = metric.of.size() == 1 && all(metric.of, with(Statistic::kDistinct));
      need = "one measure of distinct";
      break;
    case Form::kBalance:
      fits = metric.of.size() == 1 && metric.to.size() == 1 &&
             all(metric.of, with(Statistic::kTop)) && all(metric.to, with(Statistic::kTop));
      need = "two measures of top";
      break;
  }
  if (fits) return {};
  return pack.error(line, owner + " needs " + std::string(need));
}

Status ReportBuilder::add_dashboards(const PackDocument& pack) {
  SG_ASSIGN(const auto* const section,
            map_section(pack, "dashboards", "name: { title: Title, panels: […] }"));
  if (section == nullptr) return {};
  for (const auto& entry : section->entries) {
    const auto owner = "dashboard " + quoted(entry.key);
    Dashboard made;
    made.pack = pack.name;
    made.name = entry.key;
    if (!is_snake_case(entry.key)) {
      return pack.error(entry.line, owner + ": a dashboard's name is snake_case");
    }
    for (const auto& other : out_.dashboards) {
      if (other.pack == made.pack && other.name == made.name) {
        return pack.error(entry.line, owner + " stands twice");
      }
    }
    if (out_.dashboards.size() == kMaxDashboards) {
      return pack.error(entry.line, "the packs have more than 256 dashboards together");
    }
    SG_TRY(pack.check_keys(entry.value, owner, {"title", "panels"}));
    SG_TRY(read_text(pack, entry.value, owner, "title", made.title));
    const auto* const panels = entry.value.find("panels");
    if (panels == nullptr || panels->kind != PackNode::Kind::kList || panels->items.empty() ||
        panels->items.size() > kMaxPanels) {
      return pack.error(entry.line, owner + " needs a list of 1 to 64 panels");
    }
    for (const auto& panel : panels->items) SG_TRY(add_panel(pack, panel, made));
    out_.dashboards.push_back(std::move(made));
  }
  return {};
}

// `{ metric: name, title: Title }` shows a key metric; anything else is one of its own.
Status ReportBuilder::add_panel(const PackDocument& pack, const PackNode& node,
                                Dashboard& dashboard) {
  const auto owner = "a panel of dashboard " + quoted(dashboard.name);
  Panel panel;
  if (node.kind == PackNode::Kind::kMap && node.find("metric") != nullptr) {
    SG_TRY(pack.check_keys(node, owner, {"metric", "title"}));
    std::string name;
    SG_TRY(pack.read(node, owner, "metric", name));
    const auto found = metric_index_.find(key(pack, name));
    if (found == metric_index_.end()) {
      return pack.error(node.line, owner + " names " + quoted(name) +
                                       ", which is no key metric of this pack" +
                                       nearest_name(pack, metric_index_, name));
    }
    panel.metric = found->second;
    panel.title = out_.metrics[panel.metric].title;
    if (node.find("title") != nullptr) SG_TRY(read_text(pack, node, owner, "title", panel.title));
  } else {
    KeyMetric metric;
    SG_TRY(read_metric(pack, node, owner, metric));
    SG_TRY(pack.read(node, owner, "name", metric.name));
    if (!is_snake_case(metric.name)) {
      return pack.error(node.line, owner + " needs its name in snake_case: `name: prompts_by_day`");
    }
    panel.metric = static_cast<MetricId>(out_.metrics.size());
    panel.title = metric.title;
    SG_TRY(add_metric(pack, node, std::move(metric)));
  }
  dashboard.panels.push_back(std::move(panel));
  return {};
}

Status ReportBuilder::link() const {
  for (const auto& waiting : waiting_) {
    auto& metric = out_.metrics[waiting.metric];
    const auto& pack = *waiting.pack;
    const auto owner = "beside of key metric " + quoted(metric.name);
    if (waiting.node->kind != PackNode::Kind::kList || waiting.node->items.size() > kMaxOperands) {
      return pack.error(waiting.node->line, owner + " must be a list of at most 32 names");
    }
    for (const auto& item : waiting.node->items) {
      Beside beside;
      const auto as_metric = metric_index_.find(key(pack, item.scalar));
      const auto as_measure = measure_index_.find(key(pack, item.scalar));
      if (as_metric != metric_index_.end() && as_metric->second != waiting.metric) {
        beside = {true, as_metric->second};
      } else if (as_measure != measure_index_.end()) {
        beside = {false, as_measure->second};
      } else {
        return pack.error(item.line, owner + " names " + quoted(item.scalar) +
                                         ", which is neither a key metric nor a measure" +
                                         nearest_name(pack, measure_index_, item.scalar));
      }
      metric.beside.push_back(beside);
    }
  }
  return {};
}

}  // namespace sightglass::event
