#include "app/witnesses.h"

#include <simdjson.h>

#include <cmath>

#include "base/text.h"

namespace sightglass::app {
namespace {

using simdjson::dom::element;

std::uint64_t count_at(element object, std::string_view key) {
  std::uint64_t value = 0;
  if (object[key].get(value) != simdjson::SUCCESS) return 0;
  return value;
}

double number_at(element object, std::string_view key) {
  double value = 0;
  if (object[key].get(value) != simdjson::SUCCESS) return 0;
  return value;
}

// Sums of the demo stay far below 2^53 nano-dollars, so that a double holds them whole.
std::int64_t nanousd(double usd) { return std::llround(usd * 1e9); }

Result<element> parse(simdjson::dom::parser& parser, const simdjson::padded_string& text,
                      const char* what) {
  element root;
  if (parser.parse(text).get(root) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, std::string(what) + ": not JSON");
  }
  return root;
}

Tallied row(element object) {
  return {count_at(object, "requests"), count_at(object, "input_tokens"),
          count_at(object, "output_tokens"),
          static_cast<std::int64_t>(number_at(object, "cost_nanousd"))};
}

}  // namespace

Result<Tallied> read_provider_tally(std::string_view json) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(json);
  SG_ASSIGN(const auto root, parse(parser, text, "tally"));
  element total;
  if (root["total"].get(total) != simdjson::SUCCESS) return fail(Code::kInvalid, "tally: no total");
  return row(total);
}

Result<Tallied> read_exposition(std::string_view text) {
  Tallied sum;
  double input = 0, output = 0, requests = 0, cost = 0;
  const std::pair<std::string_view, double*> names[] = {
      {"coo_llm_requests_total", &requests},
      {"sightglass_input_tokens_total", &input},
      {"sightglass_cache_read_tokens_total", &input},
      {"sightglass_cache_write_5m_tokens_total", &input},
      {"sightglass_cache_write_1h_tokens_total", &input},
      {"sightglass_output_tokens_total", &output},
      {"coo_llm_cost_total", &cost}};
  while (!text.empty()) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const auto name = line.substr(0, line.find_first_of("{ "));
    for (const auto& [known, into] : names) {
      if (name != known) continue;
      const auto value = parse_double(line.substr(line.rfind(' ') + 1));
      if (!value) return fail(Code::kInvalid, "metrics: a sample without a number");
      *into += *value;
    }
  }
  sum.requests = static_cast<std::uint64_t>(requests);
  sum.input_tokens = static_cast<std::uint64_t>(input);
  sum.output_tokens = static_cast<std::uint64_t>(output);
  sum.cost_nanousd = nanousd(cost);
  return sum;
}

Result<Tallied> read_running_totals(std::string_view json) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(json);
  SG_ASSIGN(const auto root, parse(parser, text, "running totals"));
  element summary, ours;
  if (root["summary"].get(summary) != simdjson::SUCCESS ||
      root["sightglass"].get(ours) != simdjson::SUCCESS) {
    return fail(Code::kInvalid, "running totals: no summary");
  }
  Tallied sum;
  sum.requests = count_at(summary, "total_requests");
  sum.input_tokens = count_at(summary, "total_input_tokens") +
                     count_at(summary, "total_cache_read_tokens") +
                     count_at(summary, "total_cache_creation_tokens");
  sum.output_tokens = count_at(summary, "total_output_tokens");
  sum.cost_nanousd = nanousd(number_at(ours, "cost_usd"));
  return sum;
}

Result<Tallied> read_reconciliation(std::string_view json, std::string_view fold) {
  simdjson::dom::parser parser;
  const simdjson::padded_string text(json);
  SG_ASSIGN(const auto root, parse(parser, text, "reconcile"));
  element witness;
  if (root["witnesses"][fold].get(witness) != simdjson::SUCCESS) {
    return fail(Code::kUnavailable, "reconcile: no answer from " + std::string(fold));
  }
  return row(witness);
}

Status add_log_lines(std::string_view lines, Tallied& sum) {
  simdjson::dom::parser parser;
  while (!lines.empty()) {
    const auto end = lines.find('\n');
    const simdjson::padded_string text(lines.substr(0, end));
    lines = end == std::string_view::npos ? std::string_view{} : lines.substr(end + 1);
    if (text.size() == 0) continue;
    SG_ASSIGN(const auto root, parse(parser, text, "log"));
    std::string_view outcome;
    if (root["outcome"].get(outcome) != simdjson::SUCCESS) continue;
    ++sum.requests;
    sum.input_tokens += count_at(root, "tokensIn") + count_at(root, "cache_read_tokens") +
                        count_at(root, "cache_write_5m_tokens") +
                        count_at(root, "cache_write_1h_tokens");
    sum.output_tokens += count_at(root, "tokensOut");
    sum.cost_nanousd += std::llround(number_at(root, "costCents") * 1e7);
  }
  return {};
}

}  // namespace sightglass::app
