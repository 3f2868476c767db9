// Sealing under kills, full disks and queries; on a real disk with the real engine.
#include <atomic>
#include <fstream>
#include <thread>

#include "store/killed_child.h"

namespace sightglass::store {
namespace {

constexpr std::size_t kChildRows = 6000;

// Folds a journal of 6,000 records into a store, sealing as it goes.
TEST(SealChild, DISABLED_FoldsUntilKilled) {
  const char* folder = std::getenv("SIGHTGLASS_STORE_CHILD");
  ASSERT_NE(folder, nullptr);
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  auto store = Store::open(options_in(folder), fs, clock, telemetry, log);
  ASSERT_TRUE(store.has_value());
  const auto rows = sample::rows(kChildRows);
  sample::feed(**store, sample::gateway_catalogue(), rows, 100, *(*store)->durable_position());
  ASSERT_TRUE((*store)->seal_now().has_value());
  (*store)->close();
}

// Merges what lies there: housekeeping begins at once.
TEST(MergeChild, DISABLED_MergesUntilKilled) {
  const char* folder = std::getenv("SIGHTGLASS_STORE_CHILD");
  ASSERT_NE(folder, nullptr);
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  auto store = Store::open(options_in(folder), fs, clock, telemetry, log);
  ASSERT_TRUE(store.has_value());
  for (int i = 0; i < 6000 && (*store)->health().files > 1; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  (*store)->close();
}

TEST(Sealing, AfterAKillBetweenAnyTwoStepsEachRowIsThereOnce) {
  const auto rows = sample::rows(kChildRows);
  const auto catalogue = sample::gateway_catalogue();
  for (const auto* step : {"store.seal.written", "store.seal.synced", "store.seal.renamed",
                           "store.seal.in_place", "store.rollup.written", "store.rollup.renamed",
                           "store.rollup.in_place", "store.seal.committed"}) {
    for (const auto* arrival : {":1", ":4"}) {
      const bool first = std::string_view(arrival) == ":1";
      if (first && std::string_view(step).starts_with("store.rollup")) continue;
      TestFolder folder;
      const auto status = run_child({}, folder.path(), std::string(step) + arrival, "SealChild");
      ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
          << step << " was not hit: " << status;
      PosixFileSystem fs;
      ManualClock clock;
      Telemetry telemetry;
      NullLog log;
      auto store = Store::open(options_in(folder.path()), fs, clock, telemetry, log);
      ASSERT_TRUE(store.has_value()) << store.error().message;
      const auto durable = *(*store)->durable_position();
      ASSERT_LT(durable, rows.back().position);
      sample::feed(**store, catalogue, rows, 100, durable);
      EXPECT_EQ((*store)->totals(), sample::totals(rows)) << step;
      ASSERT_TRUE((*store)->seal_now().has_value());
      EXPECT_TRUE((*store)->health().ok) << (*store)->health().problem;
      EXPECT_EQ((*store)->totals(), sample::totals(rows)) << step;
      expect_each_row_once(folder.path(), rows);
      expect_rolled_up(**store, rows);
    }
  }
}

TEST(Sealing, AfterAKillBetweenAnyTwoStepsOfAMergeEachRowIsThereOnce) {
  const auto rows = sample::rows(800);
  for (const auto* step : {"store.merge.written", "store.merge.synced", "store.merge.renamed",
                           "store.merge.in_place", "store.merge.committed"}) {
    TestFolder folder;
    PosixFileSystem fs;
    ManualClock clock;
    Telemetry telemetry;
    NullLog log;
    const auto open = [&] {
      return *Store::open(options_in(folder.path()), fs, clock, telemetry, log);
    };
    {
      const auto store = open();
      for (std::size_t i = 0; i < rows.size(); i += 40) {
        store->apply(sample::batch(sample::gateway_catalogue(), rows, i, i + 40));
        ASSERT_TRUE(store->seal_now().has_value());
      }
    }
    const auto status = run_child({}, folder.path(), step, "MergeChild");
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << step << " was not hit: " << status;
    const auto store = open();
    EXPECT_TRUE(store->health().ok) << store->health().problem;
    expect_each_row_once(folder.path(), rows);
    for (int i = 0; i < 6000 && store->health().files > 2; ++i) {
      clock.advance(61 * kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    EXPECT_LE(store->health().files, 2u);
    EXPECT_EQ(store->totals(), sample::totals(rows)) << step;
    expect_rolled_up(*store, rows);
  }
}

// ---- the order, as the kernel saw it ------------------------------------------------------------

class Trace {
 public:
  explicit Trace(const std::string& path) {
    std::ifstream in(path);
    for (std::string line; std::getline(in, line);) lines_.push_back(line);
  }
  static constexpr std::size_t kNowhere = static_cast<std::size_t>(-1);
  // The first line from `from` on that holds all of `parts`.
  std::size_t find(std::size_t from, std::initializer_list<std::string> parts) const {
    for (auto i = from; i < lines_.size(); ++i) {
      const auto& line = lines_[i];
      bool all = true;
      for (const auto& part : parts) all = all && line.find(part) != line.npos;
      if (all) return i;
    }
    return kNowhere;
  }
  const std::string& line(std::size_t i) const { return lines_[i]; }
  std::size_t size() const { return lines_.size(); }

 private:
  std::vector<std::string> lines_;
};

TEST(Sealing, TheKernelSeesTheStepsInTheirOrder) {
  TestFolder folder;
  const auto trace_path = folder.path() + "/trace";
  const auto status = run_child({"strace", "-f", "-y", "-s", "512", "-o", trace_path, "-e",
                                 "trace=openat,rename,renameat,renameat2,fdatasync,fsync"},
                                folder.path(), "", "SealChild");
  ASSERT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "strace is needed: " << status;
  const Trace trace(trace_path);
  const auto store = folder.path() + "/store";
  std::size_t seals = 0;
  for (const auto& name : folder.list("store/parquet")) {
    const auto aside = store + "/tmp/" + name;
    const auto written = trace.find(0, {"openat(", aside, "O_CREAT"});
    ASSERT_NE(written, Trace::kNowhere) << name;
    const auto synced = trace.find(written, {"fdatasync(", "<" + aside + ">"});
    const auto renamed = trace.find(written, {"rename", aside, store + "/parquet/" + name});
    ASSERT_NE(synced, Trace::kNowhere);
    ASSERT_NE(renamed, Trace::kNowhere);
    EXPECT_LT(synced, renamed);
    // Nobody opens the file for writing after it was synced.
    EXPECT_EQ(trace.find(synced, {"openat(", aside, "O_RDWR"}), Trace::kNowhere);
    EXPECT_EQ(trace.find(synced, {"openat(", aside, "O_WRONLY"}), Trace::kNowhere);
    const auto placed = trace.find(renamed, {"fsync(", "<" + store + "/parquet>"});
    const auto manifest = trace.find(renamed, {"openat(", store + "/manifest.json.new", "O_CREAT"});
    ASSERT_NE(placed, Trace::kNowhere);
    ASSERT_NE(manifest, Trace::kNowhere);
    EXPECT_LT(placed, manifest);
    const auto manifest_synced =
        trace.find(manifest, {"fdatasync(", "<" + store + "/manifest.json.new>"});
    const auto manifest_renamed =
        trace.find(manifest, {"rename", store + "/manifest.json.new", store + "/manifest.json\""});
    ASSERT_NE(manifest_synced, Trace::kNowhere);
    ASSERT_NE(manifest_renamed, Trace::kNowhere);
    EXPECT_LT(manifest_synced, manifest_renamed);
    EXPECT_NE(trace.find(manifest_renamed, {"fsync(", "<" + store + ">"}), Trace::kNowhere);
    ++seals;
  }
  EXPECT_GE(seals, 5u);
}

// ---- failures -----------------------------------------------------------------------------------

// The real disk, until it is "full": then nothing can be renamed into place.
class FillingFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override {
    return disk_.open(path, mode);
  }
  Result<std::vector<std::string>> list(const std::string& directory) override {
    return disk_.list(directory);
  }
  Status create_directories(const std::string& path) override {
    return disk_.create_directories(path);
  }
  Status rename(const std::string& from, const std::string& to) override {
    if (full) {
      ++refused;
      return fail(Code::kNoSpace, "rename: no space");
    }
    return disk_.rename(from, to);
  }
  Status remove(const std::string& path) override { return disk_.remove(path); }
  Status sync_directory(const std::string& path) override { return disk_.sync_directory(path); }
  bool exists(const std::string& path) override { return disk_.exists(path); }
  Result<std::uint64_t> free_bytes(const std::string& path) override {
    return disk_.free_bytes(path);
  }
  Result<std::uint64_t> total_bytes(const std::string& path) override {
    return disk_.total_bytes(path);
  }
  std::atomic<bool> full{false};
  std::atomic<int> refused{0};

 private:
  PosixFileSystem disk_;
};

class FullDisk : public testing::Test {
 protected:
  FullDisk() { store_ = *Store::open(options_in(folder_.path()), fs_, clock_, telemetry_, log_); }
  void wait_for_stall() {
    while (store_->health().problem.find("wait in the journal") == std::string::npos) {
      clock_.advance(kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
  }
  TestFolder folder_;
  FillingFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::unique_ptr<Store> store_;
  std::vector<sample::Row> rows_ = sample::rows(5000);
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
};

TEST_F(FullDisk, RowsWaitInTheJournalHealthSaysSoAndNothingIsLost) {
  fs_.full = true;
  std::jthread runner([&] { sample::feed(*store_, catalogue_, rows_); });
  wait_for_stall();
  const auto health = store_->health();
  EXPECT_FALSE(health.ok);
  EXPECT_LE(health.tail_rows, 1000u) << "two tails and no third";
  EXPECT_EQ(store_->durable_position(), 0u);
  const auto meanwhile = store_->queries().aggregate(kEver, {});
  ASSERT_TRUE(meanwhile.has_value()) << "the rows in the tails can be asked for";
  EXPECT_EQ(meanwhile->requests, health.tail_rows);

  fs_.full = false;
  clock_.advance(31 * kSecond);  // past any backoff
  runner.join();
  ASSERT_TRUE(store_->seal_now().has_value());
  EXPECT_TRUE(store_->health().ok) << store_->health().problem;
  EXPECT_EQ(store_->totals(), sample::totals(rows_));
  expect_each_row_once(folder_.path(), rows_);
}

TEST_F(FullDisk, StoppingDoesNotWaitForEverAndTheJournalStillHasTheRest) {
  fs_.full = true;
  std::jthread runner([&] { sample::feed(*store_, catalogue_, rows_); });
  wait_for_stall();
  store_->stop_waiting();
  runner.join();
  EXPECT_FALSE(store_->seal_now().has_value());
  store_->close();
  fs_.full = false;
  auto again = Store::open(options_in(folder_.path()), fs_, clock_, telemetry_, log_);
  ASSERT_TRUE(again.has_value());
  sample::feed(**again, catalogue_, rows_, 100, *(*again)->durable_position());
  ASSERT_TRUE((*again)->seal_now().has_value());
  expect_each_row_once(folder_.path(), rows_);
}

TEST_F(FullDisk, AMergeThatFindsNoSpaceLeavesItsFilesAndIsDoneLater) {
  const auto rows = sample::rows(800);
  for (std::size_t i = 0; i < rows.size(); i += 40) {
    store_->apply(sample::batch(catalogue_, rows, i, i + 40));
    ASSERT_TRUE(store_->seal_now().has_value());
  }
  fs_.full = true;
  const auto before = folder_.list("store/parquet");
  ASSERT_GE(before.size(), 20u);
  const auto failures = [&] { return fs_.refused.load(); };
  for (int i = 0; i < 600 && failures() < 3; ++i) {
    clock_.advance(61 * kSecond);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_GE(failures(), 3) << "nothing was merged at all";
  EXPECT_EQ(folder_.list("store/parquet"), before);
  EXPECT_EQ(store_->totals(), sample::totals(rows));
  expect_each_row_once(folder_.path(), rows);

  fs_.full = false;
  for (int i = 0; i < 600 && store_->health().files > 2; ++i) {
    clock_.advance(61 * kSecond);
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  EXPECT_LE(store_->health().files, 2u);
  EXPECT_EQ(store_->totals(), sample::totals(rows));
  store_->close();
  EXPECT_TRUE(folder_.list("store/tmp").size() <= 1) << "the engine's own folder and no file";
  store_ = *Store::open(options_in(folder_.path()), fs_, clock_, telemetry_, log_);
  expect_each_row_once(folder_.path(), rows);
  expect_rolled_up(*store_, rows);
}

// ---- queries meanwhile --------------------------------------------------------------------------

TEST(Sealing, EveryQueryMeanwhileSeesAPrefixOfTheRowsAndEachOnce) {
  TestFolder folder;
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  auto store = *Store::open(options_in(folder.path()), fs, clock, telemetry, log);
  const auto rows = sample::rows(20'000);
  std::vector<std::pair<std::int64_t, std::int64_t>> sums = {{0, 0}};  // by number of requests
  for (const auto& row : rows) {
    if (!row.terminal) continue;
    sums.emplace_back(sums.back().first + row.number("total_tokens").value_or(0),
                      sums.back().second + row.number("cost_nanousd").value_or(0));
  }
  std::atomic<bool> done{false};
  std::atomic<std::uint64_t> asked{0};
  std::jthread asking([&] {
    std::uint64_t before = 0;
    while (!done) {
      const auto got = store->queries().aggregate(kEver, {});
      ASSERT_TRUE(got.has_value()) << got.error().message;
      ASSERT_GE(got->requests, before) << "what was seen once stays";
      ASSERT_LT(got->requests, sums.size());
      ASSERT_EQ(got->total_tokens, sums[got->requests].first);
      ASSERT_EQ(got->cost_nanousd, sums[got->requests].second);
      before = got->requests;
      ++asked;
    }
  });
  sample::feed(*store, sample::gateway_catalogue(), rows, 50);
  ASSERT_TRUE(store->seal_now().has_value());
  while (asked < 10) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  done = true;
  asking.join();
  EXPECT_EQ(store->totals(), sample::totals(rows));
  expect_each_row_once(folder.path(), rows);
}

}  // namespace
}  // namespace sightglass::store
