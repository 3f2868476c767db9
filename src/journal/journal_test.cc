#include "journal/journal.h"

#include <algorithm>

#include "base/sha256.h"
#include "journal/gap.h"
#include "journal/testing.h"

namespace sightglass::journal {
namespace {

std::vector<std::string> starting_with(const std::vector<std::string>& lines,
                                       std::string_view prefix) {
  std::vector<std::string> out;
  for (const auto& line : lines) {
    if (line.starts_with(prefix)) out.push_back(line);
  }
  return out;
}

TEST(Journal, ReadsBackWhatWasAppendedAfterARestart) {
  Bench bench;
  {
    auto journal = bench.open();
    for (int i = 0; i < 10; ++i) {
      EXPECT_EQ(journal->append(RecordKind::kEvent, "r" + std::to_string(i)).value(), i + 1u);
    }
    EXPECT_EQ(journal->committed(), 10u);
    EXPECT_EQ(bench.read(journal.get()).payloads(), numbered(10));
    EXPECT_TRUE(journal->close());
  }
  auto journal = bench.open();
  EXPECT_EQ(journal->recovery().last, 10u);
  EXPECT_TRUE(journal->recovery().damage.empty());
  EXPECT_EQ(journal->append(RecordKind::kEvent, "r10").value(), 11u);
  const auto got = bench.read(journal.get());
  EXPECT_EQ(got.payloads(), numbered(11));
  EXPECT_EQ(got.records.back().first, 11u);
  EXPECT_EQ(got.skipped, 0u);
}

TEST(Journal, TakesProducersInTheirOwnOrder) {
  Bench bench;
  bench.clock.advance(1);
  auto journal = bench.open();
  constexpr int kThreads = 3;
  constexpr int kEach = 2000;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    auto& producer = journal->add_producer(1 << 20);
    threads.emplace_back([&producer, t] {
      for (int i = 0; i < kEach; ++i) {
        EXPECT_TRUE(
            producer.offer(RecordKind::kEvent, std::to_string(t) + ":" + std::to_string(i)));
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_TRUE(journal->close());
  std::vector<int> next(kThreads, 0);
  for (const auto& payload : bench.read(journal.get()).payloads()) {
    const int t = payload[0] - '0';
    EXPECT_EQ(payload.substr(2), std::to_string(next[t]++));
  }
  EXPECT_EQ(next, std::vector<int>(kThreads, kEach));
}

TEST(Journal, WakesForASingleOfferAndNeverMissesOne) {
  Bench bench;
  auto journal = bench.open();
  auto& producer = journal->add_producer(4096);
  for (Position i = 1; i <= 500; ++i) {
    ASSERT_TRUE(producer.offer(RecordKind::kEvent, "x"));
    ASSERT_GE(journal->wait_committed(i - 1, kPatience), i);
  }
}

TEST(Journal, HoldsABatchOpenForItsDelayUnlessSomebodyWaits) {
  Bench bench;
  bench.options.commit_delay_ns = 5 * kMillisecond;
  auto journal = bench.open();
  auto& producer = journal->add_producer(1 << 16);
  ASSERT_TRUE(producer.offer(RecordKind::kEvent, "a"));
  EXPECT_EQ(journal->wait_committed(0, 30 * kMillisecond), 0u);  // the clock stands
  bench.clock.advance(6 * kMillisecond);
  EXPECT_EQ(journal->wait_committed(0, kPatience), 1u);
  ASSERT_TRUE(producer.offer(RecordKind::kEvent, "b"));
  EXPECT_TRUE(journal->append(RecordKind::kEvent, "c"));
  EXPECT_EQ(bench.read(journal.get()).payloads(), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(bench.metric("sightglass_journal_commits_total"), 2);
}

TEST(Journal, CutsABatchEarlyWhenARingIsHalfFull) {
  Bench bench;
  bench.options.commit_delay_ns = 3600 * kSecond;
  auto journal = bench.open();
  auto& producer = journal->add_producer(1 << 16);
  for (int i = 0; i < 40; ++i)
    ASSERT_TRUE(producer.offer(RecordKind::kEvent, std::string(1000, 'x')));
  EXPECT_GE(journal->wait_committed(0, kPatience), 30u);
}

TEST(Journal, SyncsEachBatchBeforeItIsReportedAndEachSegmentBeforeItsFirstBatch) {
  Bench bench;
  auto journal = bench.open();
  bench.fs.clear_operations();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "abc"));
  const std::string path = "data/journal/00000000000000000001.sgj";
  EXPECT_EQ(bench.fs.operations(),
            (std::vector<std::string>{"append " + path + " 41", "sync " + path}));
  journal->close();

  Bench fresh;
  fresh.catalogue = tiny_catalogue();
  fresh.open();
  const auto control = "data/journal/control/" + fresh.catalogue->hash();
  auto operations = fresh.fs.operations();
  std::erase_if(operations, [](const auto& line) { return line.starts_with("preallocate"); });
  for (auto& line : operations) {
    if (line.starts_with("append")) line = line.substr(0, line.rfind(' '));
  }
  const std::vector<std::string> expected = {"mkdir data",
                                             "mkdir data/journal",
                                             "sync_directory data",
                                             "mkdir data/journal/control",
                                             "sync_directory data/journal",
                                             "create " + control + ".new",
                                             "append " + control + ".new",
                                             "sync " + control + ".new",
                                             "rename " + control + ".new " + control,
                                             "sync_directory data/journal/control",
                                             "create " + path,
                                             "append " + path,
                                             "sync " + path,
                                             "sync_directory data/journal",
                                             "append " + path,
                                             "sync " + path};
  operations.resize(std::min(operations.size(), expected.size()));
  EXPECT_EQ(operations, expected);
}

TEST(Journal, AcceptTimeNeverDecreasesThoughTheWallClockSteps) {
  Bench bench;
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  bench.clock.step_wall(-3600 * kSecond);
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "b"));
  journal->close();
  bench.clock.step_wall(-3600 * kSecond);
  journal = bench.open();  // nor across a restart
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "c"));
  bench.clock.step_wall(3 * 3600 * kSecond);
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "d"));
  const auto times = bench.read(journal.get()).accept_ns;
  ASSERT_EQ(times.size(), 4u);
  EXPECT_EQ(times[0], times[1]);
  EXPECT_EQ(times[1], times[2]);
  EXPECT_LT(times[2], times[3]);
  EXPECT_EQ(bench.metric("sightglass_journal_clock_steps_total"), 2);
}

