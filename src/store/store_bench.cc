// What a row costs to take, to seal and to keep, and what a query costs over a million of them.
//   cmake --preset bench && ninja -C build/bench bench_store && build/bench/bench_store
// Needs SIGHTGLASS_SOURCE_DIR, as the tests do. Rows carry about forty values; an application's,
// under all packs, about a dozen.
#include <benchmark/benchmark.h>

#include <cstdio>
#include <memory>
#include <optional>

#include "store/sample_rows.h"
#include "store/store.h"
#include "store/test_folder.h"
#include "store/typed_plan.h"

namespace sightglass::store {
namespace {

constexpr std::size_t kSealRows = 32'768;

struct Environment {
  explicit Environment(std::uint32_t seal_rows) {
    options.directory = folder.path() + "/store";
    options.gateway = "gw-1";
    options.seal_rows = seal_rows;
    store = *Store::open(options, fs, clock, telemetry, log);
  }
  TestFolder folder;
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  Options options;
  std::unique_ptr<Store> store;
};

// Terminal rows only, encoded once, in batches of 200.
struct Journal {
  Journal() = default;
  explicit Journal(std::size_t count, std::uint64_t seed = 1) {
    sample::Generator generator(seed);
    const auto catalogue = sample::gateway_catalogue();
    std::vector<sample::Row> rows;
    while (rows.size() < count) {
      auto row = generator.next();
      if (!row.terminal) continue;
      row.position = rows.size() + 1;
      rows.push_back(std::move(row));
    }
    for (std::size_t i = 0; i < count; i += 200) {
      batches.push_back(sample::batch(catalogue, rows, i, std::min(count, i + 200)));
    }
    first_ns = rows.front().time_ns;
    last_ns = rows.back().time_ns;
  }
  // What applications send, of forty types, with every shipped pack loaded.
  static Journal ingested(std::size_t count) {
    const auto catalogue = sample::all_packs_catalogue();
    sample::IngestedRows made(*catalogue, 40, 1);
    std::vector<sample::Row> rows;
    while (rows.size() < count) rows.push_back(made.next());
    Journal out;
    for (std::size_t i = 0; i < count; i += 200) {
      out.batches.push_back(sample::batch(catalogue, rows, i, std::min(count, i + 200)));
    }
    return out;
  }
  // The same rows again behind `positions` others.
  void shift(journal::Position positions) {
    for (auto& batch : batches) {
      for (auto& record : batch.records) record.position += positions;
    }
  }
  // Those from `from` on, evenly over `length`.
  static Journal spread(std::size_t count, journal::Position from, Nanos start_ns, Nanos length) {
    sample::Generator generator(from);
    const auto catalogue = sample::gateway_catalogue();
    std::vector<sample::Row> rows;
    while (rows.size() < count) {
      auto row = generator.next();
      if (!row.terminal) continue;
      row.time_ns = start_ns + length / static_cast<Nanos>(count) * std::ssize(rows);
      row.position = from + rows.size();
      rows.push_back(std::move(row));
    }
    Journal out;
    for (std::size_t i = 0; i < count; i += 200) {
      out.batches.push_back(sample::batch(catalogue, rows, i, std::min(count, i + 200)));
    }
    return out;
  }
  void feed(Store& store) const {
    for (const auto& batch : batches) store.apply(batch);
  }
  std::vector<journal::Reader::Batch> batches;
  Nanos first_ns = 0, last_ns = 0;
};

double resident_mb() {
  long pages = 0, resident = 0;
  if (auto* file = std::fopen("/proc/self/statm", "r")) {
    if (std::fscanf(file, "%ld %ld", &pages, &resident) != 2) resident = 0;
    std::fclose(file);
  }
  return static_cast<double>(resident) * 4096 / 1e6;
}

// CPU of the runner's thread alone.
void append(benchmark::State& state, const Journal& journal) {
  for (auto _ : state) {
    state.PauseTiming();
    auto environment = std::make_unique<Environment>(kSealRows);
    state.ResumeTiming();
    journal.feed(*environment->store);
    state.PauseTiming();
    state.counters["resident_MB"] = resident_mb();
    environment.reset();
    state.ResumeTiming();
  }
  state.counters["CPU_s/row"] =
      benchmark::Counter(static_cast<double>(state.iterations() * (kSealRows - 1)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

void seal(benchmark::State& state, const Journal& journal) {
  for (auto _ : state) {
    state.PauseTiming();
    auto environment = std::make_unique<Environment>(kSealRows);
    journal.feed(*environment->store);
    state.ResumeTiming();
    if (!environment->store->seal_now()) state.SkipWithError("seal");
    state.PauseTiming();
    const auto health = environment->store->health();
    state.counters["bytes/row"] =
        static_cast<double>(health.bytes) / static_cast<double>(health.rows);
    state.counters["resident_MB"] = resident_mb();
    environment.reset();
    state.ResumeTiming();
  }
  state.counters["CPU_s/row"] =
      benchmark::Counter(static_cast<double>(state.iterations() * (kSealRows - 1)),
                         benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// 31 files of 32,767 rows, and the history of a thousand quiet minutes.
struct Histories {
  Histories() : million(kSealRows), minutes(1 << 20) {
    Journal journal(kSealRows - 1);
    first_ns = journal.first_ns;
    last_ns = journal.last_ns;
    for (int i = 0; i < 31; ++i) {
      journal.feed(*million.store);
      (void)million.store->seal_now();
      journal.shift(kSealRows - 1);
    }
    Journal small(20);
    for (int i = 0; i < 1000; ++i) {
      small.feed(*minutes.store);
      (void)minutes.store->seal_now();
      small.shift(20);
    }
  }
  Environment million, minutes;
  Nanos first_ns = 0, last_ns = 0;
};

// A million requests over 90 days that ended some minutes past an hour, in 30 files.
struct NinetyDays {
  static constexpr Nanos kDay = 86'400 * kSecond;
  static constexpr Nanos kEnd = 1'700'000'000 * kSecond;
  NinetyDays() : store(kSealRows) {
    for (int part = 0; part < 30; ++part) {
      const auto from = static_cast<journal::Position>(part) * (kSealRows - 1) + 1;
      Journal::spread(kSealRows - 1, from, kEnd - (90 - 3 * part) * kDay, 3 * kDay)
          .feed(*store.store);
      (void)store.store->seal_now();
    }
  }
  Environment store;
};

void query_days(benchmark::State& state, NinetyDays& h, Nanos length, Nanos step_ns,
                TypedQuery::Source source) {
  TypedQuery query;
  query.range = {NinetyDays::kEnd - length, NinetyDays::kEnd};
  query.group_by = {"provider", "model"};
  query.step_ns = step_ns;
  query.source = source;
  (void)parse_measures("count,error_rate,sum(cost_nanousd),p95(latency_us)", query.measures);
  const auto plan = *TypedPlan::make(std::move(query), sample::gateway_catalogue());
  for (auto _ : state) {
    auto got = h.store.store->typed_queries().answer(plan);
    if (!got) return state.SkipWithError(got.error().message.c_str());
    state.counters["rows"] = static_cast<double>(got->rows.size());
    state.counters["rollups"] = got->source == Answer::Source::kRows ? 0 : 1;
  }
}

void query_all(benchmark::State& state, Histories& h) {
  for (auto _ : state) {
    auto got = h.million.store->queries().aggregate({0, INT64_MAX}, {});
    benchmark::DoNotOptimize(got);
    state.counters["requests"] = static_cast<double>(got->requests);
  }
}

void query_one_client(benchmark::State& state, Histories& h) {
  for (auto _ : state) {
    auto got = h.million.store->queries().aggregate({0, INT64_MAX}, {.client = "client-3"});
    benchmark::DoNotOptimize(got);
  }
}

void query_series(benchmark::State& state, Histories& h) {
  for (auto _ : state) {
    auto got = h.million.store->queries().series({h.first_ns, h.last_ns}, kSecond);
    benchmark::DoNotOptimize(got);
    state.counters["points"] = static_cast<double>(got->tokens.size());
  }
}

void query_thousand_small_files(benchmark::State& state, Histories& h) {
  for (auto _ : state) {
    auto got = h.minutes.store->queries().aggregate({0, INT64_MAX}, {});
    benchmark::DoNotOptimize(got);
    state.counters["files"] = static_cast<double>(h.minutes.store->health().files);
  }
}

// Typed queries over the million rows, as the page and the command line ask them.
void query_typed(benchmark::State& state, Histories& h, const char* stat, const char* group_by,
                 const char* filter, Nanos step_ns) {
  TypedQuery query;
  query.range = {h.first_ns, h.last_ns + 1};
  query.group_by = parse_names(group_by);
  query.filter = filter;
  query.step_ns = step_ns;
  (void)parse_measures(stat, query.measures);
  const auto plan = *TypedPlan::make(std::move(query), sample::gateway_catalogue());
  for (auto _ : state) {
    auto got = h.million.store->typed_queries().answer(plan);
    if (!got) return state.SkipWithError(got.error().message.c_str());
    state.counters["rows"] = static_cast<double>(got->rows.size());
  }
}

void totals(benchmark::State& state, Histories& h) {
  for (auto _ : state) {
    auto got = h.million.store->totals();
    benchmark::DoNotOptimize(got);
  }
  state.counters["resident_MB"] = resident_mb();
}

int run(int argc, char** argv) {
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  constexpr auto kMs = benchmark::kMillisecond;
  const Journal journal(kSealRows - 1);
  const auto applications = Journal::ingested(kSealRows - 1);
  // Made by the first query that runs, and gone before the program's statics are, the engine's own
  // among them.
  std::optional<Histories> histories;
  const auto row = [&](const char* name, auto function, const Journal& from) {
    return benchmark::RegisterBenchmark(
               name, [&, function](benchmark::State& state) { function(state, from); })
        ->Unit(kMs);
  };
  const auto query = [&](const char* name, auto function) {
    benchmark::RegisterBenchmark(name,
                                 [&, function](benchmark::State& state) {
                                   if (!histories) histories.emplace();
                                   function(state, *histories);
                                 })
        ->Unit(kMs)
        ->UseRealTime();
  };
  row("append", append, journal);
  row("seal", seal, journal)->MeasureProcessCPUTime();
  row("append_ingested", append, applications);
  row("seal_ingested", seal, applications)->MeasureProcessCPUTime();
  query("query_all", query_all);
  query("query_one_client", query_one_client);
  query("query_series", query_series);
  query("query_thousand_small_files", query_thousand_small_files);
  query("totals", totals);
  const auto typed = [&](const char* name, const char* stat, const char* group_by = "",
                         const char* filter = "", Nanos step_ns = 0) {
    query(name, [=](benchmark::State& state, Histories& h) {
      query_typed(state, h, stat, group_by, filter, step_ns);
    });
  };
  typed("typed_count", "count");
  typed("typed_by_model", "count,error_rate,sum(total_tokens),sum(cost_nanousd)", "provider,model");
  typed("typed_percentiles", "p50(latency_us),p95(latency_us),p99(latency_us)", "provider,model");
  typed("typed_distinct", "distinct(user_id)", "model");
  typed("typed_other_column", "count", "status_code");
  typed("typed_wildcard", "count", "", "{ $.model = \"gpt-4o*\" }");
  typed("typed_regex", "count", "", "{ $.model = %mini% }");
  typed("typed_series", "count,avg(latency_us)", "", "", 5 * kSecond);
  typed("typed_series_by_model", "count,p95(latency_us)", "model", "", 5 * kSecond);
  std::optional<NinetyDays> days;
  const auto over = [&](const char* name, Nanos length, Nanos step_ns, TypedQuery::Source source) {
    benchmark::RegisterBenchmark(name,
                                 [&days, length, step_ns, source](benchmark::State& state) {
                                   if (!days) days.emplace();
                                   query_days(state, *days, length, step_ns, source);
                                 })
        ->Unit(kMs)
        ->UseRealTime();
  };
  constexpr auto kAny = TypedQuery::Source::kAny, kRows = TypedQuery::Source::kRows;
  over("days_24h", NinetyDays::kDay, 0, kAny);
  over("days_24h_of_rows", NinetyDays::kDay, 0, kRows);
  over("days_24h_by_hour", NinetyDays::kDay, 3'600 * kSecond, kAny);
  over("days_24h_by_hour_of_rows", NinetyDays::kDay, 3'600 * kSecond, kRows);
  over("days_90d", 90 * NinetyDays::kDay, 0, kAny);
  over("days_90d_of_rows", 90 * NinetyDays::kDay, 0, kRows);
  over("days_90d_by_day", 90 * NinetyDays::kDay, NinetyDays::kDay, kAny);
  over("days_90d_by_day_of_rows", 90 * NinetyDays::kDay, NinetyDays::kDay, kRows);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}

}  // namespace
}  // namespace sightglass::store

int main(int argc, char** argv) { return sightglass::store::run(argc, argv); }
