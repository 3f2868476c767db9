// Fold runners, snapshots and the harness, with a small fold that sums what it sees.
#include "journal/fold.h"

#include "base/crc32c.h"
#include "journal/fold_harness.h"
#include "journal/snapshot.h"
#include "journal/testing.h"

namespace sightglass::journal {
namespace {

// Counts and hashes every record, and notes accept times: any record seen twice, never or in
// another order changes its state.
class SumFold : public Fold {
 public:
  explicit SumFold(std::string name = "sum") : name_(std::move(name)) {}
  std::string_view name() const override { return name_; }
  void apply(const Reader::Batch& batch) override {
    for (const auto& record : batch.records) {
      EXPECT_GT(record.position, last_);
      last_ = record.position;
      hash_ = crc32c(record.payload, hash_ + static_cast<std::uint32_t>(record.kind));
      if (record.kind == RecordKind::kEvent) ++events_;
    }
    accept_ns_ = batch.header.accept_ns;
    if (slow_ns_ > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(slow_ns_.load()));
  }
  void save(std::string& out) const override {
    ByteWriter w(out);
    w.u64(events_);
    w.u64(last_);
    w.u32(hash_);
    w.i64(accept_ns_);
  }
  Status load(Bytes snapshot) override {
    ByteReader in(snapshot);
    events_ = in.u64();
    last_ = in.u64();
    hash_ = in.u32();
    accept_ns_ = in.i64();
    if (!in.ok() || !in.empty()) return fail(Code::kCorrupt, "not a sum");
    return {};
  }
  void idle(Nanos) override { ++idles_; }
  Totals totals() const override { return {.requests = events_}; }
  Account account() const override {
    Account out;
    out.events = events_;
    return out;
  }

  std::uint64_t events() const { return events_; }
  std::string state() const {
    std::string out;
    save(out);
    return out;
  }
  std::atomic<Nanos> slow_ns_{0};
  std::atomic<int> idles_{0};