TEST(Journal, TicksAfterASecondOfSilence) {
  Bench bench;
  bench.options.tick_ns = kSecond;
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  bench.clock.advance(kSecond);
  EXPECT_EQ(journal->wait_committed(1, kPatience), 2u);
  bench.clock.advance(kSecond);
  EXPECT_EQ(journal->wait_committed(2, kPatience), 3u);
  EXPECT_EQ(bench.read(journal.get()).payloads(RecordKind::kTick).size(), 2u);
}

TEST(Journal, ABarrierIsTheLastRecordOfItsBatch) {
  Bench bench;
  auto journal = bench.open();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&journal, t] {
      for (int i = 0; i < 50; ++i) {
        if (t == 0) {
          EXPECT_TRUE(journal->append(RecordKind::kBarrier, encode_barrier(i)));
        } else {
          EXPECT_TRUE(journal->append(RecordKind::kEvent, "x"));
        }
      }
    });
  }
  for (auto& thread : threads) thread.join();
  auto reader = open_reader(bench.options, bench.fs, journal.get(), 0).value();
  Reader::Batch batch;
  int barriers = 0;
  while (reader->next(batch).value()) {
    for (const auto& record : batch.records) {
      if (record.kind != RecordKind::kBarrier) continue;
      ++barriers;
      EXPECT_EQ(record.position, batch.records.back().position);
    }
  }
  EXPECT_EQ(barriers, 50);
  const Draft misplaced[] = {{RecordKind::kBarrier, "12345678"}, {RecordKind::kEvent, "x"}};
  EXPECT_EQ(journal->append_all(misplaced).error().code, Code::kInvalid);
}

