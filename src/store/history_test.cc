// The order of a seal, on a file system that loses whatever it may and with tables that are text:
// whatever happens, reopening finds each sealed row exactly once, or the journal still has it.
#include "store/history.h"

#include <gtest/gtest.h>

#include <sstream>

#include "base/fake_file_system.h"

namespace sightglass::store {
namespace {

// A table is its facts as text, between the magics that a Parquet file has.
class TextTables final : public TableWriter {
 public:
  explicit TextTables(FileSystem& fs) : fs_(fs) {}
  Status write(const std::string& select, const std::string& path) override {
    SG_ASSIGN(const auto file, fs_.open(path, OpenMode::kCreateNew));
    return file->append("PAR1 " + select + " PAR1");
  }
  Result<Facts> facts(const std::string& path) override {
    SG_ASSIGN(const auto text, read_file(fs_, path));
    return parse(text);
  }
  Result<Facts> facts_of(const std::string& select) override {
    return parse("PAR1 " + select + " PAR1");
  }
  Result<std::vector<std::pair<std::int64_t, std::int64_t>>> pairs(const std::string&) override {
    return std::vector<std::pair<std::int64_t, std::int64_t>>();
  }
  Status texts(const std::string&,
               const std::function<void(std::int64_t, std::string_view)>&) override {
    return {};
  }
  // One request a position, at as many seconds; of a file's rows or of what is about to be one.
  Result<RollupTable> roll_up(const std::string& select) override {
    auto text = "PAR1 " + select + " PAR1";
    if (const auto quote = select.find('\''); quote != select.npos) {
      SG_ASSIGN(text,
                read_file(fs_, select.substr(quote + 1, select.find('\'', quote + 1) - quote - 1)));
    }
    SG_ASSIGN(const auto facts, parse(text));
    RollupTable out;
    for (auto position = facts.first; position <= facts.last; ++position)
      add_request(position, out);
    return out;
  }
  static void add_request(journal::Position position, RollupTable& out) {
    const auto time_ns = static_cast<Nanos>(position) * kSecond;
    RollupKey key;
    key.start_ns = begin_of(time_ns, step_ns(RollupStep::kMinute));
    key.provider = position % 2 == 0 ? "even" : "odd";
    out.add(key, {.requests = 1, .last_ns = time_ns});
  }
  Result<std::uint64_t> count(const std::string&) override { return 0; }
  Result<std::vector<std::string>> columns(const std::vector<std::string>&) override {
    return std::vector<std::string>();
  }
  static Result<Facts> parse(const std::string& text) {
    std::istringstream in(text);
    std::string magic;
    Facts out;
    in >> magic >> out.rows >> out.first >> out.last >> out.min_time_ns >> out.max_time_ns >>
        out.totals.requests;
    if (magic != "PAR1" || !(in >> magic) || magic != "PAR1") {
      return fail(Code::kCorrupt, "not a table");
    }
    return out;
  }

