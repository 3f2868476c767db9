// What the hand-off, the commit and the reading cost.
#include <benchmark/benchmark.h>
#include <stdlib.h>

#include <filesystem>

#include "journal/journal.h"
#include "journal/ring.h"

namespace sightglass::journal {
namespace {

struct Disk {
  Disk() {
    char name[] = "/tmp/sightglass-bench-XXXXXX";
    path = ::mkdtemp(name);
    options.directory = path + "/journal";
    options.max_bytes = 4ull << 30;
  }
  ~Disk() { std::filesystem::remove_all(path); }
  std::unique_ptr<Journal> open() {
    return std::move(*Journal::open(options, fs, clock, telemetry, log, "bench", nullptr));
  }
  std::string path;
  Options options;
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
};

// One record of 300 bytes into a ring that a consumer of the same thread empties now and then.
void ring_offer(benchmark::State& state) {
  Ring ring(4u << 20);
  const std::string payload(300, 'x');
  Bytes framed;
  for (auto _ : state) {
    if (!ring.offer(RecordKind::kEvent, payload)) {
      state.PauseTiming();
      const auto until = ring.head();
      while (ring.peek(until, framed)) ring.pop(framed);
      ring.release();
      state.ResumeTiming();
    }
  }
}
BENCHMARK(ring_offer);

// The same against a running writer that commits to the disk; full rings are counted apart.
void offer_to_a_running_journal(benchmark::State& state) {
  Disk disk;
  auto journal = disk.open();
  auto& producer = journal->add_producer(16u << 20);
  const std::string payload(300, 'x');
  std::uint64_t dropped = 0;
  for (auto _ : state) dropped += producer.offer(RecordKind::kEvent, payload) ? 0 : 1;
  state.counters["dropped"] = benchmark::Counter(static_cast<double>(dropped));
  journal->cut_before(journal->committed());
}
BENCHMARK(offer_to_a_running_journal)->Iterations(40'000);

// Every record durable: how many a second through group commit, offered as fast as it takes them.
void commit_throughput(benchmark::State& state) {
  Disk disk;
  auto journal = disk.open();
  auto& producer = journal->add_producer(8u << 20);
  const std::string payload(300, 'x');
  for (auto _ : state) {
    const auto before = journal->committed();
    constexpr Position kRecords = 100'000;
    for (Position i = 0; i < kRecords;) {
      if (producer.offer(RecordKind::kEvent, payload)) {
        ++i;
      } else {
        journal->wait_committed(journal->committed(), kMillisecond);
      }
    }
    while (journal->committed() < before + kRecords) {
      journal->wait_committed(journal->committed(), kSecond);
    }
    state.SetItemsProcessed(state.items_processed() + static_cast<std::int64_t>(kRecords));
    state.SetBytesProcessed(state.bytes_processed() + static_cast<std::int64_t>(kRecords * 302));
    journal->cut_before(journal->committed());
  }
}
BENCHMARK(commit_throughput)->Unit(benchmark::kMillisecond)->UseRealTime();

// One caller that waits for its own fdatasync each time.
void append_alone(benchmark::State& state) {
  Disk disk;
  auto journal = disk.open();
  const std::string payload(300, 'x');
  for (auto _ : state) benchmark::DoNotOptimize(journal->append(RecordKind::kEvent, payload));
}
BENCHMARK(append_alone)->UseRealTime();

void read_throughput(benchmark::State& state) {
  Disk disk;
  const auto per_batch = static_cast<std::size_t>(state.range(0));
  const std::string payload(300, 'x');
  {
    auto journal = disk.open();
    const std::vector<Draft> drafts(per_batch, Draft{RecordKind::kEvent, payload});
    for (std::size_t i = 0; i < 100'000 / per_batch; ++i) (void)journal->append_all(drafts);
    (void)journal->close();
  }
  Reader::Batch batch;
  for (auto _ : state) {
    auto reader = std::move(*open_reader(disk.options, disk.fs, nullptr, 0));
    std::int64_t records = 0, bytes = 0;
    while (*reader->next(batch)) {
      records += static_cast<std::int64_t>(batch.records.size());
      bytes += static_cast<std::int64_t>(batch.bytes.size());
    }
    state.SetItemsProcessed(state.items_processed() + records);
    state.SetBytesProcessed(state.bytes_processed() + bytes);
  }
}
BENCHMARK(read_throughput)->Arg(100)->Arg(2000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace sightglass::journal