 protected:
  std::string name_;
  std::uint64_t events_ = 0;
  Position last_ = 0;
  std::uint32_t hash_ = 0;
  Nanos accept_ns_ = 0;
};

// Keeps its own state, as store and logs do.
class OwnFold final : public SumFold {
 public:
  explicit OwnFold(Position durable) : SumFold("own"), durable_(durable) { last_ = durable; }
  std::optional<Position> durable_position() const override { return durable_.load(); }
  void idle(Nanos accept_ns) override {
    SumFold::idle(accept_ns);
    durable_ = last_;
  }
  std::atomic<Position> durable_;
};

struct FoldBench : Bench {
  explicit FoldBench(std::uint64_t seed = 1) : Bench(seed) {
    runner_options.snapshot_directory = "data/snapshots";
    options.segment_bytes = 4000;
  }
  std::unique_ptr<FoldRunner> make_runner(Journal& journal, std::vector<Fold*> folds) {
    return FoldRunner::make(runner_options, options, journal, fs, clock, telemetry, log,
                            std::move(folds));
  }
  void append(Journal& journal, int count) {
    for (int i = 0; i < count; ++i) {
      clock.advance(kMillisecond);
      ASSERT_TRUE(journal.append(RecordKind::kEvent, "event " + std::to_string(appended_++)));
    }
  }
  // The state that folding everything straight gives.
  std::string straight(const Journal& journal) {
    SumFold fold;
    auto reader = open_reader(options, fs, &journal, 0).value();
    Reader::Batch batch;
    while (reader->next(batch).value()) fold.apply(batch);
    return fold.state();
  }
  RunnerOptions runner_options;
  int appended_ = 0;
};

// ---- the harness --------------------------------------------------------------------------------

std::vector<Reader::Batch> some_batches() {
  std::vector<Reader::Batch> out;
  Position next = 1;
  for (int i = 0; i < 20; ++i) {
    std::vector<std::pair<RecordKind, std::string>> records;
    for (int j = 0; j <= i % 4; ++j)
      records.emplace_back(RecordKind::kEvent, std::to_string(i * j));
    if (i % 5 == 0) records.emplace_back(RecordKind::kTick, "");
    out.push_back(make_batch(next, 1000 + i, nullptr, records));
    next += records.size();
  }
  return out;
}

TEST(FoldHarness, AcceptsAPureFold) {
  EXPECT_EQ(check_fold_is_pure([] { return std::make_unique<SumFold>(); }, some_batches()), "");
}

TEST(FoldHarness, CatchesStateThatASnapshotForgets) {
  struct Forgetful final : SumFold {
    Status load(Bytes snapshot) override {
      SG_TRY(SumFold::load(snapshot));
      hash_ = 0;
      return {};
    }
  };
  const auto problem =
      check_fold_is_pure([] { return std::make_unique<Forgetful>(); }, some_batches());
  EXPECT_NE(problem.find("load(save()) is another state"), std::string::npos) << problem;
}

TEST(FoldHarness, CatchesHiddenStateAndBatchBoundariesThatMatter) {
  struct PerBatch final : SumFold {
    void apply(const Reader::Batch& batch) override {
      SumFold::apply(batch);
      ++hash_;
    }
  };
  EXPECT_NE(check_fold_is_pure([] { return std::make_unique<PerBatch>(); }, some_batches()), "");
  struct Hidden final : SumFold {
    void apply(const Reader::Batch& batch) override {
      SumFold::apply(batch);
      if (++seen_ == 7) ++events_;
    }
    int seen_ = 0;
  };
  EXPECT_NE(check_fold_is_pure([] { return std::make_unique<Hidden>(); }, some_batches()), "");
}

TEST(FoldHarness, CatchesALoadThatRefusesWhatSaveWrote) {
  struct Refusing final : SumFold {
    Status load(Bytes) override { return fail(Code::kCorrupt, "no"); }
  };
  EXPECT_NE(check_fold_is_pure([] { return std::make_unique<Refusing>(); }, some_batches())
                .find("refused"),
            std::string::npos);
}

// ---- snapshot files -----------------------------------------------------------------------------

TEST(Snapshot, KeepsTwoGenerationsAndReplacesTheOlder) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.create_directories("s"));
  SnapshotFiles files(fs, "s", "f");
  ASSERT_TRUE(files.look());
  EXPECT_EQ(files.older_position(), 0u);
  for (Position p = 1; p <= 5; ++p) {
    ASSERT_TRUE(files.write(p * 10, "state " + std::to_string(p)));
    EXPECT_EQ(files.newest_position(), p * 10);
    EXPECT_EQ(files.older_position(), p == 1 ? 0 : (p - 1) * 10);
  }
  SnapshotFiles again(fs, "s", "f");
  ASSERT_TRUE(again.look());
  EXPECT_EQ(again.read_newest()->state, "state 5");
  EXPECT_EQ(again.read_newest()->position, 50u);
  EXPECT_EQ(again.read_older()->state, "state 4");
}

TEST(Snapshot, NoticesEveryFlippedByteAndEveryCut) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.create_directories("s"));
  SnapshotFiles files(fs, "s", "f");
  ASSERT_TRUE(files.look());
  ASSERT_TRUE(files.write(10, "state"));
  const auto good = fs.content("s/f.a.snapshot").value();
  for (std::size_t i = 0; i < good.size(); ++i) {
    auto bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 4);
    for (const auto& bytes : {bad, good.substr(0, i)}) {
      fs.set_content("s/f.a.snapshot", bytes);
      SnapshotFiles again(fs, "s", "f");
      ASSERT_TRUE(again.look()) << i;
      EXPECT_EQ(again.present(), 1);
      EXPECT_EQ(again.intact(), 0) << i;
    }
  }
}

TEST(Snapshot, RefusesANewerVersionAndAnotherFoldsFile) {
  FakeFileSystem fs;
  ASSERT_TRUE(fs.create_directories("s"));
  SnapshotFiles files(fs, "s", "f");
  ASSERT_TRUE(files.look());
  ASSERT_TRUE(files.write(10, "state"));
  auto bytes = fs.content("s/f.a.snapshot").value();
  fs.set_content("s/g.a.snapshot", bytes);
  SnapshotFiles other(fs, "s", "g");
  ASSERT_TRUE(other.look());
  EXPECT_EQ(other.intact(), 0);
  bytes[8] = 2;
  std::string crc;
  ByteWriter(crc).u32(crc32c(Bytes(bytes).substr(0, bytes.size() - 4)));
  bytes.replace(bytes.size() - 4, 4, crc);
  fs.set_content("s/f.a.snapshot", bytes);
  SnapshotFiles again(fs, "s", "f");
  EXPECT_EQ(again.look().error().code, Code::kVersion);
}

