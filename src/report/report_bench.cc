// What the reports cost for an event of the gateway, with and without measures that are about it.
#include <benchmark/benchmark.h>

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "event/event.h"
#include "event/pattern.h"
#include "journal/fold_harness.h"
#include "report/report_fold.h"

namespace sightglass::report {
namespace {

constexpr std::size_t kRequests = 512;
constexpr Nanos kNow = 1'760'000'000 * kSecond;

std::shared_ptr<const event::Catalogue> packs(std::initializer_list<const char*> names) {
  const char* const root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::string text;
  for (const auto* name : names) {
    std::ifstream in(std::string(root == nullptr ? "." : root) + "/packs/" + name + ".yaml");
    if (!text.empty()) text += "---\n";
    text.append(std::istreambuf_iterator<char>(in), {});
  }
  auto parsed = event::Catalogue::parse(std::move(text));
  return parsed ? *parsed : nullptr;
}

// Starts and streamed ends of requests, as the gateway records them.
std::vector<std::pair<journal::RecordKind, std::string>> records(
    const std::shared_ptr<const event::Catalogue>& catalogue) {
  auto plan = event::MatchPlan::compile(catalogue);
  event::MatchPlan::Scratch scratch;
  std::vector<std::pair<journal::RecordKind, std::string>> out;
  const auto write = [&](const char* name, const std::string& id, bool end) {
    event::Event event;
    event.type = catalogue->event_type(name);
    event.time_ns = kNow;
    const auto add = [&](const char* field, event::Value value) {
      event.fields.push_back({catalogue->field(field), value});
    };
    add("request_id", event::Value::text(id));
    add("endpoint", event::Value::text("chat_completions"));
    add("provider", event::Value::text("openai"));
    add("model_requested", event::Value::text("gpt-4o-mini"));
    add("model", event::Value::text("gpt-4o-mini"));
    add("key", event::Value::text("openai-0123456789abcdef"));
    add("is_streaming", event::Value::boolean(true));
    if (end) {
      add("outcome", event::Value::text("ok"));
      for (const auto* field : {"attempts", "chunks", "input_tokens", "output_tokens",
                                "total_tokens", "cost_nanousd", "latency_us", "first_event_us",
                                "first_content_us", "upstream_us", "overhead_us", "status_code"}) {
        add(field, event::Value::integer(12'345));
      }
    }
    (*plan)->match(event, scratch);
    std::string payload;
    event::encode(event, payload);
    out.emplace_back(journal::RecordKind::kEvent, std::move(payload));
  };
  for (std::size_t i = 0; i < kRequests; ++i) {
    const auto id = "123e4567-e89b-42d3-a456-" + std::to_string(426'614'000'000 + i);
    write("chat_completion_request_start", id, false);
    write("stream_completed", id, true);
  }
  return out;
}

void fold_requests(benchmark::State& state, std::initializer_list<const char*> names) {
  const auto catalogue = packs(names);
  const auto made = records(catalogue);
  ReportFold fold;
  journal::Position next = 1;
  for (auto _ : state) {
    state.PauseTiming();
    const auto batch = journal::make_batch(next, kNow, catalogue, made);
    next += made.size();
    state.ResumeTiming();
    fold.apply(batch);
  }
  state.SetItemsProcessed(state.iterations() * static_cast<std::int64_t>(kRequests));
}

void BM_RequestWithoutMeasures(benchmark::State& state) { fold_requests(state, {"gateway"}); }
void BM_RequestWithMorpheus(benchmark::State& state) {
  fold_requests(state, {"gateway", "morpheus", "morpheus_reports"});
}
BENCHMARK(BM_RequestWithoutMeasures);
BENCHMARK(BM_RequestWithMorpheus);

}  // namespace
}  // namespace sightglass::report