TEST(Journal, AppendsManyInOneBatchOrRefusesThemTogether) {
  Bench bench;
  auto journal = bench.open();
  const Draft drafts[] = {{RecordKind::kEvent, "a"}, {RecordKind::kEvent, "b"}};
  EXPECT_EQ(journal->append_all(drafts).value(), 2u);
  EXPECT_EQ(bench.read(journal.get()).accept_ns.size(), 1u);
  EXPECT_EQ(journal->append_all({}).error().code, Code::kInvalid);
  const std::string big(kMaxPayloadBytes + 1, 'x');
  EXPECT_EQ(journal->append(RecordKind::kEvent, big).error().code, Code::kTooLarge);
  const std::string large(kMaxPayloadBytes, 'x');
  const std::vector<Draft> too_many(9, Draft{RecordKind::kEvent, large});
  EXPECT_EQ(journal->append_all(too_many).error().code, Code::kTooLarge);
  EXPECT_EQ(journal->append(RecordKind::kEvent, large).value(), 3u);
  EXPECT_EQ(bench.read(journal.get()).payloads().back(), large);
}

TEST(Journal, RollsSegmentsAndReadsAcrossThem) {
  Bench bench;
  bench.options.segment_bytes = 3000;
  auto journal = bench.open();
  for (int i = 0; i < 100; ++i)
    ASSERT_TRUE(journal->append(RecordKind::kEvent, "r" + std::to_string(i)));
  EXPECT_GT(journal->segments().size(), 2u);
  EXPECT_EQ(bench.read(journal.get()).payloads(), numbered(100));
  for (Position after = 0; after <= 100; ++after) {
    const auto got = bench.read(journal.get(), after);
    ASSERT_EQ(got.records.size(), 100 - after);
    if (after < 100) {
      ASSERT_EQ(got.records.front().first, after + 1);
    }
  }
  journal->close();
  EXPECT_EQ(bench.read(nullptr).payloads(), numbered(100));
}

TEST(Journal, TrimsTheFirstBatchToWhatTheReaderHasNotSeen) {
  Bench bench;
  auto journal = bench.open();
  const Draft drafts[] = {
      {RecordKind::kEvent, "a"}, {RecordKind::kEvent, "b"}, {RecordKind::kEvent, "c"}};
  ASSERT_TRUE(journal->append_all(drafts));
  auto reader = open_reader(bench.options, bench.fs, journal.get(), 1).value();
  Reader::Batch batch;
  ASSERT_TRUE(reader->next(batch).value());
  EXPECT_EQ(batch.header.first, 2u);
  EXPECT_EQ(batch.header.count, 2u);
  EXPECT_EQ(batch.records[0].payload, "b");
  EXPECT_EQ(reader->position(), 3u);
  EXPECT_FALSE(reader->next(batch).value());
}

TEST(Journal, AReaderFollowsTheWriterAndSurvivesCutsBehindAndAroundIt) {
  Bench bench;
  bench.options.segment_bytes = 3000;
  auto journal = bench.open();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(journal->append(RecordKind::kEvent, "x"));
  auto reader = open_reader(bench.options, bench.fs, journal.get(), 0).value();
  Reader::Batch batch;
  for (int i = 0; i < 60; ++i) ASSERT_TRUE(reader->next(batch).value());
  journal->cut_before(61);
  for (int i = 60; i < 100; ++i) ASSERT_TRUE(reader->next(batch).value()) << i;
  EXPECT_EQ(reader->skipped(), 0u);
  EXPECT_EQ(open_reader(bench.options, bench.fs, journal.get(), 0).error().code, Code::kNotFound);

  for (int i = 0; i < 200; ++i) ASSERT_TRUE(journal->append(RecordKind::kEvent, "x"));
  journal->cut_before(290);  // past where the reader stands
  Position last = reader->position();
  while (reader->next(batch).value()) last = batch.header.first + batch.header.count - 1;
  EXPECT_EQ(last, 300u);
  EXPECT_GT(reader->skipped(), 0u);
}