TEST(Snapshot, ACrashInAnyChangeLeavesAGoodGenerationAtOrBehindTheLastReportedOne) {
  for (std::uint64_t at = 1; at < 30; ++at) {
    for (std::uint64_t seed = 0; seed < 10; ++seed) {
      FakeFileSystem fs(seed * 100 + at);
      ASSERT_TRUE(fs.create_directories("s"));
      SnapshotFiles files(fs, "s", "f");
      ASSERT_TRUE(files.look());
      fs.halt_after(at);
      Position reported = 0, older = 0;
      for (Position p = 1; p <= 5; ++p) {
        if (!files.write(p, "state " + std::to_string(p))) break;
        reported = p;
        older = files.older_position();
      }
      fs.crash();
      SnapshotFiles again(fs, "s", "f");
      ASSERT_TRUE(again.look());
      ASSERT_GE(again.newest_position(), reported) << at << " " << seed;
      ASSERT_LE(again.newest_position(), reported + 1);
      ASSERT_TRUE(older == 0 || again.newest_position() >= older);
      if (reported > 0) {
        ASSERT_EQ(again.read_newest()->state, "state " + std::to_string(again.newest_position()));
      }
    }
  }
}

// The file of the later generation of the fold "sum"; the number lies at byte 12.
std::string newest_snapshot(FakeFileSystem& fs) {
  const auto generation = [&](const std::string& path) {
    const auto bytes = fs.content(path).value();
    return ByteReader(Bytes(bytes).substr(12)).u64();
  };
  const std::string a = "data/snapshots/sum.a.snapshot", b = "data/snapshots/sum.b.snapshot";
  return generation(a) > generation(b) ? a : b;
}

// ---- the runner ---------------------------------------------------------------------------------

TEST(FoldRunner, RestartedAfterEveryRecordGivesTheStateOfOneStraightFold) {
  FoldBench bench;
  bench.runner_options.snapshot_every_bytes = 200;
  std::string last;
  for (int i = 0; i < 60; ++i) {
    auto journal = bench.open();
    SumFold fold;
    auto runner = bench.make_runner(*journal, {&fold});
    ASSERT_TRUE(runner->load());
    EXPECT_EQ(fold.events(), static_cast<std::uint64_t>(i));
    EXPECT_TRUE(i == 0 || fold.state() == last);
    bench.append(*journal, 1);
    ASSERT_TRUE(runner->stop());
    last = fold.state();
    journal->close();
  }
  SumFold straight;
  auto reader = open_reader(bench.options, bench.fs, nullptr, 0).value();
  Reader::Batch batch;
  while (reader->next(batch).value()) straight.apply(batch);
  EXPECT_EQ(straight.state(), last);
}

TEST(FoldRunner, FollowsTheWriterOnItsOwnThread) {
  FoldBench bench;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  runner->start();
  bench.append(*journal, 50);
  EXPECT_EQ(runner->wait_position(50, kPatience), 50u);
  EXPECT_TRUE(eventually([&] { return fold.idles_ > 50; }));  // also while nothing comes
  ASSERT_TRUE(runner->stop());
  EXPECT_EQ(fold.events(), 50u);
}

TEST(FoldRunner, RestsOnlyWhileRecordsKeepComingAndAStopEndsTheRest) {
  FoldBench bench;
  bench.runner_options.gather_ns = 3'600 * kSecond;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  runner->start();
  EXPECT_TRUE(eventually([&] { return fold.idles_ > 0; }));  // waits for a first record
  bench.append(*journal, 1);
  EXPECT_EQ(runner->wait_position(1, kPatience), 1u);
  bench.append(*journal, 20);
  ASSERT_TRUE(runner->stop());
  EXPECT_EQ(fold.events(), 21u);
}

// A second passes with each batch.
class SlowFold final : public SumFold {
 public:
  explicit SlowFold(ManualClock& clock) : clock_(clock) {}
  void apply(const Reader::Batch& batch) override {
    SumFold::apply(batch);
    clock_.advance(kSecond);
  }

 private:
  ManualClock& clock_;
};

TEST(FoldRunner, StopsAtItsTimeAndTheNextLoadGoesOnThere) {
  FoldBench bench;
  auto journal = bench.open();
  SlowFold fold(bench.clock);
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  bench.append(*journal, 20);  // never started: all of it is left for the stop
  ASSERT_TRUE(runner->stop(5 * kSecond));
  EXPECT_GT(fold.events(), 0u);
  EXPECT_LT(fold.events(), 20u);
  runner.reset();
  SumFold again;
  runner = bench.make_runner(*journal, {&again});
  ASSERT_TRUE(runner->load());
  EXPECT_EQ(again.events(), 20u);
  runner.reset();
}

