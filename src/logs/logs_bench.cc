// What a line costs: rendered, and searched for keys.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <filesystem>

#include "../tests/support/batches.h"
#include "logs/json_line.h"
#include "logs/logs.h"

namespace sightglass::logs {
namespace {

void render_terminal_event(benchmark::State& state) {
  const auto catalogue = testing::gateway_catalogue();
  testing::Batches batches(catalogue);
  SeededRandom random(1);
  const auto payload = batches.encode(testing::random_terminal(random, kSecond));
  event::Event event;
  if (!event::decode(payload, event)) return;
  const LineWriter writer(default_profile(), {"sightglass", "production"}, catalogue);
  std::string out;
  for (auto _ : state) {
    out.clear();
    writer.append(event, 17, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(render_terminal_event);

// What the gateway tells of one plain request: a start and a terminal record.
std::vector<testing::TestEvent> one_request() {
  testing::TestEvent start("chat_completion_request_start", kSecond);
  testing::TestEvent end("chat_completion_success", kSecond);
  for (auto* e : {&start, &end}) {
    e->with("service", "gateway").with("env", "production");
    if (e == &end) e->with("outcome", "ok");
    e->with("request_id", "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
    e->with("trace_id", "0af7651916cd43dd8448eb211c80319c").with("span_id", "b7ad6b7169203331");
    e->with("endpoint", "chat_completions").with("method", "POST");
    e->with("route", "/v1/chat/completions").with("provider", "openai");
    e->with("model_requested", "gpt-4o-mini").with("model_upstream", "gpt-4o-mini");
    e->with("model", "gpt-4o-mini").with("key", "openai-9987861163793b2d");
    e->with("client", "anonymous").with("is_streaming", false);
    e->with("start_time_ns", std::int64_t{1'755'611'952'345'000'000}).with("request_bytes", 512);
    e->with("message_count", 3);
  }
  end.with("model_response", "gpt-4o-mini-2024-07-18").with("status_code", 200);
  end.with("upstream_status", 200).with("usage_state", "exact").with("input_tokens", 1184);
  end.with("cache_read_tokens", 0).with("cache_write_5m_tokens", 0);
  end.with("cache_write_1h_tokens", 0).with("output_tokens", 362).with("reasoning_tokens", 0);
  end.with("total_tokens", 1546).with("cost_nanousd", 394'800).with("price_version", "2026-07-24");
  end.with("latency_us", 842'113).with("first_event_us", 620'000).with("upstream_us", 841'900);
  end.with("overhead_us", 213).with("response_bytes", 1900).with("attempts", 1);
  return {start, end};
}

// 500 requests a batch, into a real file: per request, the write included.
void fold_a_request(benchmark::State& state) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("logs_bench_" + std::to_string(getpid()));
  {
    PosixFileSystem fs;
    Telemetry telemetry;
    NullLog log;
    SystemClock clock;
    Options options;
    options.file.path = folder / "llm.log";
    options.console = false;
    const auto console = make_sink_log(options, telemetry, clock);
    const auto fold = make_log_fold(options, fs, *console, telemetry, log);
    testing::Batches batches(testing::gateway_catalogue());
    std::vector<testing::Batches::Payload> payloads;
    for (int i = 0; i < 500; ++i) {
      for (const auto& e : one_request()) {
        payloads.emplace_back(journal::RecordKind::kEvent, batches.encode(e));
      }
    }
    auto batch = batches.make(payloads, kSecond);
    for (auto _ : state) {
      fold->apply(batch);
      for (auto& record : batch.records) record.position += batch.records.size();
    }
    state.SetItemsProcessed(state.iterations() * 500);
  }
  std::filesystem::remove_all(folder);
}
BENCHMARK(fold_a_request);

void hash_keys_of_a_plain_line(benchmark::State& state) {
  const std::string line =
      "SUCCESS | Duration: 842ms | Tokens: 1184->362 | Size: 120->900 bytes | Tool Calls: 1";
  for (auto _ : state) benchmark::DoNotOptimize(hash_keys(line));
}
BENCHMARK(hash_keys_of_a_plain_line);

}  // namespace
}  // namespace sightglass::logs