 private:
  FileSystem& fs_;
};

Facts facts_for(journal::Position from, journal::Position to) {
  Facts out;
  out.rows = to - from + 1;
  out.first = from;
  out.last = to;
  out.min_time_ns = static_cast<Nanos>(from) * kSecond;
  out.max_time_ns = static_cast<Nanos>(to) * kSecond;
  out.totals.requests = out.rows;
  return out;
}

std::string select_for(const Facts& facts) {
  std::ostringstream out;
  out << facts.rows << ' ' << facts.first << ' ' << facts.last << ' ' << facts.min_time_ns << ' '
      << facts.max_time_ns << ' ' << facts.totals.requests;
  return out.str();
}

class HistoryTest : public testing::Test {
 protected:
  Result<std::unique_ptr<History>> open(FakeFileSystem& fs) {
    writer_ = std::make_unique<TextTables>(fs);
    return History::open("data/store", fs, *writer_, telemetry_, log_);
  }
  Status add(History& history, journal::Position to) {
    const auto facts = facts_for(history.manifest().covered + 1, to);
    return history.add(select_for(facts), facts, to, schema_);
  }
  Status merge_all(History& history) {
    const auto& files = history.manifest().files;
    const auto facts = facts_for(files.front().covers_from, files.back().covers_to);
    return history.merge(0, files.size(), select_for(facts), schema_);
  }
  // What the manifest promises, read from the disk.
  void expect_sound(History& history, FakeFileSystem& fs) {
    journal::Position behind = 0;
    for (const auto& file : history.manifest().files) {
      EXPECT_EQ(file.covers_from, behind + 1);
      behind = file.covers_to;
      const auto text = fs.content(history.path(file));
      ASSERT_TRUE(text.has_value()) << file.name;
      const auto facts = TextTables::parse(*text);
      ASSERT_TRUE(facts.has_value()) << file.name;
      EXPECT_EQ(*facts, facts_for(file.covers_from, file.covers_to));
    }
    EXPECT_EQ(behind, history.manifest().covered);
    expect_rolled_up(history, fs);
    // People glob this folder: nothing may be there twice.
    EXPECT_EQ(fs.list("data/store/parquet")->size(), history.manifest().files.size());
    EXPECT_TRUE(history.report().empty()) << history.report();
  }

  // Each step's files together hold each request once, and nothing else lies in the folder.
  static void expect_rolled_up(History& history, FakeFileSystem& fs) {
    history.remove_retired();
    const auto& manifest = history.manifest();
    RollupTable want;
    for (journal::Position i = 1; i <= manifest.rolled_up; ++i) TextTables::add_request(i, want);
    for (const auto step : kRollupSteps) {
      RollupTable got;
      for (const auto& file : manifest.rollups) {
        if (file.step != step) continue;
        const auto read = read_rollup_file(fs, history.path(file), file);
        ASSERT_TRUE(read.has_value()) << file.name;
        got.add(read->table);
      }
      EXPECT_EQ(got.cells(), want.coarser(step).cells()) << step_name(step);
    }
    EXPECT_EQ(manifest.rolled_up, manifest.covered);
    EXPECT_EQ(fs.list("data/store/rollup")->size(), manifest.rollups.size());
  }

  Schema schema_;
  Telemetry telemetry_;
  NullLog log_;
  std::unique_ptr<TextTables> writer_;
};

TEST_F(HistoryTest, SealsInTheOrderThatEveryCrashAllows) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  fs.clear_operations();
  ASSERT_TRUE(add(**history, 10).has_value());
  const std::string name = (*history)->manifest().files[0].name;
  const auto tmp = "data/store/tmp/" + name, placed = "data/store/parquet/" + name;
  std::vector<std::string> steps;
  for (const auto& operation : fs.operations()) {
    if (operation.starts_with("append")) continue;
    if (operation.starts_with("remove")) continue;
    steps.push_back(operation);
  }
  std::vector<std::string> want = {
      "create " + tmp,
      "sync " + tmp,
      "rename " + tmp + " " + placed,
      "sync_directory data/store/parquet",
  };
  for (const auto& rollup : (*history)->manifest().rollups) {
    const auto aside = "data/store/tmp/" + rollup.name;
    want.push_back("create " + aside);
    want.push_back("sync " + aside);
    want.push_back("rename " + aside + " data/store/rollup/" + rollup.name);
  }
  EXPECT_EQ((*history)->manifest().rollups.size(), 3u) << "of a minute, an hour and a day";
  want.insert(want.end(), {
                              "sync_directory data/store/rollup",
                              "create data/store/manifest.json.new",
                              "sync data/store/manifest.json.new",
                              "rename data/store/manifest.json.new data/store/manifest.json",
                              "sync_directory data/store",
                          });
  EXPECT_EQ(steps, want);
}

// Kills the process at each change and the power with it; 20 dice for what a crash keeps.
TEST_F(HistoryTest, AfterACrashAtAnyStepOfASealEachRowIsThereOnceOrStillInTheJournal) {
  std::uint64_t crashes = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (std::uint64_t step = 1;; ++step) {
      FakeFileSystem fs(seed);
      auto history = open(fs);
      ASSERT_TRUE(history.has_value()) << history.error().message;
      ASSERT_TRUE(add(**history, 10).has_value());
      fs.halt_after(step);
      const auto sealed = add(**history, 20);
      (*history)->remove_retired();  // the roll-ups' files before this seal
      const bool finished = !fs.halted();
      const auto told = (*history)->manifest().covered;
      history->reset();
      fs.crash();
      auto again = open(fs);
      ASSERT_TRUE(again.has_value()) << again.error().message << " step " << step;
      const auto covered = (*again)->manifest().covered;
      EXPECT_TRUE(covered == 10 || covered == 20) << covered;
      EXPECT_GE(covered, told) << "the journal may have been cut up to " << told;
      expect_sound(**again, fs);
      // Folding again from there makes everything whole.
      if (covered == 10) {
        ASSERT_TRUE(add(**again, 20).has_value());
      }
      ASSERT_TRUE(add(**again, 30).has_value());
      expect_sound(**again, fs);
      if (finished) {
        EXPECT_TRUE(sealed.has_value());
        break;
      }
      ++crashes;
    }
  }
  EXPECT_GE(crashes, 20u * 8u) << "each step of the order must have been hit";
}

