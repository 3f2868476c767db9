// Rows of the files beside a store that seals, merges and drops them meanwhile.
#include "store/file_rows.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "base/crc32c.h"
#include "store/sample_rows.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

constexpr Range kEver{0, 4'000'000'000 * kSecond};

class FileRowsTest : public testing::Test {
 protected:
  FileRowsTest() { store_ = *Store::open(options_, fs_, clock_, telemetry_, log_); }
  std::vector<std::uint64_t> positions(Range range = kEver) {
    std::vector<std::uint64_t> out;
    const auto files = FileRows::open(options_.directory, fs_);
    EXPECT_TRUE(files.has_value()) << files.error().message;
    const auto read = (*files)->each(range, [&](const StoredEvent& row) -> Status {
      out.push_back(row.position);
      return {};
    });
    EXPECT_TRUE(read.has_value()) << read.error().message;
    return out;
  }
  static std::vector<std::uint64_t> wanted(const std::vector<sample::Row>& rows, Range range) {
    std::vector<std::uint64_t> out;
    for (const auto& row : rows) {
      if (sample::counts(row, range)) out.push_back(row.position);
    }
    return out;
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store", .gateway = "gw-1", .seal_rows = 500};
  PosixFileSystem fs_;
  ManualClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
  std::unique_ptr<Store> store_;
};

TEST_F(FileRowsTest, GivesEachSealedRowOnceInOrderWithItsValues) {
  const auto rows = sample::rows(3000);
  sample::feed(*store_, catalogue_, rows);
  ASSERT_TRUE(store_->seal_now().has_value());
  EXPECT_EQ(positions(), wanted(rows, kEver));
  const Range middle{rows[1000].time_ns, rows[2000].time_ns};
  EXPECT_EQ(positions(middle), wanted(rows, middle));
  EXPECT_TRUE(positions({5, 6}).empty());

  const auto files = *FileRows::open(options_.directory, fs_);
  std::size_t i = 0;
  ASSERT_TRUE(files
                  ->each(kEver,
                         [&](const StoredEvent& row) -> Status {
                           while (rows[i].position != row.position) ++i;
                           for (const auto& field : row.fields) {
                             if (field.name == "request_id") {
                               EXPECT_EQ(field.text, rows[i].text("request_id"));
                             } else if (field.name == "cost_nanousd") {
                               EXPECT_EQ(field.integer, rows[i].number("cost_nanousd"));
                             }
                           }
                           return {};
                         })
                  .has_value());
}

TEST_F(FileRowsTest, AnErrorOfTheTakerEndsIt) {
  sample::feed(*store_, catalogue_, sample::rows(1000));
  ASSERT_TRUE(store_->seal_now().has_value());
  const auto files = *FileRows::open(options_.directory, fs_);
  int taken = 0;
  const auto read = files->each(kEver, [&](const StoredEvent&) -> Status {
    if (++taken == 3) return fail(Code::kNoSpace, "full");
    return {};
  });
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, Code::kNoSpace);
  EXPECT_EQ(taken, 3);
}

TEST_F(FileRowsTest, OneParquetFileHoldsTheSameRowsOrThoseAtThePositions) {
  const auto rows = sample::rows(2000);
  sample::feed(*store_, catalogue_, rows);
  ASSERT_TRUE(store_->seal_now().has_value());
  const auto files = *FileRows::open(options_.directory, fs_);
  const auto all = wanted(rows, kEver);
  EXPECT_EQ(files->copy_parquet(kEver, nullptr, folder_.path() + "/all.parquet"), all.size());
  std::vector<std::uint64_t> some;
  for (std::size_t i = 0; i < all.size(); i += 7) some.push_back(all[i]);
  EXPECT_EQ(files->copy_parquet(kEver, &some, folder_.path() + "/some.parquet"), some.size());
  EXPECT_EQ(files->copy_parquet({5, 6}, nullptr, folder_.path() + "/none.parquet"), 0u);
  some.clear();
  EXPECT_EQ(files->copy_parquet(kEver, &some, folder_.path() + "/nobody.parquet"), 0u);
}

// The reader has an old manifest in hand each time; what it named is merged and removed.
TEST_F(FileRowsTest, FilesThatAreReplacedMeanwhileCostNoRowAndRepeatNone) {
  const auto rows = sample::rows(1200);
  std::atomic<bool> done{false};
  std::jthread writer([&] {
    for (std::size_t i = 0; i < rows.size(); i += 20) {
      store_->apply(sample::batch(catalogue_, rows, i, i + 20));
      EXPECT_TRUE(store_->seal_now().has_value());
      clock_.advance(61 * kSecond);
    }
    done = true;
  });
  const auto all = wanted(rows, kEver);
  int read = 0;
  while (!done || read == 0) {
    const auto got = positions();
    ASSERT_LE(got.size(), all.size());
    EXPECT_TRUE(std::equal(got.begin(), got.end(), all.begin())) << "a run from the first row on";
    ++read;
  }
  EXPECT_EQ(positions(), all);
}

TEST_F(FileRowsTest, AFolderWithoutAHistoryAndANewerOneAreRefused) {
  EXPECT_EQ(FileRows::open(folder_.path() + "/none", fs_).error().code, Code::kNotFound);
  const auto path = options_.directory + "/manifest.json";
  auto text = *read_file(fs_, path);
  const std::string version = "\"version\":2";
  text.replace(text.find(version), version.size(), "\"version\":9");
  const auto crc_at = text.rfind(",\"crc32c\":\"");
  char crc[9];
  std::snprintf(crc, sizeof crc, "%08x", crc32c(Bytes(text).substr(0, crc_at)));
  text = text.substr(0, crc_at) + ",\"crc32c\":\"" + crc + "\"}\n";
  ASSERT_TRUE(replace_file(fs_, path, text).has_value());
  EXPECT_EQ(FileRows::open(options_.directory, fs_).error().code, Code::kVersion);
}

}  // namespace
}  // namespace sightglass::store
