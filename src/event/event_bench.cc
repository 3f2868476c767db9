// Encode, decode, and the match plan of the gateway's pack on its terminal event.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "event/catalogue.h"
#include "event/event.h"
#include "event/pattern.h"

namespace sightglass::event {
namespace {

std::shared_ptr<const Catalogue> gateway_pack() {
  const char* const root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root == nullptr ? "." : root) + "/packs/gateway.yaml");
  auto parsed = Catalogue::parse(std::string(std::istreambuf_iterator<char>(in), {}));
  return parsed ? *parsed : nullptr;
}

// Every number and word that a streamed request's end carries: 45 fields.
Event terminal_event(const Catalogue& catalogue) {
  Event event;
  event.type = catalogue.event_type("stream_completed");
  event.time_ns = 1'700'000'000'000'000'000;
  const auto text = [&](std::string_view name, std::string_view value) {
    event.fields.push_back({catalogue.field(name), Value::text(value)});
  };
  text("request_id", "123e4567-e89b-42d3-a456-426614174000");
  text("endpoint", "chat_completions");
  text("method", "POST");
  text("provider", "openai");
  text("model_requested", "gpt-4o-mini");
  text("model_upstream", "gpt-4o-mini-2024-07-18");
  text("model_response", "gpt-4o-mini-2024-07-18");
  text("model", "gpt-4o-mini-2024-07-18");
  text("key", "openai-0123456789abcdef");
  text("client", "support-bot");
  text("outcome", "ok");
  text("usage_state", "exact");
  text("price_version", "2026-07-24");
  text("service", "gateway");
  text("env", "production");
  text("route", "/v1/chat/completions");
  event.fields.push_back({catalogue.field("is_streaming"), Value::boolean(true)});
  for (const auto* name : {"status_code",
                           "upstream_status",
                           "input_tokens",
                           "cache_read_tokens",
                           "cache_write_5m_tokens",
                           "cache_write_1h_tokens",
                           "output_tokens",
                           "reasoning_tokens",
                           "total_tokens",
                           "cost_nanousd",
                           "latency_us",
                           "first_event_us",
                           "first_content_us",
                           "longest_stall_us",
                           "upstream_us",
                           "overhead_us",
                           "start_time_ns",
                           "request_bytes",
                           "response_bytes",
                           "chunks",
                           "message_count",
                           "max_tokens",
                           "tool_count",
                           "tool_uses",
                           "tool_results",
                           "tool_calls",
                           "attempts",
                           "error_length"}) {
    event.fields.push_back({catalogue.field(name), Value::integer(1234)});
  }
  return event;
}

void encode_terminal(benchmark::State& state) {
  const auto catalogue = gateway_pack();
  const auto event = terminal_event(*catalogue);
  std::string out;
  for (auto _ : state) {
    out.clear();
    encode(event, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["fields"] = static_cast<double>(event.fields.size());
  state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(encode_terminal);

void decode_terminal(benchmark::State& state) {
  const auto catalogue = gateway_pack();
  std::string bytes;
  encode(terminal_event(*catalogue), bytes);
  Event out;
  for (auto _ : state) benchmark::DoNotOptimize(decode(bytes, out));
}
BENCHMARK(decode_terminal);

void match_terminal(benchmark::State& state) {
  const auto catalogue = gateway_pack();
  const auto plan = std::move(*MatchPlan::compile(catalogue));
  auto event = terminal_event(*catalogue);
  MatchPlan::Scratch scratch;
  for (auto _ : state) {
    plan->match(event, scratch);
    benchmark::DoNotOptimize(event.meters.data());
  }
  state.counters["hits"] = static_cast<double>(event.meters.size());
}
BENCHMARK(match_terminal);

void match_by_plain_evaluator(benchmark::State& state) {
  const auto catalogue = gateway_pack();
  std::vector<Pattern> patterns;
  for (const auto& meter : catalogue->meters()) {
    patterns.push_back(std::move(*Pattern::parse(meter.match)));
  }
  const auto event = terminal_event(*catalogue);
  for (auto _ : state) {
    for (const auto& pattern : patterns) {
      benchmark::DoNotOptimize(pattern.matches(*catalogue, event));
    }
  }
}
BENCHMARK(match_by_plain_evaluator);

void parse_pack(benchmark::State& state) {
  const auto text = gateway_pack()->text();
  for (auto _ : state) benchmark::DoNotOptimize(Catalogue::parse(text));
}
BENCHMARK(parse_pack)->Unit(benchmark::kMicrosecond);

}  // namespace
}  // namespace sightglass::event