TEST_F(HistoryTest, AfterACrashAtAnyStepOfAMergeEachRowIsThereOnce) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    for (std::uint64_t step = 1;; ++step) {
      FakeFileSystem fs(seed);
      auto history = open(fs);
      ASSERT_TRUE(history.has_value());
      for (journal::Position to = 10; to <= 40; to += 10) {
        ASSERT_TRUE(add(**history, to).has_value());
      }
      fs.halt_after(step);
      const auto merged = merge_all(**history);
      (*history)->remove_retired();
      const bool finished = !fs.halted();
      history->reset();
      fs.crash();
      auto again = open(fs);
      ASSERT_TRUE(again.has_value()) << again.error().message;
      EXPECT_EQ((*again)->manifest().covered, 40u);
      expect_sound(**again, fs);
      // What the manifest says was replaced is no orphan.
      const auto orphans = fs.list("data/store/orphaned");
      if ((*again)->files().size() == 1 && orphans) {
        EXPECT_TRUE(orphans->empty());
      }
      if (finished) {
        EXPECT_TRUE(merged.has_value());
        EXPECT_EQ((*again)->manifest().files.size(), 1u);
        break;
      }
    }
  }
}

// A seal that fails in any single operation leaves all as it was and can be repeated.
TEST_F(HistoryTest, AfterAFailureOfAnyOperationTheSealCanBeRepeated) {
  for (std::uint64_t failing = 1;; ++failing) {
    FakeFileSystem fs;
    auto history = open(fs);
    ASSERT_TRUE(history.has_value());
    ASSERT_TRUE(add(**history, 10).has_value());
    std::uint64_t operations = 0;
    bool hit = false;
    fs.set_fault([&](std::string_view) -> std::optional<Error> {
      if (++operations != failing) return std::nullopt;
      hit = true;
      return Error{Code::kNoSpace, "the disk is full"};
    });
    const auto sealed = add(**history, 20);
    if (!hit) {
      EXPECT_TRUE(sealed.has_value());
      EXPECT_GT(failing, 8u) << "each step of the order must have failed once";
      break;
    }
    fs.set_fault({});
    if (!sealed) {
      EXPECT_EQ(sealed.error().code, Code::kNoSpace);
      EXPECT_EQ((*history)->manifest().covered, 10u);
      EXPECT_EQ((*history)->files().size(), 1u);
      ASSERT_TRUE(add(**history, 20).has_value()) << "operation " << failing;
    }
    expect_sound(**history, fs);
    history->reset();
    fs.crash();
    auto again = open(fs);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ((*again)->manifest().covered, 20u);
    expect_sound(**again, fs);
  }
}

