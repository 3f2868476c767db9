#include "live/report.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::live {
namespace {

void add_node(Node& to, const Node& from) {
  add(to.streaming.sum, from.streaming.sum);
  add(to.plain.sum, from.plain.sum);
  to.streaming.in_flight += from.streaming.in_flight;
  to.plain.in_flight += from.plain.in_flight;
  to.last_ns = std::max(to.last_ns, from.last_ns);
}

bool matches(std::string_view pattern, std::string_view name) {
  return glob_match(pattern, name, true);
}

// A model filter leaves out other models, never what a provider did without naming one.
bool model_passes(const RunningTotalsQuery& query, std::string_view model) {
  return model.empty() || matches(query.model, model);
}

void place(Report& report, std::string_view provider, std::string_view model, const Node& node) {
  auto at = report.providers.find(provider);
  if (at == report.providers.end()) at = report.providers.try_emplace(std::string(provider)).first;
  add_node(at->second.rollup, node);
  if (!model.empty()) add_node(at->second.models[std::string(model)], node);
  add_node(report.summary, node);
}

Node in_flight_node(const RequestRow& row) {
  Node node;
  Cell& cell = row.is_streaming ? node.streaming : node.plain;
  cell.in_flight = 1;
  cell.sum.requests = 1;
  cell.sum.input_tokens = row.input_tokens;
  cell.sum.output_tokens = row.output_tokens;
  cell.sum.cache_read_tokens = row.cache_read_tokens;
  cell.sum.cache_creation_tokens = row.cache_creation_tokens;
  cell.sum.tool_uses = row.tool_uses;
  cell.sum.tool_results = row.tool_results;
  cell.sum.tool_calls = row.tool_calls;
  node.last_ns = row.start_wall_ns;
  return node;
}

std::int64_t rounded_ms(std::int64_t us) { return (us + 500) / 1000; }

// Milliseconds as a float in both formats, also when they are whole.
std::string float_ms(std::int64_t us) {
  std::string out;
  append_decimal(out, us, 3);
  if (us % 1000 == 0) out.append(".0");
  return out;
}

std::string time_text(Nanos wall_ns) {
  std::string out;
  append_iso8601(out, wall_ns, 0);
  return out;
}

// Text for a comment line: whatever could end the line is shown as `?`.
std::string comment_text(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const auto length = utf8_sequence_length(text.substr(i));
    const auto c = static_cast<unsigned char>(text[i]);
    // Past ASCII only what is no line or control character anywhere: U+00A0 and up without the
    // separators U+2028 and U+2029 and the byte order mark.
    const auto piece = text.substr(i, std::max<std::size_t>(length, 1));
    const bool bad = length == 0 || c < 0x20 || c == 0x7f || (c == 0xC2 && piece[1] < '\xA0') ||
                     piece == "\u2028" || piece == "\u2029" || piece == "\uFEFF";
    out.append(bad ? "?" : piece);
    i += piece.size();
  }
  return out;
}

std::string capitalized(std::string_view name) {
  std::string out = to_lower(comment_text(name));
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 32);
  return out;
}

struct Entry {
  std::string_view name;
  std::int64_t Split::* part;
};
constexpr std::array<Entry, 9> kCounts = {{
    {"requests", &Split::requests},
    {"errors", &Split::errors},
    {"input_tokens", &Split::input_tokens},
    {"output_tokens", &Split::output_tokens},
    {"cache_read_tokens", &Split::cache_read_tokens},
    {"cache_creation_tokens", &Split::cache_creation_tokens},
    {"tool_uses", &Split::tool_uses},
    {"tool_results", &Split::tool_results},
    {"tool_calls", &Split::tool_calls},
}};

void yaml_line(std::string& out, int indent, std::string_view key, std::string_view value) {
  out.append(static_cast<std::size_t>(indent), ' ').append(key).push_back(':');
  if (!value.empty()) out.append(" ").append(value);
  out.push_back('\n');
}

void yaml_cell(std::string& out, int indent, std::string_view name, const Cell& cell) {
  yaml_line(out, indent, name, {});
  for (const auto& [key, part] : kCounts) {
    yaml_line(out, indent + 2, key, std::to_string(cell.sum.*part));
  }
  yaml_line(out, indent + 2, "average_duration_ms", std::to_string(cell.average_duration_ms()));
  yaml_line(out, indent + 2, "total_duration_ms", float_ms(cell.sum.duration_us));
}