TEST(Journal, CutsOnlyWhatEveryHoldReleased) {
  Bench bench;
  bench.options.segment_bytes = 3000;
  auto journal = bench.open();
  auto first = journal->hold(Need::kRequired);
  auto second = journal->hold(Need::kOptional);
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(journal->append(RecordKind::kEvent, "x"));
  const auto before = journal->segments().size();
  first->release_up_to(200);
  EXPECT_EQ(journal->segments().size(), before);
  second->release_up_to(60);
  const auto segments = journal->segments();
  EXPECT_LT(segments.size(), before);
  ASSERT_GE(segments.size(), 2u);
  EXPECT_LE(segments.front().first, 61u);
  EXPECT_GT(segments[1].first, 61u);
  EXPECT_EQ(bench.segment_files().size(), segments.size());
}

// ---- the catalogue in force ---------------------------------------------------------------------

TEST(Journal, RecordsTheCatalogueWhenItDiffersAndOnlyThen) {
  Bench bench;
  bench.catalogue = tiny_catalogue("one");
  bench.open()->close();
  bench.open()->close();
  bench.catalogue = tiny_catalogue("two");
  auto journal = bench.open();
  const auto got = bench.read(journal.get());
  ASSERT_EQ(got.records.size(), 2u);
  EXPECT_EQ(got.payloads(RecordKind::kControl)[1],
            encode_control({"catalogue", bench.catalogue->hash()}));
}

TEST(Journal, GivesEachBatchTheCatalogueInForceForIt) {
  Bench bench;
  bench.catalogue = tiny_catalogue("one");
  const auto one = bench.catalogue;
  const auto two = tiny_catalogue("two");
  auto journal = bench.open();
  auto& producer = journal->add_producer(1 << 16);
  ASSERT_TRUE(producer.offer(RecordKind::kEvent, "under one"));
  ASSERT_TRUE(journal->change_catalogue(two));
  EXPECT_EQ(journal->catalogue()->hash(), two->hash());
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "under two"));
  journal->close();
  for (const Journal* from :
       {static_cast<const Journal*>(journal.get()), static_cast<const Journal*>(nullptr)}) {
    auto reader = open_reader(bench.options, bench.fs, from, 0).value();
    Reader::Batch batch;
    std::vector<std::pair<std::string, std::string>> seen;
    while (reader->next(batch).value()) {
      for (const auto& record : batch.records) {
        if (record.kind == RecordKind::kEvent) {
          seen.emplace_back(record.payload, batch.catalogue->hash());
        }
      }
    }
    EXPECT_EQ(seen, (std::vector<std::pair<std::string, std::string>>{{"under one", one->hash()},
                                                                      {"under two", two->hash()}}));
  }
}

TEST(Journal, KeepsACataloguesTextAsLongAsASegmentNeedsIt) {
  Bench bench;
  bench.catalogue = tiny_catalogue("one");
  const auto old_path = "data/journal/control/" + bench.catalogue->hash();
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  ASSERT_TRUE(journal->change_catalogue(tiny_catalogue("two")));
  const auto last = journal->append(RecordKind::kEvent, "b").value();
  EXPECT_TRUE(bench.fs.exists(old_path));
  journal->cut_before(last);
  EXPECT_FALSE(bench.fs.exists(old_path));
  EXPECT_TRUE(bench.fs.exists("data/journal/control/" + tiny_catalogue("two")->hash()));
}

TEST(Journal, NamesACatalogueFileThatIsNotWhatItsNamePromises) {
  Bench bench;
  bench.catalogue = tiny_catalogue("one");
  bench.open()->close();
  const auto path = "data/journal/control/" + bench.catalogue->hash();
  bench.fs.set_content(path, "pack: other");
  const auto got = bench.read(nullptr);
  EXPECT_NE(got.error.find(path), std::string::npos) << got.error;
}

// ---- outages ------------------------------------------------------------------------------------