TEST_F(HistoryTest, AfterAFailureOfAnyOperationTheMergeCanBeRepeated) {
  for (std::uint64_t failing = 1;; ++failing) {
    FakeFileSystem fs;
    auto history = open(fs);
    ASSERT_TRUE(history.has_value());
    for (journal::Position to = 10; to <= 30; to += 10) {
      ASSERT_TRUE(add(**history, to).has_value());
    }
    std::uint64_t operations = 0;
    bool hit = false;
    fs.set_fault([&](std::string_view) -> std::optional<Error> {
      if (++operations != failing) return std::nullopt;
      hit = true;
      return Error{Code::kNoSpace, "the disk is full"};
    });
    const auto merged = merge_all(**history);
    fs.set_fault({});
    if (!hit) {
      EXPECT_TRUE(merged.has_value());
      EXPECT_GT(failing, 7u) << "each step of the order must have failed once";
      break;
    }
    if (!merged) {
      EXPECT_EQ((*history)->files().size(), 3u);
      ASSERT_TRUE(merge_all(**history).has_value()) << "operation " << failing;
    }
    expect_sound(**history, fs);
    history->reset();
    fs.crash();
    auto again = open(fs);
    ASSERT_TRUE(again.has_value());
    EXPECT_EQ((*again)->files().size(), 1u);
    expect_sound(**again, fs);
  }
}

// A sync that failed may have lost bytes for good, though a second one reports success: the
// attempt after it must write a new file.
TEST_F(HistoryTest, AFileWhoseSyncFailedIsNeverTaken) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  fs.fail_syncs(1);
  EXPECT_FALSE(add(**history, 10).has_value());
  ASSERT_TRUE(add(**history, 10).has_value());
  history->reset();
  fs.crash();
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->manifest().covered, 10u);
  expect_sound(**again, fs);
}

TEST_F(HistoryTest, AFileThatDoesNotHoldWhatWasCountedIsRefused) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  auto facts = facts_for(1, 10);
  const auto select = select_for(facts);
  ++facts.totals.requests;
  const auto sealed = (*history)->add(select, facts, 10, schema_);
  ASSERT_FALSE(sealed.has_value());
  EXPECT_EQ(sealed.error().code, Code::kCorrupt);
  EXPECT_EQ((*history)->manifest().covered, 0u);
  EXPECT_TRUE(fs.list("data/store/parquet")->empty());
  EXPECT_TRUE(fs.list("data/store/tmp")->size() <= 1u) << "only the engine's folder";
}

TEST_F(HistoryTest, FilesThatNoManifestNamesAreSetAsideAndCounted) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  ASSERT_TRUE(add(**history, 10).has_value());
  history->reset();
  const auto name = file_name(11, 20, 99);
  fs.set_content("data/store/parquet/" + name, "PAR1 x PAR1");
  fs.set_content("data/store/parquet/notes.txt", "a person's own");
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  EXPECT_TRUE(fs.exists("data/store/orphaned/" + name));
  EXPECT_FALSE(fs.exists("data/store/parquet/" + name));
  EXPECT_TRUE(fs.exists("data/store/parquet/notes.txt"));
  EXPECT_EQ(telemetry_.counter("sightglass_store_orphaned_files_total", "").value(), 1u);
  // The orphan's number is never given out again.
  ASSERT_TRUE(add(**again, 20).has_value());
  EXPECT_EQ((*again)->manifest().files.back().name, file_name(11, 20, 100));
}

TEST_F(HistoryTest, AMissingFileIsReportedAndTheRestGoesOn) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  ASSERT_TRUE(add(**history, 10).has_value());
  ASSERT_TRUE(add(**history, 25).has_value());
  const auto lost = (*history)->path((*history)->manifest().files[0]);
  history->reset();
  ASSERT_TRUE(fs.remove(lost).has_value());
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->manifest().covered, 25u);
  EXPECT_EQ((*again)->files().size(), 1u);
  EXPECT_EQ((*again)->manifest().lost_files, 1u);
  EXPECT_EQ((*again)->manifest().lost_rows, 10u);
  EXPECT_NE((*again)->report().find("10 rows"), std::string::npos) << (*again)->report();
}

