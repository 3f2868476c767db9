// What a terminal event, a frame and a report cost.
#include <benchmark/benchmark.h>

#include "../tests/support/batches.h"
#include "live/feed.h"
#include "live/totals.h"

namespace sightglass::live {
namespace {

void fold_terminal_event(benchmark::State& state) {
  testing::Batches batches(testing::gateway_catalogue());
  SeededRandom random(1);
  std::vector<testing::TestEvent> events;
  for (int i = 0; i < 1024; ++i) events.push_back(testing::random_terminal(random, i));
  auto batch = batches.make(events, kSecond);
  TotalsFold fold;
  for (auto _ : state) {
    fold.apply(batch);
    for (auto& record : batch.records) record.position += 1024;
  }
  state.SetItemsProcessed(state.iterations() * 1024);
}
BENCHMARK(fold_terminal_event);

void start_and_end_a_request(benchmark::State& state) {
  SystemClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(1024);
  RequestRow row;
  row.request_id = "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e";
  row.requested_model = row.qualified_model = "openai:gpt-4o-mini-2024-07-18";
  for (auto _ : state) table.end(table.start(row));
}
BENCHMARK(start_and_end_a_request);

void frame_of_5000_rows(benchmark::State& state) {
  SystemClock clock;
  Requests requests(clock);
  auto& table = requests.add_table(5000);
  RequestRow row;
  row.request_id = "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e";
  row.requested_model = row.qualified_model = "openai:gpt-4o-mini-2024-07-18";
  for (int i = 0; i < 5000; ++i) {
    row.start_wall_ns = i;
    table.start(row);
  }
  Feed feed(requests);
  for (auto _ : state) benchmark::DoNotOptimize(feed.refresh());
}
BENCHMARK(frame_of_5000_rows)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sightglass::live
