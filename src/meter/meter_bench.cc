// What a terminal event and a scrape cost.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>

#include "event/event.h"
#include "event/pattern.h"
#include "meter/meter_fold.h"

namespace sightglass::meter {
namespace {

std::shared_ptr<const event::Catalogue> gateway() {
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root != nullptr ? root : ".") + "/packs/gateway.yaml");
  return event::Catalogue::parse(std::string(std::istreambuf_iterator<char>(in), {})).value();
}

journal::Reader::Batch terminals(const std::shared_ptr<const event::Catalogue>& catalogue,
                                 std::size_t n, std::size_t keys) {
  const auto plan = event::MatchPlan::compile(catalogue).value();
  event::MatchPlan::Scratch scratch;
  journal::Reader::Batch batch;
  batch.catalogue = catalogue;
  std::vector<std::size_t> ends;
  for (std::size_t i = 0; i < n; ++i) {
    const std::string model = "model-" + std::to_string(i % 7);
    const std::string key = "openai-" + std::to_string(1'000'000'000'000'000 + i % keys);
    event::Event e;
    e.type = catalogue->event_type("stream_completed");
    const auto text = [&](const char* name, std::string_view v) {
      e.fields.push_back({catalogue->field(name), event::Value::text(v)});
    };
    const auto number = [&](const char* name, std::int64_t v) {
      e.fields.push_back({catalogue->field(name), event::Value::integer(v)});
    };
    text("request_id", "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e");
    text("endpoint", "chat_completions");
    text("provider", "openai");
    text("model", model);
    text("key", key);
    text("client", "client-123");
    text("outcome", "ok");
    e.fields.push_back({catalogue->field("is_streaming"), event::Value::boolean(true)});
    for (const char* name :
         {"input_tokens", "cache_read_tokens", "cache_write_5m_tokens", "cache_write_1h_tokens",
          "output_tokens", "reasoning_tokens", "total_tokens", "cost_nanousd", "latency_us",
          "first_content_us", "longest_stall_us", "overhead_us", "tool_calls", "request_bytes",
          "response_bytes", "chunks", "message_count", "attempts"}) {
      number(name, static_cast<std::int64_t>(i % 1000) + 40);
    }
    plan->match(e, scratch);
    event::encode(e, batch.bytes);
    ends.push_back(batch.bytes.size());
  }
  std::size_t from = 0;
  for (std::size_t i = 0; i < n; ++i) {
    batch.records.push_back(
        {i + 1, journal::RecordKind::kEvent, Bytes(batch.bytes).substr(from, ends[i] - from)});
    from = ends[i];
  }
  batch.header = {1, static_cast<std::uint32_t>(n), 1'700'000'000 * kSecond};
  return batch;
}

void fold_terminal_event(benchmark::State& state) {
  auto batch = terminals(gateway(), 1024, 50);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  for (auto _ : state) {
    fold.apply(batch);
    for (auto& record : batch.records) record.position += 1024;
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(fold_terminal_event);

// The gateway's meters and as many again as make a hundred, each with labels, for the same events.
std::shared_ptr<const event::Catalogue> hundred() {
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::ifstream in(std::string(root != nullptr ? root : ".") + "/packs/gateway.yaml");
  std::string text{std::istreambuf_iterator<char>(in), {}};
  text += "\n---\npack: more\nversion: 1\nmeters:\n";
  const auto have = gateway()->meters().size();
  constexpr const char* kLabels[] = {"{ model: $.model }", "{ provider: $.provider, key: $.key }",
                                     "{ client: $.client }", "{ endpoint: $.endpoint }"};
  for (std::size_t i = have; i < 100; ++i) {
    text += "  - metric: more_" + std::to_string(i) + "\n    type: counter\n    help: M.\n" +
            "    match: '{ $.latency_us >= " + std::to_string(i % 40) + " }'\n" +
            "    value: $.latency_us\n    labels: " + kLabels[i % 4] + "\n";
  }
  return event::Catalogue::parse(std::move(text)).value();
}

void fold_terminal_event_100_meters(benchmark::State& state) {
  auto batch = terminals(hundred(), 1024, 50);
  Telemetry telemetry;
  MeterFold fold(telemetry);
  for (auto _ : state) {
    fold.apply(batch);
    for (auto& record : batch.records) record.position += 1024;
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(fold_terminal_event_100_meters);

void expose_100000_series(benchmark::State& state) {
  std::string pack =
      "pack: b\nversion: 1\nfields:\n  model: { kind: text, class: name }\n"
      "  provider: { kind: text, class: category }\nevents:\n  done: { level: info }\nmeters:\n"
      "  - metric: b_requests_total\n    type: counter\n    help: Requests.\n"
      "    match: '{ $.model = * }'\n    max_series: 200000\n"
      "    labels: { provider: $.provider, model: $.model }\n";
  const auto catalogue = event::Catalogue::parse(std::move(pack)).value();
  const auto plan = event::MatchPlan::compile(catalogue).value();
  event::MatchPlan::Scratch scratch;
  Telemetry telemetry;
  MeterFold fold(telemetry);
  for (std::size_t i = 0; i < 100'000; ++i) {
    const std::string model = "gpt-4o-mini-" + std::to_string(i);
    event::Event e;
    e.type = catalogue->event_type("done");
    e.fields.push_back({catalogue->field("provider"), event::Value::text("openai")});
    e.fields.push_back({catalogue->field("model"), event::Value::text(model)});
    plan->match(e, scratch);
    journal::Reader::Batch batch;
    batch.catalogue = catalogue;
    event::encode(e, batch.bytes);
    batch.header = {i + 1, 1, 1'700'000'000 * kSecond};
    batch.records.push_back({i + 1, journal::RecordKind::kEvent, batch.bytes});
    fold.apply(batch);
  }
  const Telemetry own;
  std::string out;
  for (auto _ : state) {
    out.clear();
    fold.expose(Format::kPrometheus004, own, out);
    benchmark::DoNotOptimize(out.data());
  }
  state.SetItemsProcessed(state.iterations() * 100'000);
  state.counters["bytes"] = static_cast<double>(out.size());
}
BENCHMARK(expose_100000_series)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sightglass::meter