TEST(Journal, AFailedSyncClosesItAndAGapRecordSaysWhatIsMissing) {
  Bench bench;
  bench.catalogue = tiny_catalogue();
  auto journal = bench.open();
  auto& producer = journal->add_producer(1 << 16);
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "before"));
  bench.fs.fail_syncs(1);
  EXPECT_EQ(journal->append(RecordKind::kEvent, "lost").error().code, Code::kUnavailable);
  EXPECT_FALSE(journal->writable());
  EXPECT_EQ(journal->append(RecordKind::kEvent, "meanwhile").error().code, Code::kUnavailable);
  ASSERT_TRUE(producer.offer(RecordKind::kEvent, done_event(*bench.catalogue, "ok", "a", 5)));
  ASSERT_TRUE(producer.offer(RecordKind::kEvent, done_event(*bench.catalogue, "ok", "a", 7)));
  ASSERT_TRUE(producer.offer(RecordKind::kEvent, done_event(*bench.catalogue, "error", "b", 1)));
  EXPECT_TRUE(eventually([&] {
    return bench.metric("sightglass_unrecorded_requests_total", {{"cause", "disk"}}) == 3;
  }));
  bench.clock.advance(kSecond);
  EXPECT_TRUE(eventually([&] { return journal->writable(); }));
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "after"));
  const auto got = bench.read(journal.get());
  EXPECT_EQ(got.payloads(), (std::vector<std::string>{"before", "after"}));
  EXPECT_EQ(got.skipped, 0u);
  ASSERT_EQ(got.payloads(RecordKind::kGap).size(), 1u);
  const auto gap = decode_gap(got.payloads(RecordKind::kGap)[0]);
  ASSERT_TRUE(gap);
  EXPECT_EQ(gap->cause, GapCause::kDisk);
  EXPECT_EQ(gap->to_ns - gap->from_ns, kSecond);
  const std::vector<Gap::Line> expected = {{"error", "b", 1, 1, 1, 2, 1000, 0},
                                           {"ok", "a", 2, 2, 12, 24, 2000, 0}};
  EXPECT_EQ(gap->lines, expected);
  EXPECT_EQ(bench.metric("sightglass_unrecorded_input_tokens_total", {{"cause", "disk"}}), 13);
  journal->close();
  // What the failed sync left in the old segment is not read by whoever comes later.
  EXPECT_EQ(bench.read(nullptr).payloads(), (std::vector<std::string>{"before", "after"}));
}

TEST(Journal, NeverSyncsAFileAgainWhoseSyncFailed) {
  Bench bench;
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  bench.fs.fail_syncs(1);
  EXPECT_FALSE(journal->append(RecordKind::kEvent, "b"));
  bench.fs.clear_operations();
  bench.clock.advance(kSecond);
  EXPECT_TRUE(eventually([&] { return journal->writable(); }));
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "c"));
  const auto operations = bench.fs.operations();
  EXPECT_TRUE(starting_with(operations, "sync data/journal/00000000000000000001.sgj").empty());
  EXPECT_FALSE(starting_with(operations, "sync data/journal/00000000000000000002.sgj").empty());
  journal->close();
  bench.fs.crash();
  EXPECT_EQ(bench.open()->recovery().last, 3u);
}

TEST(Journal, AFullDiskFreesTheReserveAndGoesOn) {
  Bench bench;
  bench.options.reserve_bytes = 100'000;
  bench.options.segment_bytes = 20'000;
  auto journal = bench.open();
  EXPECT_TRUE(bench.fs.exists("data/journal/reserve"));
  bench.fs.fill_up_after(0);
  Code code = Code::kInternal;
  for (int i = 0; i < 100; ++i) {
    const auto done = journal->append(RecordKind::kEvent, std::string(1000, 'x'));
    if (done) continue;
    code = done.error().code;
    break;
  }
  EXPECT_EQ(code, Code::kUnavailable);
  EXPECT_EQ(bench.metric("sightglass_journal_outages_total", {{"cause", "no_space"}}), 1);
  bench.clock.advance(kSecond);
  EXPECT_TRUE(eventually([&] { return journal->writable(); }));
  EXPECT_FALSE(bench.fs.exists("data/journal/reserve"));
  EXPECT_TRUE(journal->append(RecordKind::kEvent, "y"));
  // With room again the reserve comes back.
  bench.fs.set_capacity_bytes(1ull << 40);
  bench.clock.advance(61 * kSecond);
  EXPECT_TRUE(journal->append(RecordKind::kEvent, "z"));
  EXPECT_TRUE(eventually([&] { return bench.fs.exists("data/journal/reserve"); }));
}

