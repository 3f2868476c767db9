// Damaged files whose rows the journal still holds are made again from it; with the real engine.
#include <thread>

#include "store/killed_child.h"

namespace sightglass::store {
namespace {

// A journal that begins at some position.
struct FakeJournal {
  std::shared_ptr<const event::Catalogue> catalogue;
  std::vector<sample::Row> rows;
  journal::Position first = 1;
};

class FakeReader final : public journal::Reader {
 public:
  FakeReader(const FakeJournal& journal, journal::Position after)
      : journal_(journal), position_(after) {}
  Result<bool> next(Batch& out) override {
    const auto begin = static_cast<std::size_t>(position_);
    if (begin >= journal_.rows.size()) return false;
    const auto end = std::min({journal_.rows.size(), begin + 70, begin / 100 * 100 + 100});
    out = sample::batch(journal_.catalogue, journal_.rows, begin, end);
    // As the store was fed: one accept time for every hundred rows.
    out.header.accept_ns =
        journal_.rows[std::min(journal_.rows.size(), begin / 100 * 100 + 100) - 1].time_ns;
    position_ = out.records.back().position;
    return true;
  }
  journal::Position position() const override { return position_; }
  std::uint64_t skipped() const override { return 0; }

 private:
  const FakeJournal& journal_;
  journal::Position position_;
};

Options with_journal(const std::string& folder, const FakeJournal& journal) {
  auto options = options_in(folder);
  options.read_journal =
      [&journal](journal::Position after) -> Result<std::unique_ptr<journal::Reader>> {
    return std::make_unique<FakeReader>(journal, after);
  };
  return options;
}

constexpr std::size_t kChildRows = 3000;

// Makes again what is missing: housekeeping begins at once.
TEST(RebuildChild, DISABLED_RebuildsUntilKilled) {
  const char* folder = std::getenv("SIGHTGLASS_STORE_CHILD");
  ASSERT_NE(folder, nullptr);
  PosixFileSystem fs;
  SystemClock clock;
  Telemetry telemetry;
  NullLog log;
  const FakeJournal journal{sample::gateway_catalogue(), sample::rows(kChildRows)};
  const auto store = *Store::open(with_journal(folder, journal), fs, clock, telemetry, log);
  for (int i = 0; i < 600; ++i) {
    if (store->health().problem.find("made again") != std::string::npos) break;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  store->close();
}

TEST(Rebuilding, AfterAKillBetweenAnyTwoStepsEachRowIsThereOnce) {
  const FakeJournal journal{sample::gateway_catalogue(), sample::rows(kChildRows)};
  for (const auto* step : {"store.rebuild.written", "store.rebuild.synced", "store.rebuild.renamed",
                           "store.rebuild.in_place", "store.rebuild.committed"}) {
    TestFolder folder;
    PosixFileSystem fs;
    ManualClock clock;
    Telemetry telemetry;
    NullLog log;
    const auto open = [&] {
      return *Store::open(with_journal(folder.path(), journal), fs, clock, telemetry, log);
    };
    {
      const auto store = open();
      sample::feed(*store, journal.catalogue, journal.rows, 100);
      ASSERT_TRUE(store->seal_now().has_value());
      ASSERT_GE(store->health().files, 3u);
    }
    const auto files = folder.list("store/parquet");
    ASSERT_TRUE(fs.remove(folder.path() + "/store/parquet/" + files.at(1)).has_value());
    const auto status = run_child({}, folder.path(), step, "RebuildChild");
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << step << " was not hit: " << status;
    auto store = open();
    for (int i = 0; i < 1200 && store->totals() != sample::totals(journal.rows); ++i) {
      clock.advance(61 * kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    EXPECT_EQ(store->totals(), sample::totals(journal.rows)) << step;
    store->close();
    store = open();
    EXPECT_TRUE(store->health().ok) << step << ": " << store->health().problem;
    expect_each_row_once(folder.path(), journal.rows);
    expect_rolled_up(*store, journal.rows);
  }
}

class RebuildTest : public testing::Test {
 protected:
  RebuildTest() {
    journal_.catalogue = sample::gateway_catalogue();
    journal_.rows = sample::rows(5000);
    options_.read_journal =
        [this](journal::Position after) -> Result<std::unique_ptr<journal::Reader>> {
      if (after + 1 < journal_.first) return fail(Code::kNotFound, "cut away");
      return std::make_unique<FakeReader>(journal_, after);
    };
  }
  void open() {
    store_.reset();
    store_ = *Store::open(options_, fs_, clock_, telemetry_, log_);
  }
  void fill() {
    open();
    for (std::size_t i = 0; i < journal_.rows.size(); i += 100) {
      auto batch = sample::batch(journal_.catalogue, journal_.rows, i,
                                 std::min(journal_.rows.size(), i + 100));
      store_->apply(batch);
    }
    ASSERT_TRUE(store_->seal_now().has_value());
    ASSERT_GE(store_->health().files, 3u);
  }
  void fill_one() {
    open();
    sample::feed(*store_, journal_.catalogue, journal_.rows);
    ASSERT_TRUE(store_->seal_now().has_value());
    ASSERT_EQ(store_->health().files, 1u);
  }
  std::string path_of(std::size_t i) {
    return options_.directory + "/parquet/" + folder_.list("store/parquet").at(i);
  }
  template <typename Done>
  void wait_until(Done done) {
    for (int i = 0; i < 6000 && !done(); ++i) {
      clock_.advance(61 * kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    EXPECT_TRUE(done());
  }
  bool says(const std::string& words) {
    return store_->health().problem.find(words) != std::string::npos;
  }
  void expect_whole() {
    EXPECT_EQ(store_->totals(), sample::totals(journal_.rows));
    const auto got = store_->queries().aggregate(kEver, {});
    ASSERT_TRUE(got.has_value());
    EXPECT_EQ(got->requests, sample::aggregate(journal_.rows, kEver, {}).requests);
    auto database = duck::Database::open({.temporary_directory = folder_.path() + "/t"});
    auto connection = (*database)->connect();
    const auto rows = connection->query("SELECT pos, request_id, latency_us FROM read_parquet('" +
                                        options_.directory + "/parquet/*.parquet') ORDER BY pos");
    ASSERT_TRUE(rows.has_value());
    std::size_t i = 0;
    for (const auto& row : journal_.rows) {
      if (!row.terminal) continue;
      ASSERT_LT(i, rows->size());
      EXPECT_EQ(static_cast<journal::Position>(rows->integer(i, 0)), row.position);
      EXPECT_EQ(rows->at(i, 1).text, row.text("request_id"));
      EXPECT_EQ(rows->integer(i, 2), row.number("latency_us").value_or(0));
      ++i;
    }
    EXPECT_EQ(i, rows->size());
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 600};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  FakeJournal journal_;
  std::unique_ptr<Store> store_;
};

TEST_F(RebuildTest, AFileThatIsMissingAtTheStartIsMadeAgain) {
  fill();
  const auto lost = path_of(1);
  store_.reset();
  ASSERT_TRUE(fs_.remove(lost).has_value());
  open();
  EXPECT_TRUE(says("missing or damaged"));
  wait_until([&] { return says("made again from the journal"); });
  expect_whole();
  open();
  EXPECT_TRUE(store_->health().ok) << store_->health().problem;
  expect_whole();
}

TEST_F(RebuildTest, AFileWithAWrongByteIsSetAsideAndMadeAgain) {
  fill();
  const auto hurt = path_of(0);
  auto bytes = *read_file(fs_, hurt);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  ASSERT_TRUE(replace_file(fs_, hurt, bytes).has_value());
  wait_until([&] { return says("made again from the journal"); });
  EXPECT_EQ(folder_.list("store/damaged").size(), 1u);
  expect_whole();
}

TEST_F(RebuildTest, AFileOfManySealsBecomesSeveral) {
  options_.seal_rows = 5000;
  fill_one();
  const auto lost = path_of(0);
  store_.reset();
  ASSERT_TRUE(fs_.remove(lost).has_value());
  options_.seal_rows = 600;
  open();
  wait_until([&] { return says("made again from the journal"); });
  EXPECT_GE(store_->health().files, 5u);
  expect_whole();
}

TEST_F(RebuildTest, WhatTheJournalNoLongerHoldsStaysLostAndIsSaid) {
  fill();
  const auto lost = path_of(0);
  const auto files = store_->health().files;
  store_.reset();
  ASSERT_TRUE(fs_.remove(lost).has_value());
  journal_.first = 2;
  open();
  wait_until([&] { return says("stay lost"); });
  EXPECT_EQ(store_->health().files, files - 1);
  EXPECT_FALSE(store_->health().ok);
}

}  // namespace
}  // namespace sightglass::store
