// The engine's settings, values and errors.
#include "store/duckdb.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <fstream>
#include <thread>

#include "store/test_folder.h"

namespace sightglass::store::duck {
namespace {

class DuckDb : public testing::Test {
 protected:
  DuckDb() {
    auto database = Database::open(
        {.memory_limit_bytes = 64ull << 20, .temporary_directory = folder_.path() + "/tmp"});
    EXPECT_TRUE(database.has_value()) << database.error().message;
    database_ = std::move(*database);
    connection_ = std::make_unique<Connection>(*database_->connect());
  }
  Code code_of(const std::string& sql) {
    auto rows = connection_->query(sql);
    if (rows) return Code::kExists;  // "no error": no statement here can give this one
    message_ = rows.error().message;
    return rows.error().code;
  }
  TestFolder folder_;
  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> connection_;
  std::string message_;
};

TEST_F(DuckDb, AppendsEveryTypeAndReadsItBack) {
  const Type types[] = {Type::kBoolean, Type::kBigint, Type::kUbigint,
                        Type::kDouble,  Type::kText,   Type::kTimestampNs};
  std::string sql = "CREATE TABLE t (";
  for (std::size_t i = 0; i < std::size(types); ++i) {
    sql += (i == 0 ? "c" : ", c") + std::to_string(i) + " " + std::string(sql_name(types[i]));
  }
  ASSERT_TRUE(connection_->run(sql + ")").has_value());
  Chunk chunk(types);
  const std::string texts[] = {"", "twelve bytes", "thirteen byte", std::string(4000, 'x'), "ü€🙂"};
  for (const auto& text : texts) {
    chunk.set_boolean(0, true);
    chunk.set_integer(1, INT64_MIN);
    chunk.set_integer(2, -1);  // the bits of 2^64 - 1
    chunk.set_number(3, 0.1);
    chunk.set_text(4, text);
    chunk.set_integer(5, 1'700'000'000'123'456'789);
    chunk.next_row();
    chunk.next_row();  // all null
  }
  auto appender = connection_->appender("t");
  ASSERT_TRUE(appender.has_value());
  ASSERT_TRUE(appender->append(chunk).has_value());
  const auto rows = connection_->query("SELECT * FROM t");
  ASSERT_TRUE(rows.has_value());
  ASSERT_EQ(rows->size(), 2 * std::size(texts));
  for (std::size_t r = 0; r < rows->size(); ++r) {
    for (std::size_t c = 0; c < std::size(types); ++c) EXPECT_EQ(rows->at(r, c).null, r % 2 == 1);
    if (r % 2 == 1) continue;
    EXPECT_EQ(rows->integer(r, 0), 1);
    EXPECT_EQ(rows->integer(r, 1), INT64_MIN);
    EXPECT_EQ(static_cast<std::uint64_t>(rows->integer(r, 2)), UINT64_MAX);
    EXPECT_EQ(rows->at(r, 3).number, 0.1);
    EXPECT_EQ(rows->at(r, 4).text, texts[r / 2]);
    EXPECT_EQ(rows->integer(r, 5), 1'700'000'000'123'456'789);
  }
}

TEST_F(DuckDb, AClearedChunkHasNothingOfItsLastRows) {
  const Type types[] = {Type::kBigint, Type::kText};
  ASSERT_TRUE(connection_->run("CREATE TABLE t (a BIGINT, b VARCHAR)").has_value());
  auto appender = connection_->appender("t");
  Chunk chunk(types);
  for (int round = 0; round < 3; ++round) {
    while (!chunk.full()) {
      if (round != 1) chunk.set_integer(0, round);
      if (round != 0) chunk.set_text(1, "a text that is not inlined");
      chunk.next_row();
    }
    ASSERT_TRUE(appender->append(chunk).has_value());
    chunk.clear();
  }
  const auto rows = connection_->query("SELECT count(*), count(a), count(b), sum(a) FROM t");
  EXPECT_EQ(rows->integer(0, 0), 3 * 2048);
  EXPECT_EQ(rows->integer(0, 1), 2 * 2048);
  EXPECT_EQ(rows->integer(0, 2), 2 * 2048);
  EXPECT_EQ(rows->integer(0, 3), 2 * 2048);
}

TEST_F(DuckDb, HugeSumsSaturate) {
  const auto rows = connection_->query(
      "SELECT sum(9223372036854775807::BIGINT), sum((-9223372036854775808)::BIGINT), "
      "sum(-5::BIGINT) FROM range(3)");
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->integer(0, 0), INT64_MAX);
  EXPECT_EQ(rows->integer(0, 1), INT64_MIN);
  EXPECT_EQ(rows->integer(0, 2), -15);
}

TEST_F(DuckDb, ParametersAreValuesAndNeverText) {
  const Parameter parameters[] = {std::string("'; DROP TABLE t; --"), std::int64_t{7}};
  const auto rows = connection_->query("SELECT ?1, ?2 + 1", parameters);
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->at(0, 0).text, "'; DROP TABLE t; --");
  EXPECT_EQ(rows->integer(0, 1), 8);
}