TEST(Journal, OpensClosedToWritesOnAFullDiskAndRecordsLater) {
  Bench bench;
  bench.catalogue = tiny_catalogue();
  bench.fs.set_capacity_bytes(100);
  auto journal = bench.open();
  ASSERT_NE(journal, nullptr);
  EXPECT_FALSE(journal->writable());
  EXPECT_EQ(journal->append(RecordKind::kEvent, "a").error().code, Code::kUnavailable);
  bench.fs.set_capacity_bytes(1ull << 30);
  bench.clock.advance(kSecond);
  EXPECT_TRUE(eventually([&] { return journal->writable(); }));
  EXPECT_TRUE(journal->append(RecordKind::kEvent, "b"));
  const auto got = bench.read(journal.get());
  EXPECT_EQ(got.payloads(RecordKind::kControl).size(), 1u);
  EXPECT_EQ(got.payloads(RecordKind::kGap).size(), 1u);
  EXPECT_EQ(got.payloads(), (std::vector<std::string>{"b"}));
}

TEST(Journal, StaysClosedWhileProbesFailAndKeepsAddingUp) {
  Bench bench;
  bench.catalogue = tiny_catalogue();
  auto journal = bench.open();
  auto& producer = journal->add_producer(1 << 16);
  bench.fs.fail_syncs(1000);
  EXPECT_FALSE(journal->append(RecordKind::kEvent, "a"));
  for (int i = 1; i <= 5; ++i) {
    ASSERT_TRUE(producer.offer(RecordKind::kEvent, done_event(*bench.catalogue, "ok", "a", 1)));
    bench.clock.advance(kSecond);
    EXPECT_TRUE(eventually([&] {
      return bench.metric("sightglass_unrecorded_events_total", {{"cause", "disk"}}) == i;
    }));
  }
  EXPECT_FALSE(journal->writable());
  bench.fs.fail_syncs(0);
  bench.clock.advance(kSecond);
  EXPECT_TRUE(eventually([&] { return journal->writable(); }));
  const auto gaps = bench.read(journal.get()).payloads(RecordKind::kGap);
  ASSERT_EQ(gaps.size(), 1u);
  EXPECT_EQ(decode_gap(gaps[0])->lines[0].requests, 5u);
}

TEST(Journal, AtItsBoundItRefusesRatherThanGrowAndReopensWhenFoldsLetItCut) {
  Bench bench;
  bench.options.max_bytes = 40'000;
  bench.options.segment_bytes = 8'000;
  auto journal = bench.open();
  auto required = journal->hold(Need::kRequired);
  auto optional = journal->hold(Need::kOptional);
  Result<Position> last = Position{0};
  Position good = 0;
  for (int i = 0; i < 200 && last; ++i) {
    last = journal->append(RecordKind::kEvent, std::string(500, 'x'));
    if (last) good = *last;
  }
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().code, Code::kBusy);
  EXPECT_LE(journal->bytes_on_disk(), 40'000u);
  EXPECT_EQ(journal->append(RecordKind::kEvent, "x").error().code, Code::kBusy);
  required->release_up_to(good);  // the optional one holds everything, and is not asked
  bench.clock.advance(kSecond);
  EXPECT_TRUE(eventually([&] { return journal->writable(); }));
  EXPECT_TRUE(journal->append(RecordKind::kEvent, "y"));
  EXPECT_EQ(decode_gap(bench.read(journal.get(), good).payloads(RecordKind::kGap)[0])->cause,
            GapCause::kMaxBytes);
}