void yaml_node(std::string& out, int indent, const Node& node) {
  yaml_cell(out, indent, "total", node.total());
  if (node.streaming.sum.requests != 0) yaml_cell(out, indent, "streaming", node.streaming);
  if (node.plain.sum.requests != 0) yaml_cell(out, indent, "non_streaming", node.plain);
}

void yaml_provider(std::string& out, std::string_view name, const ProviderNode& provider) {
  out.append("  # ").append(capitalized(name)).append(" Provider\n  ");
  append_yaml_text(out, name);
  out.append(":\n");
  yaml_line(out, 4, "last_accessed", "'" + time_text(provider.rollup.last_ns) + "'");
  yaml_line(out, 4, "rollup", {});
  yaml_node(out, 6, provider.rollup);
  if (provider.models.empty()) return;
  yaml_line(out, 4, "models", {});
  for (const auto& [model, node] : provider.models) {
    out.append(6, ' ');
    append_yaml_text(out, model);
    out.append(":\n");
    yaml_line(out, 8, "last_accessed", "'" + time_text(node.last_ns) + "'");
    yaml_node(out, 8, node);
  }
}

void yaml_head(std::string& out, const Report& report) {
  out.append("# Running Totals Report\n\n# Generated: ");
  append_iso8601(out, report.now_wall_ns, 6);
  out.append("\n\n");
  const RunningTotalsQuery& query = report.query;
  if (query.provider != "*" || query.model != "*") {
    out.append("# Filter: ");
    if (query.provider != "*") out.append("provider=").append(comment_text(query.provider));
    if (query.provider != "*" && query.model != "*") out.append(" & ");
    if (query.model != "*") out.append("model=").append(comment_text(query.model));
    out.append("\n\n");
  }
  if (query.since_start) out.append("# Since: start of this process\n\n");
  out.append("#\n\n# Summary Statistics\n\n");
}

void json_cell(JsonWriter& json, std::string_view name, const Cell& cell) {
  json.key(name).begin_object();
  for (const auto& [key, part] : kCounts) json.key(key).integer(cell.sum.*part);
  json.key("average_duration_ms").integer(cell.average_duration_ms());
  json.key("total_duration_ms").raw(float_ms(cell.sum.duration_us)).end_object();
}

void json_node(JsonWriter& json, const Node& node) {
  json_cell(json, "total", node.total());
  if (node.streaming.sum.requests != 0) json_cell(json, "streaming", node.streaming);
  if (node.plain.sum.requests != 0) json_cell(json, "non_streaming", node.plain);
}

void json_provider(JsonWriter& json, std::string_view name, const ProviderNode& provider) {
  json.key(name).begin_object();
  json.key("last_accessed").string(time_text(provider.rollup.last_ns));
  json.key("rollup").begin_object();
  json_node(json, provider.rollup);
  json.end_object();
  if (!provider.models.empty()) {
    json.key("models").begin_object();
    for (const auto& [model, node] : provider.models) {
      json.key(model).begin_object().key("last_accessed").string(time_text(node.last_ns));
      json_node(json, node);
      json.end_object();
    }
    json.end_object();
  }
  json.end_object();
}

std::uint32_t code_point(std::string_view sequence) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(sequence[i]); };
  if (sequence.size() == 1) return at(0);
  std::uint32_t out = at(0) & (0xffu >> (sequence.size() + 1));
  for (std::size_t i = 1; i < sequence.size(); ++i) out = (out << 6) | (at(i) & 0x3fu);
  return out;
}

// YAML 1.2, section 5.1, less what YAML 1.1 takes as a line break.
bool is_printable(std::uint32_t c) {
  return (c >= 0x20 && c <= 0x7e) ||
         (c >= 0xa0 && c != 0x2028 && c != 0x2029 && c != 0xfeff && c != 0xfffe && c != 0xffff);
}

void append_double_quoted(std::string& out, std::string_view text) {
  out.push_back('"');
  for (std::size_t i = 0; i < text.size();) {
    const auto length = utf8_sequence_length(text.substr(i));
    const auto piece = text.substr(i, std::max<std::size_t>(length, 1));
    const auto c = length == 0 ? 0xfffdu : code_point(piece);
    i += piece.size();
    if (c == '"' || c == '\\') {
      out.append("\\").append(piece);
    } else if (length != 0 && is_printable(c)) {
      out.append(piece);
    } else {
      const char bytes[] = {static_cast<char>(c >> 8), static_cast<char>(c)};
      out.append("\\u").append(to_hex({bytes, 2}));
    }
  }
  out.push_back('"');
}

constexpr bool is_plain_character(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
         c == '-' || c == '.' || c == '/' || c == '+';
}