TEST_F(HistoryTest, AWrongByteIsFoundByTheChecksum) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  ASSERT_TRUE(add(**history, 10).has_value());
  ASSERT_TRUE(add(**history, 20).has_value());
  const auto hurt = (*history)->path((*history)->manifest().files[1]);
  auto content = *fs.content(hurt);
  content[7] = static_cast<char>(content[7] ^ 1);
  fs.set_content(hurt, content);
  EXPECT_EQ((*history)->set_damaged_aside(0, 1).value(), 0u);
  EXPECT_EQ((*history)->set_damaged_aside(0, 2).value(), 1u);
  EXPECT_EQ((*history)->files().size(), 1u);
  EXPECT_EQ((*history)->manifest().lost_rows, 10u);
  EXPECT_EQ((*history)->manifest().covered, 20u);
}

TEST_F(HistoryTest, AMissingManifestIsMadeAgainFromTheFilesAndAMergeCountsOnce) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  for (journal::Position to = 10; to <= 30; to += 10) {
    ASSERT_TRUE(add(**history, to).has_value());
  }
  const auto before = (*history)->manifest().files;
  const auto held = (*history)->files();  // a query: the merge leaves the old files in place
  ASSERT_TRUE(merge_all(**history).has_value());
  (*history)->remove_retired();
  EXPECT_EQ(fs.list("data/store/parquet")->size(), 4u);
  history->reset();
  ASSERT_TRUE(fs.remove("data/store/manifest.json").has_value());
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE((*again)->report().empty());
  EXPECT_EQ((*again)->manifest().covered, 30u);
  ASSERT_EQ((*again)->files().size(), 1u);
  EXPECT_EQ((*again)->manifest().files[0].facts, facts_for(1, 30));
  EXPECT_EQ(fs.list("data/store/parquet")->size(), 1u);
}

TEST_F(HistoryTest, ReplacedFilesStayAsLongAsSomebodyReadsThem) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  ASSERT_TRUE(add(**history, 10).has_value());
  ASSERT_TRUE(add(**history, 20).has_value());
  auto held = (*history)->files();
  ASSERT_TRUE(merge_all(**history).has_value());
  (*history)->remove_retired();
  EXPECT_TRUE((*history)->has_retired());
  for (const auto& file : held) EXPECT_TRUE(fs.exists((*history)->path(*file)));
  const auto name = held[0]->name;
  held.clear();
  (*history)->remove_retired();
  EXPECT_FALSE((*history)->has_retired());
  EXPECT_FALSE(fs.exists("data/store/parquet/" + name));
  expect_sound(**history, fs);
}

TEST_F(HistoryTest, OnlyFilesThatAreWhollyOlderExpire) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  for (journal::Position to = 10; to <= 30; to += 10) {
    ASSERT_TRUE(add(**history, to).has_value());
  }
  ASSERT_TRUE((*history)->expire(20 * kSecond).has_value());
  ASSERT_EQ((*history)->files().size(), 2u) << "the second file's newest row is not older";
  EXPECT_EQ((*history)->manifest().expired_rows, 10u);
  EXPECT_EQ((*history)->manifest().expired_totals.requests, 10u);
  (*history)->remove_retired();
  EXPECT_EQ(fs.list("data/store/parquet")->size(), 2u);
  history->reset();
  fs.crash();
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ((*again)->manifest().expired_totals.requests, 10u);
  EXPECT_EQ((*again)->manifest().covered, 30u);
  EXPECT_TRUE((*again)->report().empty()) << (*again)->report();
}

