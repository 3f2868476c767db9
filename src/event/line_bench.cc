// Patterns over raw lines: one pattern on a log of many kinds of lines, and a hundred patterns over
// text in one plan.
#include <benchmark/benchmark.h>
#include <simdjson.h>

#include <string>
#include <vector>

#include "event/line_plan.h"
#include "event/pattern.h"
#include "event/raw_line.h"

namespace sightglass::event {
namespace {

constexpr std::string_view kTypes[] = {
    "proxy_session_response", "session_created",     "chat_completion_request_start",
    "stream_completed",       "cache_hit",           "session_close_error",
    "tools_detected",         "jwt_validation_error"};

// Lines of about 330 bytes, eight kinds in turn.
std::vector<std::string> json_lines() {
  std::vector<std::string> out;
  for (int i = 0; i < 1024; ++i) {
    out.push_back(
        R"({"timestamp":"2025-10-06T10:15:00.123456Z","level":"info","logger":"app",)"
        R"("caller":"service.py:482","event":"Something has happened to a session",)"
        R"("event_type":")" +
        std::string(kTypes[i % 8]) +
        R"(","session_id":"0x5b2a8f6c1d3e4f5a6b7c8d9e0f1a2b3c4d5e6f708192a3b4c5d6e7f8091a2b3c",)"
        R"("user_id":)" +
        std::to_string(i) + R"(,"model":"mistral-31-24b","duration_ms":12.5,"ok":true})");
  }
  return out;
}

void match_lines(benchmark::State& state, std::string_view text, bool prefiltered) {
  const auto lines = json_lines();
  const auto pattern = std::move(*Pattern::parse(text));
  const Prefilter prefilter(pattern);
  RawLine raw;
  std::size_t hits = 0;
  std::size_t bytes = 0;
  for (auto _ : state) {
    for (const auto& line : lines) {
      bytes += line.size() + 1;
      if (prefiltered && !prefilter.can_match(line)) continue;
      raw.set(line);
      hits += raw.matches(pattern);
    }
  }
  benchmark::DoNotOptimize(hits);
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
  state.SetBytesProcessed(static_cast<std::int64_t>(bytes));
}

void match_one_name(benchmark::State& state) {
  match_lines(state, "{ $.event_type = \"stream_completed\" }", true);
}
BENCHMARK(match_one_name);

void match_every_line(benchmark::State& state) {
  match_lines(state, "{ $.user_id = * && $.duration_ms > 1 }", true);
}
BENCHMARK(match_every_line);

void match_terms(benchmark::State& state) { match_lines(state, "session_created -cache", true); }
BENCHMARK(match_terms);

void match_delimited(benchmark::State& state) { match_lines(state, "[a, ..., b = *ok*]", true); }
BENCHMARK(match_delimited);

// The floor: simdjson's DOM over the same lines, and nothing else.
void only_parse(benchmark::State& state) {
  std::vector<simdjson::padded_string> lines;
  std::size_t bytes = 0;
  for (const auto& line : json_lines()) {
    lines.emplace_back(line);
    bytes += line.size() + 1;
  }
  simdjson::dom::parser parser;
  for (auto _ : state) {
    for (const auto& line : lines) benchmark::DoNotOptimize(parser.parse(line).error());
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
  state.SetBytesProcessed(state.iterations() * static_cast<std::int64_t>(bytes));
}
BENCHMARK(only_parse);

// A plan of so many patterns over text, none of which these lines satisfy but one.
void line_plan(benchmark::State& state) {
  std::string pack = "pack: p\nversion: 1\nmeters:\n";
  for (int i = 0; i < state.range(0); ++i) {
    const auto n = std::to_string(i);
    const auto match = i == 0       ? std::string("session_created -cache")
                       : i % 2 == 0 ? "[time, ..., word = failure_" + n + "*]"
                                    : "error_" + n + " -retry";
    pack += "  - { metric: m" + n + ", type: counter, help: h, match: '" + match + "' }\n";
  }
  const auto catalogue = Catalogue::parse(pack);
  const auto plan = LinePlan::compile(**catalogue);
  const auto lines = json_lines();
  LinePlan::Scratch scratch;
  std::vector<FieldValue> fields;
  for (auto _ : state) {
    for (const auto& line : lines) {
      fields.clear();
      plan->match(line, scratch, fields);
      benchmark::DoNotOptimize(fields.data());
    }
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(lines.size()));
}
BENCHMARK(line_plan)->Arg(1)->Arg(10)->Arg(100)->Arg(1000);

}  // namespace
}  // namespace sightglass::event