// Words that some YAML reader takes as something else than text (YAML 1.1 and 1.2).
bool is_reserved(std::string_view text) {
  static constexpr std::array<std::string_view, 9> kWords = {"y",     "n",  "yes", "no",  "true",
                                                             "false", "on", "off", "null"};
  const auto word = to_lower(text);
  return std::find(kWords.begin(), kWords.end(), word) != kWords.end();
}

}  // namespace

std::int64_t Cell::average_duration_ms() const {
  const std::int64_t completed = sum.requests - in_flight;
  if (completed <= 0) return 0;
  return (sum.duration_us + completed * 500) / (completed * 1000);
}

Cell Node::total() const {
  Cell out = streaming;
  add(out.sum, plain.sum);
  out.in_flight += plain.in_flight;
  return out;
}

Report make_report(const Tally& tally, const RunningTotalsQuery& query,
                   const std::vector<RequestRow>& active, std::size_t active_count,
                   Nanos now_wall_ns) {
  Report report;
  report.query = query;
  report.now_wall_ns = now_wall_ns;
  report.active_requests = active_count;
  for (const auto& [provider, models] : tally.providers()) {
    if (!matches(query.provider, provider)) continue;
    for (const auto& [model, halves] : models) {
      if (!model_passes(query, model)) continue;
      Node node;
      node.streaming.sum = halves.streaming;
      node.plain.sum = halves.plain;
      node.last_ns = halves.last_ns;
      place(report, provider, model, node);
    }
  }
  if (!query.include_active) return report;
  for (const auto& row : active) {
    if (!matches(query.provider, row.provider)) continue;
    if (!model_passes(query, row.resolved_model)) continue;
    place(report, row.provider, row.resolved_model, in_flight_node(row));
  }
  return report;
}

std::string report_yaml(const Report& report) {
  std::string out;
  yaml_head(out, report);
  const Cell total = report.summary.total();
  out.append("summary:\n");
  if (report.summary.last_ns == 0) {
    yaml_line(out, 2, "last_accessed", "null");
  } else {
    yaml_line(out, 2, "last_accessed", {});
    yaml_line(out, 4, "top", "'" + time_text(report.summary.last_ns) + "'");
  }
  for (const auto& [key, part] : kCounts) {
    yaml_line(out, 2, "total_" + std::string(key), std::to_string(total.sum.*part));
  }
  yaml_line(out, 2, "active_requests", std::to_string(report.active_requests));
  yaml_line(out, 2, "average_duration_ms", std::to_string(total.average_duration_ms()));
  yaml_line(out, 2, "total_duration_ms", std::to_string(rounded_ms(total.sum.duration_us)));
  out.append("\n# Provider Breakdown\n\n");
  if (report.providers.empty()) {
    out.append("providers: {}\n");
    return out;
  }
  out.append("providers:\n");
  for (const auto& [name, provider] : report.providers) yaml_provider(out, name, provider);
  return out;
}

std::string report_json(const Report& report) {
  std::string out;
  JsonWriter json(out);
  const Cell total = report.summary.total();
  json.begin_object().key("summary").begin_object().key("last_accessed");
  if (report.summary.last_ns == 0) {
    json.null();
  } else {
    json.begin_object().key("top").string(time_text(report.summary.last_ns)).end_object();
  }
  for (const auto& [key, part] : kCounts) {
    json.key("total_" + std::string(key)).integer(total.sum.*part);
  }
  json.key("active_requests").unsigned_integer(report.active_requests);
  json.key("average_duration_ms").integer(total.average_duration_ms());
  json.key("total_duration_ms").integer(rounded_ms(total.sum.duration_us)).end_object();
  json.key("providers").begin_object();
  for (const auto& [name, provider] : report.providers) json_provider(json, name, provider);
  json.end_object().end_object();
  out.push_back('\n');
  return out;
}

void append_yaml_text(std::string& out, std::string_view text) {
  // Plain: begins with a letter and holds nothing that means anything in YAML.
  const bool letter_first = !text.empty() && std::isalpha(static_cast<unsigned char>(text[0])) != 0;
  if (letter_first && std::all_of(text.begin(), text.end(), is_plain_character) &&
      !is_reserved(text)) {
    out.append(text);
    return;
  }
  const auto printable = [](char c) { return c >= 0x20 && c < 0x7f; };
  if (std::all_of(text.begin(), text.end(), printable)) {
    out.push_back('\'');
    for (const char c : text) {
      if (c == '\'') out.push_back('\'');
      out.push_back(c);
    }
    out.push_back('\'');
    return;
  }
  append_double_quoted(out, text);
}

}  // namespace sightglass::live