// S0-B07: rows of one class go, the others stay; what went is counted.
TEST_F(HistoryTest, RowsThatAreDroppedFromAFileAreCountedAsExpired) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  for (journal::Position to = 10; to <= 30; to += 10) {
    ASSERT_TRUE(add(**history, to).has_value());
  }
  auto kept = facts_for(14, 17);
  ASSERT_TRUE((*history)->drop_rows(1, select_for(kept), schema_).has_value());
  EXPECT_EQ((*history)->manifest().files[1].facts.rows, 4u);
  EXPECT_EQ((*history)->manifest().files[1].covers_from, 11u);
  EXPECT_EQ((*history)->manifest().expired_rows, 6u);
  EXPECT_EQ((*history)->manifest().expired_totals.requests, 6u);
  EXPECT_EQ((*history)->manifest().expired_newest_ns, 20 * kSecond);
  ASSERT_TRUE((*history)->drop_rows(2, "0 0 0 0 0 0", schema_).has_value());
  EXPECT_EQ((*history)->files().size(), 2u) << "a file without rows goes whole";
  EXPECT_EQ((*history)->manifest().expired_rows, 16u);
  EXPECT_FALSE((*history)->drop_rows(0, select_for(facts_for(1, 11)), schema_).has_value())
      << "a rewriting never adds rows";
  (*history)->remove_retired();
  EXPECT_EQ(fs.list("data/store/parquet")->size(), 2u);
}

TEST_F(HistoryTest, AfterACrashAtAnyStepOfDroppingRowsNoneIsBackAndNoneIsGoneTwice) {
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    for (std::uint64_t step = 1;; ++step) {
      FakeFileSystem fs(seed);
      auto history = open(fs);
      ASSERT_TRUE(history.has_value());
      ASSERT_TRUE(add(**history, 10).has_value());
      ASSERT_TRUE(add(**history, 20).has_value());
      fs.halt_after(step);
      (void)(*history)->drop_rows(0, select_for(facts_for(1, 4)), schema_);
      (*history)->remove_retired();
      const bool finished = !fs.halted();
      history->reset();
      fs.crash();
      auto again = open(fs);
      ASSERT_TRUE(again.has_value()) << again.error().message;
      const auto& manifest = (*again)->manifest();
      std::uint64_t rows = 0;
      for (const auto& file : manifest.files) {
        const auto facts = TextTables::parse(*fs.content((*again)->path(file)));
        ASSERT_TRUE(facts.has_value());
        EXPECT_EQ(*facts, file.facts);
        rows += facts->rows;
      }
      EXPECT_EQ(rows + manifest.expired_rows, 20u);
      EXPECT_TRUE(rows == 20 || rows == 14) << rows;
      EXPECT_EQ(fs.list("data/store/parquet")->size(), manifest.files.size());
      expect_rolled_up(**again, fs);
      if (finished) {
        EXPECT_EQ(rows, 14u);
        break;
      }
    }
  }
}

TEST_F(HistoryTest, PastTheBoundOfBytesTheOldestFilesGo) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  for (journal::Position to = 10; to <= 40; to += 10) {
    ASSERT_TRUE(add(**history, to).has_value());
  }
  const auto& files = (*history)->manifest().files;
  const auto bytes = files[2].bytes + files[3].bytes;
  ASSERT_TRUE((*history)->expire_past(bytes + 1).has_value());
  ASSERT_EQ((*history)->files().size(), 2u);
  EXPECT_EQ((*history)->files()[0]->covers_from, 21u);
  EXPECT_EQ((*history)->manifest().expired_rows, 20u);
  ASSERT_TRUE((*history)->expire_past(0).has_value());
  EXPECT_TRUE((*history)->files().empty());
  EXPECT_EQ((*history)->manifest().expired_totals.requests, 40u);
}

// ---- roll-ups -----------------------------------------------------------------------------------

TEST_F(HistoryTest, RollUpsGoOnWhenTheRowsHaveExpiredAndGoByTheirOwnLimits) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  for (journal::Position to = 1000; to <= 200'000; to *= 2) {
    ASSERT_TRUE(add(**history, to).has_value());
  }
  ASSERT_TRUE((*history)->expire_past(0).has_value());
  EXPECT_TRUE((*history)->files().empty());
  expect_rolled_up(**history, fs);
  const auto end = static_cast<Nanos>((*history)->manifest().covered) * kSecond;
  ASSERT_TRUE((*history)->expire_rollups(RollupStep::kMinute, end).has_value());
  std::size_t minutes = 0;
  for (const auto& file : (*history)->manifest().rollups)
    minutes += file.step == RollupStep::kMinute;
  EXPECT_EQ(minutes, 1u) << "the hour under way";
  (*history)->remove_retired();
  EXPECT_EQ(fs.list("data/store/rollup")->size(), (*history)->manifest().rollups.size());
}

