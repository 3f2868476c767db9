// What a request pays for privacy: the whole door, a pseudonym, the secret scan.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include "base/fake_file_system.h"
#include "guard/door.h"
#include "guard/hmac_pads.h"
#include "guard/secret_scan.h"

namespace sightglass::guard {
namespace {

using event::Event;
using event::Value;

struct Bench {
  Bench() {
    const char* const root = std::getenv("SIGHTGLASS_SOURCE_DIR");
    std::ifstream in(std::string(root == nullptr ? "." : root) + "/packs/gateway.yaml");
    catalogue = *event::Catalogue::parse(std::string(std::istreambuf_iterator<char>(in), {}));
    plan = std::move(*event::MatchPlan::compile(catalogue));
    ring = std::move(*KeyRing::open({.path = "/ring"}, files, random, clock));
    door = std::make_unique<Door>(catalogue, plan, *ring, telemetry);
  }
  void text(std::string_view name, std::string_view value) {
    terminal.fields.push_back({catalogue->field(name), Value::text(value)});
  }
  void make_terminal() {
    terminal.type = catalogue->event_type("stream_completed");
    terminal.time_ns = clock.wall_ns();
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
    terminal.fields.push_back({catalogue->field("is_streaming"), Value::boolean(true)});
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
      terminal.fields.push_back({catalogue->field(name), Value::integer(1234)});
    }
  }
  void run(benchmark::State& state) {
    Event event;
    std::string out;
    for (auto _ : state) {
      event = terminal;  // about 10 ns of the time shown: the vectors keep their memory
      out.clear();
      door->pass(event, out);
      benchmark::DoNotOptimize(out.data());
    }
    state.counters["fields"] = static_cast<double>(event.fields.size());
  }

  FakeFileSystem files;
  SeededRandom random{1};
  SystemClock clock;
  Telemetry telemetry;
  std::shared_ptr<const event::Catalogue> catalogue;
  std::shared_ptr<const event::MatchPlan> plan;
  std::unique_ptr<KeyRing> ring;
  std::unique_ptr<Door> door;
  Event terminal;
};

void door_terminal(benchmark::State& state) {
  Bench bench;
  bench.make_terminal();
  bench.run(state);
}
BENCHMARK(door_terminal);

void door_terminal_with_two_known_identifiers(benchmark::State& state) {
  Bench bench;
  bench.make_terminal();
  bench.text("user_id", "alice@example.com");
  bench.text("session_id", "0f8fad5b-d9cb-469f-a165-70867728950e");
  bench.run(state);
}
BENCHMARK(door_terminal_with_two_known_identifiers);

void door_terminal_with_text_and_key_to_drop(benchmark::State& state) {
  Bench bench;
  bench.make_terminal();
  bench.text("error", "upstream said: a long sentence that nobody shall ever see");
  bench.text("api_key", "sk-proj-abcDEF123456ghiJKL789012");
  bench.run(state);
}
BENCHMARK(door_terminal_with_text_and_key_to_drop);

void pseudonym_uncached(benchmark::State& state) {
  Bench bench;
  std::string out;
  const auto now = bench.clock.wall_ns();
  for (auto _ : state) {
    out.clear();
    benchmark::DoNotOptimize(bench.ring->pseudonym("u", "alice@example.com", now, out));
  }
}
BENCHMARK(pseudonym_uncached);

void hmac_from_pads(benchmark::State& state) {
  const auto pads = hmac_pads("0123456789abcdef0123456789abcdef");
  for (auto _ : state) benchmark::DoNotOptimize(hmac(pads, "alice@example.com"));
}
BENCHMARK(hmac_from_pads);

void hmac_in_one_call(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(hmac_sha256("0123456789abcdef0123456789abcdef", "alice@example.com"));
  }
}
BENCHMARK(hmac_in_one_call);

void secret_scan_of_a_model_name(benchmark::State& state) {
  const std::string name = "meta-llama/Meta-Llama-3.1-405B-Instruct-Turbo";
  for (auto _ : state) benchmark::DoNotOptimize(find_secret(name));
}
BENCHMARK(secret_scan_of_a_model_name);

void secret_scan_of_a_short_word(benchmark::State& state) {
  const std::string name = "openai";
  for (auto _ : state) benchmark::DoNotOptimize(find_secret(name));
}
BENCHMARK(secret_scan_of_a_short_word);

}  // namespace
}  // namespace sightglass::guard
