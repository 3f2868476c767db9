// Retention by class and merging, on a real disk with the real engine, held against plain counts.
#include <gtest/gtest.h>

#include <thread>

#include "base/text.h"
#include "store/file_rows.h"
#include "store/sample_rows.h"
#include "store/store.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

constexpr Range kEver{0, 4'000'000'000 * kSecond};
constexpr Nanos kHour = 3600 * kSecond;

// A third requests of the gateway, two thirds applications' events.
std::vector<sample::Row> mixed_rows(const event::Catalogue& catalogue, std::size_t count) {
  sample::Generator requests(1);
  sample::IngestedRows events(catalogue, 12, 2);
  std::vector<sample::Row> out;
  while (out.size() < count) {
    auto row = out.size() % 3 == 0 ? requests.next() : events.next();
    if (out.size() % 3 == 0 && !row.terminal) continue;
    row.position = out.size() + 1;
    out.push_back(std::move(row));
  }
  return out;
}

class UpkeepTest : public testing::Test {
 protected:
  void open() {
    store_.reset();
    store_ = *Store::open(options_, fs_, clock_, telemetry_, log_);
  }
  // Feeds all of them and seals what is left.
  void feed(const std::vector<sample::Row>& rows) {
    sample::feed(*store_, catalogue_, rows);
    ASSERT_TRUE(store_->seal_now().has_value());
  }
  // Lets accept time pass and the housekeeping run until `done`.
  template <typename Done>
  void wait_until(Nanos accept_ns, Done done) {
    store_->idle(accept_ns);
    for (int i = 0; i < 6000 && !done(); ++i) {
      clock_.advance(61 * kSecond);
      std::this_thread::sleep_for(std::chrono::milliseconds(25));
    }
    EXPECT_TRUE(done());
  }
  // Positions of the rows in the files that count, read as an export does, by an engine of its own.
  std::vector<std::uint64_t> positions() {
    std::vector<std::uint64_t> out;
    const auto files = FileRows::open(options_.directory, fs_);
    EXPECT_TRUE(files.has_value());
    const auto read = (*files)->each(kEver, [&](const StoredEvent& row) -> Status {
      out.push_back(row.position);
      return {};
    });
    EXPECT_TRUE(read.has_value()) << read.error().message;
    return out;
  }
  template <typename Keep>
  static std::vector<std::uint64_t> wanted(const std::vector<sample::Row>& rows, Keep keep) {
    std::vector<std::uint64_t> out;
    for (const auto& row : rows) {
      if (keep(row)) out.push_back(row.position);
    }
    return out;
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 500};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::all_packs_catalogue();
  std::unique_ptr<Store> store_;
};

// S0-B07, S3-B15: what applications sent goes earlier than the gateway's requests.
TEST_F(UpkeepTest, ApplicationsEventsExpireByTheirOwnLimitAndRequestsStay) {
  options_.retention.ingested_ns = kHour;
  open();
  const auto rows = mixed_rows(*catalogue_, 1200);
  feed(rows);
  const auto want = wanted(rows, [](const auto& row) { return row.terminal; });
  EXPECT_EQ(positions().size(), rows.size());
  wait_until(rows.back().time_ns + 2 * kHour, [&] { return store_->health().rows == want.size(); });
  EXPECT_EQ(positions(), want);
  EXPECT_EQ(store_->totals(), sample::totals(rows));
  EXPECT_EQ(store_->queries().aggregate(kEver, {})->requests, want.size());
  // And it is so after a restart.
  open();
  EXPECT_EQ(store_->health().rows, want.size());
  EXPECT_EQ(store_->totals(), sample::totals(rows));
}

// S0-B07: per event class.
TEST_F(UpkeepTest, EachRuleOfTypesHasItsOwnLimit) {
  const auto rows = mixed_rows(*catalogue_, 1500);
  std::set<std::string> types;
  for (const auto& row : rows) {
    if (!row.terminal) types.insert(row.type);
  }
  ASSERT_GE(types.size(), 6u);
  const auto first = *types.begin(), last = *types.rbegin();
  options_.retention.types = {{{first}, 10 * kHour},  // longer than the rest
                              {{last}, 0},            // for ever
                              {{"*_error", "*_start"}, kHour / 2},
                              {{"stream_completed"}, 3 * kHour}};  // requests, too
  options_.retention.ingested_ns = kHour;
  open();
  feed(rows);
  const auto matches = [](const sample::Row& row, const char* pattern) {
    return glob_match(pattern, row.type, false);
  };
  // By the rules in their order, as the configuration page tells them.
  const auto limit = [&](const sample::Row& row) -> Nanos {
    if (row.type == first) return 10 * kHour;
    if (row.type == last) return 0;
    if (matches(row, "*_error") || matches(row, "*_start")) return kHour / 2;
    if (row.type == "stream_completed") return 3 * kHour;
    return row.terminal ? 0 : kHour;
  };
  for (const auto age : {2 * kHour, 5 * kHour, 20 * kHour}) {
    const auto want =
        wanted(rows, [&](const auto& row) { return limit(row) == 0 || limit(row) > age; });
    wait_until(rows.back().time_ns + age, [&] { return store_->health().rows == want.size(); });
    EXPECT_EQ(positions(), want) << age / kHour << " hours";
    EXPECT_EQ(store_->totals(), sample::totals(rows));
  }
}

TEST_F(UpkeepTest, RowsThatAreTooYoungStayThoughOthersOfTheirFileGo) {
  options_.retention.ingested_ns = kHour;
  open();
  auto rows = mixed_rows(*catalogue_, 1000);
  for (std::size_t i = 500; i < rows.size(); ++i) rows[i].time_ns += 3 * kHour;
  feed(rows);
  const auto want =
      wanted(rows, [&](const auto& row) { return row.terminal || row.position > 500; });
  wait_until(rows[499].time_ns + 2 * kHour, [&] { return store_->health().rows == want.size(); });
  EXPECT_EQ(positions(), want);
}

// S0-B07: by size.
TEST_F(UpkeepTest, PastTheBoundOfBytesTheOldestRowsGoAndTheirTotalsStay) {
  options_.seal_rows = 200;
  options_.retention.max_bytes = 100'000;
  open();
  const auto rows = mixed_rows(*catalogue_, 3000);
  feed(rows);
  wait_until(rows.back().time_ns, [&] { return store_->health().bytes <= 100'000; });
  const auto left = positions();
  ASSERT_FALSE(left.empty());
  EXPECT_EQ(left.back(), rows.back().position);
  EXPECT_EQ(left.size(), rows.size() - left.front() + 1) << "a run up to the newest";
  EXPECT_EQ(store_->totals(), sample::totals(rows));
}

TEST_F(UpkeepTest, FilesOfAnHourThatIsOverBecomeOneWithTheSameRows) {
  options_.seal_rows = 100;
  open();
  auto rows = mixed_rows(*catalogue_, 1200);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    rows[i].time_ns = 1'700'000'000 * kSecond / (24 * kHour) * (24 * kHour) + 10 * kHour +
                      static_cast<Nanos>(i) * 6 * kSecond;
  }
  feed(rows);
  wait_until(rows.back().time_ns + 2 * kHour, [&] { return store_->health().files == 2; });
  EXPECT_EQ(positions(), wanted(rows, [](const auto&) { return true; }));
  wait_until(rows.back().time_ns + 30 * kHour, [&] { return store_->health().files == 1; });
  EXPECT_EQ(positions(), wanted(rows, [](const auto&) { return true; }));
  EXPECT_EQ(store_->totals(), sample::totals(rows));
  EXPECT_EQ(store_->queries().aggregate(kEver, {})->requests, sample::totals(rows).requests);
}

}  // namespace
}  // namespace sightglass::store