TEST_F(HistoryTest, AVersionWithoutRollUpsIsRolledUpFileByFile) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  for (journal::Position to = 10; to <= 30; to += 10) {
    ASSERT_TRUE(add(**history, to).has_value());
  }
  auto old = (*history)->manifest();
  history->reset();
  old.rolled_up = 0;
  old.rollups.clear();
  fs.set_content("data/store/manifest.json", write_manifest(old));
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  EXPECT_FALSE(add(**again, 40).has_value()) << "older rows come first";
  int files = 0;
  while ((*again)->roll_up_next().value()) ++files;
  EXPECT_EQ(files, 3);
  ASSERT_TRUE(add(**again, 40).has_value());
  (*again)->remove_retired();
  expect_sound(**again, fs);
}

TEST_F(HistoryTest, ADamagedRollUpIsMadeAgainFromTheRows) {
  for (const bool missing : {true, false}) {
    FakeFileSystem fs;
    auto history = open(fs);
    ASSERT_TRUE(history.has_value());
    ASSERT_TRUE(add(**history, 10).has_value());
    ASSERT_TRUE(add(**history, 20).has_value());
    (*history)->remove_retired();
    const auto hurt = (*history)->path((*history)->manifest().rollups[1]);
    if (missing) {
      ASSERT_TRUE(fs.remove(hurt).has_value());
    } else {
      auto content = *fs.content(hurt);
      content[9] = static_cast<char>(content[9] ^ 1);
      fs.set_content(hurt, content);
    }
    ASSERT_TRUE((*history)->repair_rollups().has_value());
    EXPECT_NE((*history)->report().find("roll-up"), std::string::npos);
    (*history)->remove_retired();
    expect_rolled_up(**history, fs);
    // And the same when it is found by opening, or by the next seal.
    history->reset();
    fs.crash();
    auto again = open(fs);
    ASSERT_TRUE(again.has_value());
    expect_rolled_up(**again, fs);
    const auto next = (*again)->path((*again)->manifest().rollups[0]);
    if (missing) {
      ASSERT_TRUE(fs.remove(next).has_value());
      again = open(fs);
      ASSERT_TRUE(again.has_value());
    } else {
      fs.set_content(next, "SGRU, but not really");
    }
    ASSERT_TRUE(add(**again, 30).has_value());
    (*again)->remove_retired();
    expect_rolled_up(**again, fs);
  }
}

TEST_F(HistoryTest, WithoutAManifestRollUpsOfExpiredRowsAreTakenUpAgain) {
  FakeFileSystem fs;
  auto history = open(fs);
  ASSERT_TRUE(history.has_value());
  // Two months of which the first expires.
  const journal::Position month = 30 * 86'400;
  auto first = facts_for(1, 10), second = facts_for(month * 2, month * 2 + 9);
  ASSERT_TRUE((*history)->add(select_for(first), first, 10, schema_).has_value());
  ASSERT_TRUE((*history)->add(select_for(second), second, month * 2 + 9, schema_).has_value());
  ASSERT_TRUE((*history)->expire(11 * kSecond).has_value());
  (*history)->remove_retired();
  const auto before = (*history)->manifest().rollups;
  history->reset();
  ASSERT_TRUE(fs.remove("data/store/manifest.json").has_value());
  auto again = open(fs);
  ASSERT_TRUE(again.has_value());
  while ((*again)->roll_up_next().value()) {
  }
  RollupTable days;
  for (const auto& file : (*again)->manifest().rollups) {
    if (file.step != RollupStep::kDay) continue;
    days.add(read_rollup_file(fs, (*again)->path(file), file)->table);
  }
  std::uint64_t requests = 0;
  for (const auto& [key, cell] : days.cells()) requests += cell.requests;
  EXPECT_EQ(requests, 20u);
  EXPECT_EQ((*again)->manifest().rollups.size(), before.size());
}

}  // namespace
}  // namespace sightglass::store
