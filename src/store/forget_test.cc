// Texts that are to vanish from sealed files, on a real disk with the real engine.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "store/duckdb.h"
#include "store/sample_rows.h"
#include "store/store.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

const std::string kGone = "u:1.aaaaaaaaaaaaaaaaaaaaaaaaaa";
const std::string kStays = "u:1.bbbbbbbbbbbbbbbbbbbbbbbbbb";
constexpr Range kEver{0, 4'000'000'000 * kSecond};

class ForgetTest : public testing::Test {
 protected:
  ForgetTest() {
    auto store = Store::open(options_, fs_, clock_, telemetry_, log_);
    EXPECT_TRUE(store.has_value());
    store_ = std::move(*store);
  }

  // `n` rows in one batch, every other one of the person.
  void apply(std::size_t n) {
    journal::Reader::Batch batch;
    batch.catalogue = catalogue_;
    batch.header.first = position_ + 1;
    batch.header.accept_ns = 1'700'000'000 * kSecond;
    std::vector<std::string> payloads;
    while (payloads.size() < n) {
      auto row = generator_.next();
      if (!row.terminal) continue;
      row.texts["user_id"] = payloads.size() % 2 == 0 ? kGone : kStays;
      payloads.push_back(sample::encoded(*catalogue_, row));
    }
    for (const auto& payload : payloads) {
      batch.records.push_back({++position_, journal::RecordKind::kEvent, payload});
    }
    batch.header.count = static_cast<std::uint32_t>(n);
    store_->apply(batch);
  }

  // How many rows of all sealed files have this user.
  std::int64_t sealed_rows_of(const std::string& user) {
    auto database = duck::Database::open({});
    EXPECT_TRUE(database.has_value());
    auto connection = (*database)->connect();
    EXPECT_TRUE(connection.has_value());
    const auto rows = connection->query("SELECT count(*) FROM '" + options_.directory +
                                        "/parquet/*.parquet' WHERE user_id = '" + user + "'");
    EXPECT_TRUE(rows.has_value());
    return rows->integer(0, 0);
  }

  TestFolder folder_;
  Options options_{.directory = folder_.path() + "/store",
                   .gateway = "gw-1",
                   .seal_rows = 1000,
                   .query_limit_ns = 3'600 * kSecond};
  PosixFileSystem fs_;
  SystemClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
  sample::Generator generator_{5};
  journal::Position position_ = 0;
  std::unique_ptr<Store> store_;
};

TEST_F(ForgetTest, RowsStayWithoutThePersonAndEverybodyElsesAreUntouched) {
  apply(300);
  ASSERT_TRUE(store_->seal_now());
  apply(100);
  ASSERT_TRUE(store_->seal_now());
  apply(50);  // still in the tail
  const auto before = store_->queries().aggregate(kEver, {});
  const auto totals = store_->totals();
  ASSERT_TRUE(before);
  ASSERT_EQ(sealed_rows_of(kGone), 200);
  ASSERT_TRUE(store_->forget_texts(journal::Forget({kGone}), position_));
  EXPECT_EQ(sealed_rows_of(kGone), 0);
  EXPECT_EQ(sealed_rows_of(kStays), 225) << "the tail was sealed, too";
  EXPECT_EQ(folder_.list("store/parquet").size(), 3u) << "what was replaced is unlinked";
  const auto after = store_->queries().aggregate(kEver, {});
  ASSERT_TRUE(after);
  EXPECT_EQ(after->requests, before->requests);
  EXPECT_EQ(after->cost_nanousd, before->cost_nanousd);
  EXPECT_EQ(store_->totals(), totals);
  EXPECT_EQ(store_->durable_position(), position_);
}

TEST_F(ForgetTest, MayBeRepeatedAndLeavesFilesWithoutThePersonAlone) {
  apply(100);
  ASSERT_TRUE(store_->seal_now());
  ASSERT_TRUE(store_->forget_texts(journal::Forget({kGone}), position_));
  const auto files = folder_.list("store/parquet");
  ASSERT_TRUE(store_->forget_texts(journal::Forget({kGone}), position_));
  EXPECT_EQ(folder_.list("store/parquet"), files);
}

TEST_F(ForgetTest, WhatWasSetAsideIsDeleted) {
  for (const auto* folder : {"orphaned", "damaged"}) {
    std::filesystem::create_directories(options_.directory + "/" + folder);
    std::ofstream(options_.directory + "/" + folder + "/x.parquet") << kGone;
  }
  apply(10);
  ASSERT_TRUE(store_->forget_texts(journal::Forget({kGone}), position_));
  EXPECT_TRUE(folder_.list("store/orphaned").empty());
  EXPECT_TRUE(folder_.list("store/damaged").empty());
}

TEST_F(ForgetTest, IsRefusedOnceTheServerStops) {
  apply(10);
  store_->stop_forgetting();
  EXPECT_FALSE(store_->forget_texts(journal::Forget({kGone}), position_));
}

}  // namespace
}  // namespace sightglass::store