TEST(Journal, AtItsBoundItCutsPastOptionalHoldsWithoutAnOutage) {
  Bench bench;
  bench.options.max_bytes = 40'000;
  bench.options.segment_bytes = 8'000;
  auto journal = bench.open();
  auto required = journal->hold(Need::kRequired);
  auto optional = journal->hold(Need::kOptional);
  for (int i = 0; i < 300; ++i) {
    const auto done = journal->append(RecordKind::kEvent, std::string(500, 'x'));
    ASSERT_TRUE(done) << i;
    required->release_up_to(*done);
    ASSERT_LE(journal->bytes_on_disk(), 40'000u);
  }
}

TEST(Journal, WhatAFullRingDropsIsCountedAndStatedInAGapRecord) {
  Bench bench;
  bench.catalogue = tiny_catalogue();
  bench.options.commit_delay_ns = 3600 * kSecond;
  auto journal = bench.open();
  auto& producer = journal->add_producer(256);
  const auto event = done_event(*bench.catalogue, "ok", "a", 3);
  ASSERT_LT(event.size(), 60u);
  int taken = 0, dropped = 0;
  while (dropped < 3) (producer.offer(RecordKind::kEvent, event) ? taken : dropped)++;
  EXPECT_FALSE(producer.offer(RecordKind::kEvent, std::string(300, 'x')));
  EXPECT_GT(taken, 0);
  EXPECT_EQ(bench.metric("sightglass_journal_dropped_total", {{"reason", "queue_full"}}), 3);
  EXPECT_EQ(bench.metric("sightglass_journal_dropped_total", {{"reason", "too_large"}}), 1);
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "x"));
  // Losses are collected by the commit after them and stated a second later: when the writer meets
  // them is its own business, so time goes on until it has.
  EXPECT_TRUE(eventually([&] {
    bench.clock.advance(kSecond);
    EXPECT_TRUE(journal->append(RecordKind::kTick, ""));
    return !bench.read(journal.get()).payloads(RecordKind::kGap).empty();
  }));
  const auto got = bench.read(journal.get());
  EXPECT_EQ(got.payloads().size(), static_cast<std::size_t>(taken) + 1);
  std::uint64_t stated = 0, tokens = 0;
  for (const auto& payload : got.payloads(RecordKind::kGap)) {
    const auto gap = decode_gap(payload);
    ASSERT_TRUE(gap);
    EXPECT_EQ(gap->cause, GapCause::kQueueFull);
    for (const auto& line : gap->lines) stated += line.events, tokens += line.input_tokens;
  }
  EXPECT_EQ(stated, 4u);
  EXPECT_EQ(tokens, 9u);
}

// ---- ends and edges -----------------------------------------------------------------------------

TEST(Journal, GoesOnBehindAFoldThatIsAheadAndReadersCountTheHole) {
  Bench bench;
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  ASSERT_TRUE(journal->advance_to(100));
  EXPECT_GT(journal->append(RecordKind::kEvent, "b").value(), 100u);
  ASSERT_TRUE(journal->advance_to(50));  // long taken
  auto got = bench.read(journal.get());
  EXPECT_EQ(got.payloads(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(got.skipped, 99u);
  journal->close();
  journal = bench.open();
  EXPECT_EQ(journal->recovery().last, 102u);
  EXPECT_EQ(bench.read(journal.get()).skipped, 99u);
}

TEST(Journal, LeavesNoFileBehindForARunWithoutRecords) {
  Bench bench;
  bench.open()->close();
  EXPECT_TRUE(bench.segment_files().empty());
  auto journal = bench.open();
  ASSERT_TRUE(journal->append(RecordKind::kEvent, "a"));
  journal->close();
  bench.open()->close();
  EXPECT_EQ(bench.segment_files().size(), 1u);
}

TEST(Journal, AnswersUnavailableOnceClosed) {
  Bench bench;
  auto journal = bench.open();
  ASSERT_TRUE(journal->close());
  EXPECT_EQ(journal->append(RecordKind::kEvent, "x").error().code, Code::kUnavailable);
  EXPECT_EQ(journal->wait_committed(0, kPatience), 0u);
  EXPECT_TRUE(journal->close());
}

TEST(Journal, BoundsItselfByTheVolumeWhenNotTold) {
  Bench bench;
  bench.options.max_bytes = 0;
  bench.fs.set_capacity_bytes(10'000'000);
  EXPECT_EQ(bench.open()->max_bytes(), 2'000'000u);
  Bench big;
  big.options.max_bytes = 0;
  EXPECT_EQ(big.open()->max_bytes(), 8ull << 30);
}

TEST(Journal, RefusesAGatewayIdThatTheHeaderCannotHold) {
  Bench bench;
  const auto opened = Journal::open(bench.options, bench.fs, bench.clock, bench.telemetry,
                                    bench.log, std::string(60, 'g'), nullptr);
  EXPECT_EQ(opened.error().code, Code::kInvalid);
}

}  // namespace
}  // namespace sightglass::journal
