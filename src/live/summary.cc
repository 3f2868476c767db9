#include "live/summary.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sightglass::live {
namespace {

constexpr std::size_t kMaxNames = 50;

std::int64_t average_ms(const Split& all) {
  if (all.requests <= 0) return 0;
  return (all.duration_us + all.requests * 500) / (all.requests * 1000);
}

// 1217 → "1,217".
std::string with_commas(std::int64_t value) {
  std::string out = std::to_string(value);
  const std::size_t first = value < 0 ? 1 : 0;
  for (std::size_t at = out.size(); at > first + 3;) {
    at -= 3;
    out.insert(at, 1, ',');
  }
  return out;
}

std::string counts_line(std::string_view title,
                        const std::vector<std::pair<std::string, std::int64_t>>& counts) {
  std::string out(title);
  const auto shown = std::min(counts.size(), kMaxNames);
  for (std::size_t i = 0; i < shown; ++i) {
    out.append(" | ").append(counts[i].first).append(": ").append(std::to_string(counts[i].second));
  }
  if (shown < counts.size()) {
    out.append(" | and ").append(std::to_string(counts.size() - shown)).append(" more");
  }
  return out;
}

}  // namespace

std::vector<SummaryLine> summary_lines(const TotalsFold::Summary& summary,
                                       std::int64_t last_requests) {
  const Split& all = summary.all;
  std::string text = " SUMMARY (last " + std::to_string(last_requests) + " requests)";
  const auto part = [&](std::string_view name, const std::string& value) {
    text.append(" | ").append(name).append(": ").append(value);
  };
  part("Total", std::to_string(all.requests));
  part("Errors", std::to_string(all.errors));
  part("Avg Duration", std::to_string(average_ms(all)) + "ms");
  part("Input Tokens", with_commas(all.input_tokens));
  part("Output Tokens", with_commas(all.output_tokens));
  part("Cache Hits", with_commas(all.cache_read_tokens));
  part("Cache Creation", with_commas(all.cache_creation_tokens));
  part("Tool Uses", std::to_string(all.tool_uses));
  part("Tool Results", std::to_string(all.tool_results));
  part("Tool Calls", std::to_string(all.tool_calls));
  std::vector<SummaryLine> lines;
  lines.push_back({Level::kInfo, std::move(text)});
  if (!summary.models.empty()) {
    lines.push_back({Level::kInfo, counts_line(" MODELS", summary.models)});
  }
  if (!summary.errors.empty()) {
    lines.push_back({Level::kWarn, counts_line(" ERRORS", summary.errors)});
  }
  return lines;
}

bool build_summary_event(const TotalsFold::Summary& summary, std::int64_t last_requests,
                         const event::Catalogue& catalogue, Nanos now_wall_ns, event::Event& out) {
  const auto type = catalogue.event_type("metrics_summary");
  if (type == event::kOtherEvent) return false;
  out = event::Event();
  out.type = type;
  out.level = catalogue.event_types()[type].level;
  out.time_ns = now_wall_ns;
  const Split& all = summary.all;
  const std::pair<std::string_view, std::int64_t> numbers[] = {
      {"summary_requests", last_requests},
      {"total_requests", all.requests},
      {"total_errors", all.errors},
      {"average_duration_ms", average_ms(all)},
      {"total_input_tokens", all.input_tokens},
      {"total_output_tokens", all.output_tokens},
      {"total_cache_read_tokens", all.cache_read_tokens},
      {"total_cache_creation_tokens", all.cache_creation_tokens},
      {"total_tool_uses", all.tool_uses},
      {"total_tool_results", all.tool_results},
      {"total_tool_calls", all.tool_calls},
  };
  for (const auto& [name, value] : numbers) {
    const auto field = catalogue.field(name);
    if (field != event::kNoField) out.fields.push_back({field, event::Value::integer(value)});
  }
  return true;
}

}  // namespace sightglass::live