TEST(FoldRunner, CutsTheJournalBehindTheOlderSnapshotOnly) {
  FoldBench bench;
  bench.runner_options.snapshot_every_bytes = 3000;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  runner->start();
  for (int round = 0; round < 40; ++round) {
    bench.append(*journal, 20);
    ASSERT_EQ(runner->wait_position(journal->committed(), kPatience), journal->committed());
    ASSERT_LE(journal->segments().front().first, runner->durable() + 1);
    ASSERT_LE(runner->durable(), runner->position());
  }
  EXPECT_GT(runner->durable(), 0u);
  EXPECT_TRUE(eventually([&] { return journal->segments().front().first > 1; }));
  EXPECT_LT(journal->segments().size(), 8u);
  // The newest snapshot is lost: the older one and the journal give the same state.
  ASSERT_TRUE(runner->stop());
  const auto state = fold.state();
  runner.reset();
  journal->close();
  bench.fs.set_content(newest_snapshot(bench.fs), "rotten");
  journal = bench.open();
  SumFold again;
  runner = bench.make_runner(*journal, {&again});
  ASSERT_TRUE(runner->load());
  EXPECT_EQ(again.state(), state);
  EXPECT_EQ(bench.metric("sightglass_snapshots_unreadable_total", {{"fold", "sum"}}), 1);
  EXPECT_EQ(bench.metric("sightglass_fold_skipped_records_total", {{"fold", "sum"}}), 0);
  runner.reset();  // before the fold
}

TEST(FoldRunner, RefusesToStartWithoutAReadableSnapshotAndSaysTheChoices) {
  FoldBench bench;
  bench.runner_options.snapshot_every_bytes = 500;
  {
    auto journal = bench.open();
    SumFold fold;
    auto runner = bench.make_runner(*journal, {&fold});
    ASSERT_TRUE(runner->load());
    runner->start();
    bench.append(*journal, 300);
    runner->wait_position(300, kPatience);
    ASSERT_TRUE(eventually([&] { return journal->segments().front().first > 1; }));
    ASSERT_TRUE(runner->stop());
  }
  for (const bool missing : {false, true}) {
    for (const char* slot : {"a", "b"}) {
      const auto path = std::string("data/snapshots/sum.") + slot + ".snapshot";
      if (missing) {
        ASSERT_TRUE(bench.fs.remove(path));
      } else {
        bench.fs.set_content(path, "rotten");
      }
    }
    auto journal = bench.open();
    SumFold fold;
    const auto loaded = bench.make_runner(*journal, {&fold})->load();
    ASSERT_FALSE(loaded);
    EXPECT_EQ(loaded.error().code, Code::kCorrupt);
    EXPECT_NE(loaded.error().message.find("--reset-counters"), std::string::npos);
  }
  // Without any file of it the fold may be one that an older version did not have.
  bench.runner_options.is_new = [](std::string_view fold) { return fold == "sum"; };
  {
    auto journal = bench.open();
    SumFold fold;
    auto runner = bench.make_runner(*journal, {&fold});
    ASSERT_TRUE(runner->load());
    const auto before = journal->segments().front().first - 1;
    EXPECT_EQ(fold.events(), 300 - before);
    EXPECT_EQ(bench.metric("sightglass_fold_skipped_records_total", {{"fold", "sum"}}), before);
    runner.reset();
    for (const char* slot : {"a", "b"}) {
      bench.fs.set_content(std::string("data/snapshots/sum.") + slot + ".snapshot", "rotten");
    }
    SumFold again;
    EXPECT_FALSE(bench.make_runner(*journal, {&again})->load())
        << "it was there, and its files are broken";
    for (const char* slot : {"a", "b"}) {
      ASSERT_TRUE(bench.fs.remove(std::string("data/snapshots/sum.") + slot + ".snapshot"));
    }
  }
  bench.runner_options.is_new = nullptr;
  bench.runner_options.lost_snapshot = LostSnapshot::kStartAfresh;
  auto journal = bench.open();
  const auto first = journal->segments().front().first;
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  EXPECT_EQ(fold.events(), 300 - (first - 1));
}