TEST_F(DuckDb, NamesAndTextsAreQuoted) {
  EXPECT_EQ(quoted_name("a\"b"), "\"a\"\"b\"");
  EXPECT_EQ(quoted_text("a'b"), "'a''b'");
  const auto rows =
      connection_->query("SELECT " + quoted_text("it's") + " AS " + quoted_name("se\"lect"));
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->at(0, 0).text, "it's");
}

TEST_F(DuckDb, ErrorsHaveACodeAndNothingOfTheEnginesText) {
  EXPECT_EQ(code_of("SELECT canary_column"), Code::kInternal);
  EXPECT_EQ(message_.find("canary"), std::string::npos);
  EXPECT_EQ(code_of("SELECT 'canary_value'::INTEGER"), Code::kInvalid);
  EXPECT_EQ(message_.find("canary"), std::string::npos);
  EXPECT_EQ(code_of("SELECT * FROM read_parquet('/nowhere/canary.parquet')"), Code::kIo);
  EXPECT_EQ(message_.find("canary"), std::string::npos);
  const auto path = folder_.path() + "/canary.parquet";
  std::ofstream(path) << "this is no parquet file, whatever it may be called";
  EXPECT_EQ(code_of("SELECT * FROM read_parquet('" + path + "')"), Code::kCorrupt);
  EXPECT_EQ(message_.find("canary"), std::string::npos);
}

TEST_F(DuckDb, TheMemoryLimitEndsAQueryAndNotTheProgram) {
  EXPECT_EQ(code_of("SELECT list(i::VARCHAR || repeat('x', 100)) FROM range(3000000) t(i)"),
            Code::kTooLarge);
  EXPECT_EQ(connection_->query("SELECT 42")->integer(0, 0), 42);
}

// A page of events beside a file that is written anew: each fits, both at once do not.
TEST_F(DuckDb, AStatementThatFitsIsNotRefusedBecauseAnotherRuns) {
  // A list that cannot spill: two at once pass the limit of 64 MiB.
  const std::string sql = "SELECT len(list(i)) FROM range(1200000) AS t(i)";
  ASSERT_TRUE(connection_->query(sql).has_value());
  std::atomic<int> refused{0}, done{0};
  const auto ask = [&] {
    auto connection = database_->connect();
    for (int i = 0; i < 20; ++i) {
      const auto rows = connection->query(sql);
      ++(rows ? done : refused);
      if (rows) {
        EXPECT_EQ(rows->integer(0, 0), 1'200'000);
      }
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) threads.emplace_back(ask);
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(refused, 0);
  EXPECT_EQ(done, 60);
}

TEST_F(DuckDb, AnInterruptEndsWhatRuns) {
  std::jthread other([&](std::stop_token stop) {
    while (!stop.stop_requested()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
      connection_->interrupt();
    }
  });
  EXPECT_EQ(code_of("SELECT sum(sqrt(a.range * b.range)) FROM range(1000000) a, range(1000000) b"),
            Code::kTimeout);
  other.request_stop();
  other.join();
  EXPECT_EQ(connection_->query("SELECT 42")->integer(0, 0), 42);
}

TEST_F(DuckDb, TheConfigurationIsLockedAndNothingIsLoadedFromOutside) {
  EXPECT_FALSE(connection_->run("SET memory_limit = '10GB'").has_value());
  EXPECT_FALSE(connection_->run("SET lock_configuration = false").has_value());
  EXPECT_FALSE(connection_->run("INSTALL httpfs").has_value());
  const auto rows = connection_->query(
      "SELECT current_setting('threads')::BIGINT, current_setting('autoload_known_extensions'), "
      "current_setting('autoinstall_known_extensions')");
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(rows->integer(0, 0), 1);
  EXPECT_EQ(rows->integer(0, 1), 0);
  EXPECT_EQ(rows->integer(0, 2), 0);
}

}  // namespace
}  // namespace sightglass::store::duck