TEST(FoldRunner, RottenSnapshotsCostNothingWhileTheJournalIsWhole) {
  FoldBench bench;
  bench.fs.set_content("data/snapshots/sum.a.snapshot", "rotten");
  auto journal = bench.open();
  bench.append(*journal, 3);
  SumFold fold;
  ASSERT_TRUE(bench.make_runner(*journal, {&fold})->load());
  EXPECT_EQ(fold.events(), 3u);
}

TEST(FoldRunner, ResumesAFoldWithStateOfItsOwnInTheMiddleOfABatch) {
  FoldBench bench;
  auto journal = bench.open();
  std::vector<Draft> drafts(10, Draft{RecordKind::kEvent, "x"});
  ASSERT_TRUE(journal->append_all(drafts));
  SumFold sum;
  OwnFold own(4);
  auto runner = bench.make_runner(*journal, {&sum, &own});
  ASSERT_TRUE(runner->load());
  EXPECT_EQ(sum.events(), 10u);
  EXPECT_EQ(own.events(), 6u);
  EXPECT_FALSE(bench.fs.exists("data/snapshots/own.a.snapshot"));
  ASSERT_TRUE(runner->stop());
  EXPECT_TRUE(bench.fs.exists("data/snapshots/sum.a.snapshot"));
  EXPECT_FALSE(bench.fs.exists("data/snapshots/own.a.snapshot"));
}

TEST(FoldRunner, PublishesTheTotalsOfEveryFoldAsTheyPassABarrier) {
  FoldBench bench;
  auto journal = bench.open();
  SumFold one("one"), two("two");
  auto runner = bench.make_runner(*journal, {&one, &two});
  ASSERT_TRUE(runner->load());
  runner->start();
  EXPECT_EQ(runner->barrier_totals("one", 7), std::nullopt);
  bench.append(*journal, 5);
  const auto barrier = journal->append(RecordKind::kBarrier, encode_barrier(7)).value();
  bench.append(*journal, 5);
  runner->wait_position(barrier + 5, kPatience);
  ASSERT_TRUE(runner->barrier_totals("one", 7).has_value());
  EXPECT_EQ(runner->barrier_totals("one", 7)->requests, 5u);
  EXPECT_EQ(runner->barrier_totals("two", 7), runner->barrier_totals("one", 7));
  EXPECT_EQ(runner->barrier_totals("three", 7), std::nullopt);
  ASSERT_TRUE(runner->barrier_account("one", 7).has_value());
  EXPECT_EQ(runner->barrier_account("one", 7)->events, 5u);
  EXPECT_EQ(runner->barrier_account("three", 7), std::nullopt);
  for (int i = 0; i < 64; ++i) {
    ASSERT_TRUE(journal->append(RecordKind::kBarrier, encode_barrier(100 + i)));
  }
  runner->wait_position(journal->committed(), kPatience);
  EXPECT_EQ(runner->barrier_totals("one", 7), std::nullopt);
}

TEST(FoldRunner, MovesAnOptionalFoldAheadWhenItLagsTooFarAndCountsTheGap) {
  FoldBench bench;
  bench.runner_options.required = false;
  bench.runner_options.max_lag_bytes = 20'000;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  fold.slow_ns_ = 5 * kMillisecond;
  runner->start();
  bench.append(*journal, 1500);
  EXPECT_TRUE(eventually([&] {
    return bench.metric("sightglass_fold_skipped_records_total", {{"fold", "sum"}}) > 0;
  }));
  fold.slow_ns_ = 0;
  EXPECT_EQ(runner->wait_position(1500, kPatience), 1500u);
  ASSERT_TRUE(runner->stop());
  const auto skipped = bench.metric("sightglass_fold_skipped_records_total", {{"fold", "sum"}});
  EXPECT_EQ(static_cast<double>(fold.events()) + skipped, 1500);
}

TEST(FoldRunner, ARequiredFoldIsNeverMovedAhead) {
  FoldBench bench;
  bench.runner_options.max_lag_bytes = 1;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  fold.slow_ns_ = kMillisecond / 4;
  runner->start();
  bench.append(*journal, 500);
  EXPECT_EQ(runner->wait_position(500, kPatience), 500u);
  ASSERT_TRUE(runner->stop());
  EXPECT_EQ(fold.events(), 500u);
}

TEST(FoldRunner, GoesOnBehindItsSnapshotWhenTheJournalLostItsEnd) {
  FoldBench bench;
  {
    auto journal = bench.open();
    bench.append(*journal, 10);
    SumFold fold;
    auto runner = bench.make_runner(*journal, {&fold});
    ASSERT_TRUE(runner->load());
    ASSERT_TRUE(runner->stop());
  }
  for (const auto& name : bench.segment_files())
    ASSERT_TRUE(bench.fs.remove("data/journal/" + name));
  auto journal = bench.open();
  EXPECT_EQ(journal->committed(), 0u);
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  EXPECT_EQ(fold.events(), 10u);
  bench.append(*journal, 5);
  ASSERT_TRUE(runner->stop());
  EXPECT_EQ(fold.events(), 15u);
}

TEST(FoldRunner, AFailedSnapshotKeepsTheJournalAndIsTriedAgain) {
  FoldBench bench;
  bench.runner_options.snapshot_every_bytes = 1000;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  bench.fs.set_fault([](std::string_view operation) -> std::optional<Error> {
    if (operation.find(".snapshot") != std::string_view::npos) return Error{Code::kIo, "no"};
    return std::nullopt;
  });
  runner->start();
  bench.append(*journal, 100);
  runner->wait_position(100, kPatience);
  EXPECT_EQ(runner->durable(), 0u);
  EXPECT_EQ(journal->segments().front().first, 1u);
  EXPECT_GT(bench.metric("sightglass_snapshot_failures_total", {{"fold", "sum"}}), 1);
  bench.fs.set_fault(nullptr);
  bench.append(*journal, 200);
  runner->wait_position(300, kPatience);
  EXPECT_TRUE(eventually([&] { return runner->durable() > 0; }));
  ASSERT_TRUE(runner->stop());
}

TEST(FoldRunner, TheJournalIsNotStuckAtASmallBound) {
  FoldBench bench;
  bench.options.max_bytes = 64'000;
  bench.options.segment_bytes = 64ull << 20;
  auto journal = bench.open();
  SumFold fold;
  auto runner = bench.make_runner(*journal, {&fold});
  ASSERT_TRUE(runner->load());
  runner->start();
  for (int i = 0; i < 3000; ++i) {
    auto done = journal->append(RecordKind::kEvent, std::string(200, 'x'));
    // Where the fold was too slow for a moment, the journal comes back once it let go.
    while (!done && done.error().code == Code::kBusy) {
      bench.clock.advance(kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      done = journal->append(RecordKind::kEvent, std::string(200, 'x'));
    }
    ASSERT_TRUE(done);
    ASSERT_LE(journal->bytes_on_disk(), 64'000u);
  }
  runner->wait_position(journal->committed(), kPatience);
  ASSERT_TRUE(runner->stop());
  EXPECT_EQ(fold.events(), 3000u);
}

TEST(FoldRunner, CrashesAtEveryChangeNeitherLoseNorDoubleWhatItCounted) {
  for (std::uint64_t at = 1; at < 140; at += 5) {
    FoldBench bench(at);
    bench.runner_options.snapshot_every_bytes = 300;
    bench.options.segment_bytes = 1500;
    std::uint64_t published = 0;
    for (int life = 0; life < 2; ++life) {
      bench.fs.halt_after(at);
      if (auto journal = bench.try_open()) {
        SumFold fold;
        auto runner = bench.make_runner(**journal, {&fold});
        if (runner->load()) {
          EXPECT_GE(fold.events(), published) << "a counter went back, at " << at;
          runner->start();
          for (int i = 0; i < 30 && !bench.fs.halted(); ++i) {
            (void)(*journal)->append(RecordKind::kEvent, "x");
          }
          runner->wait_position((*journal)->committed(), kSecond);
          (void)runner->stop();
          published = std::max(published, fold.events());
        }
      }
      bench.fs.crash();
    }
    auto journal = bench.open();
    SumFold fold;
    auto runner = bench.make_runner(*journal, {&fold});
    const auto loaded = runner->load();
    ASSERT_TRUE(loaded) << at << ": " << loaded.error().message;
    ASSERT_GE(fold.events(), published) << at;
    // Events and gap or control records share the positions: what it counted is what there is.
    ASSERT_LE(fold.events(), journal->committed());
    ASSERT_EQ(bench.metric("sightglass_fold_skipped_records_total", {{"fold", "sum"}}), 0) << at;
  }
}

}  // namespace
}  // namespace sightglass::journal
