// The oldest ClickHouse that is spoken to and today's: the same tables, the same bytes in, the same
// bytes out.
#include <gtest/gtest.h>

#include <limits>
#include <memory>
#include <string>

#include "../tests/support/batches.h"
#include "export/chdb.h"
#include "export/hourly.h"
#include "export/real_clickhouse.h"
#include "export/rows.h"

namespace sightglass::exporting {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kAccepted = 1'700'000'005 * kSecond;
constexpr auto kMost = std::numeric_limits<std::int64_t>::max();
constexpr journal::Position kHigh = (journal::Position{1} << 63) + 5;  // past any signed integer

// Every kind of column and list, unknown values, empty and awkward texts, both ends of integers.
std::vector<TestEvent> events() {
  std::vector<TestEvent> out;
  out.push_back(TestEvent("chat_completion_success", kAccepted)
                    .with("provider", "openai")
                    .with("model", std::string("a'b\\\"\n\t\0\xc3\xa9", 10))
                    .with("outcome", "ok")
                    .with("is_streaming", true)
                    .with("input_tokens", kMost)
                    .with("cost_nanousd", -kMost - 1)
                    .with("latency_us", 0)
                    .with("route", "")
                    .with("env", "prod")
                    .with("chunks", -7));
  out.push_back(TestEvent("chat_completions_error", kAccepted - kSecond)
                    .with("outcome", "error")
                    .with("output_tokens", 1.5)
                    .with("model", true));
  out.push_back(TestEvent("chat_completion_success", -5 * kSecond));
  SeededRandom random(1);
  for (int i = 0; i < 300; ++i) {
    out.push_back(testing::random_terminal(random, kAccepted + i * 60 * kSecond));
  }
  return out;
}

std::string rows_of(const std::vector<TestEvent>& of, journal::Position first) {
  const Batches batches(testing::gateway_catalogue());
  RowWriter writer("gw-'1");
  writer.use(testing::gateway_catalogue());
  Points points;
  for (const auto& event : of) writer.append(batches.encode(event), first++, kAccepted, points);
  return points.text;
}

// Three requests whose sums take more than 64 bits, both ways.
std::string sums() {
  HourlyCell cell;
  for (int i = 0; i < 3; ++i) {
    HourlySums one;
    one.requests = one.timed = 1;
    one.input_tokens = kMost;
    one.cost_nanousd = Int128{-kMost} - 1;
    one.latency_us = one.latency_max_us = 1'000 * (i + 1);
    cell.add(one);
  }
  const Nanos hour = kAccepted - kAccepted % (3'600 * kSecond);
  return hourly_rows({{{hour, "app", "openai", "gpt", "ok"}, cell}}, "gw-1", {kAccepted, kHigh});
}

// Started once: both are slow to come, and no test changes what another sees.
class Engines : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    old_ = std::make_unique<RealClickHouse>();
    today_ = std::make_unique<Chdb>();
    written_ = rows_of(events(), kHigh);
    for (const auto* table : {"sightglass.events", "sightglass.hourly"}) {
      const auto rows = table == std::string("sightglass.events") ? written_ : sums();
      old_->insert(table, rows);
      today_->insert(table, rows);
    }
  }
  static void TearDownTestSuite() {
    today_.reset();
    old_.reset();
  }
  static std::string both(const std::string& sql) {
    const auto one = old_->ask(sql), other = today_->ask(sql);
    EXPECT_EQ(one, other) << sql;
    EXPECT_FALSE(one.empty()) << sql;
    return other;
  }

  static inline std::unique_ptr<RealClickHouse> old_;
  static inline std::unique_ptr<Chdb> today_;
  static inline std::string written_;
};

TEST_F(Engines, AreOfTheirTimes) {
  EXPECT_EQ(old_->ask("SELECT version()").substr(0, 6), "18.16.");
  EXPECT_EQ(today_->ask("SELECT version()").substr(0, 3), "26.");
}

TEST_F(Engines, GiveBackTheBytesThatWereWritten) {
  EXPECT_EQ(both("SELECT * FROM sightglass.events ORDER BY pos FORMAT RowBinary"), written_);
  EXPECT_EQ(both("SELECT * FROM sightglass.hourly FORMAT RowBinary"), sums());
}

TEST_F(Engines, TakePositionsPastSixtyThreeBits) {
  EXPECT_EQ(both("SELECT toString(min(pos)), toString(max(pos)), count() FROM sightglass.events"),
            "9223372036854775813\t9223372036854776115\t303\n");
}

TEST_F(Engines, TellUnknownFromZeroAndEmpty) {
  const auto answer = both(
      "SELECT model, latency_us, output_tokens, texts.value, ints.value, doubles.value "
      "FROM sightglass.events WHERE pos < " +
      std::to_string(kHigh + 2) + " ORDER BY pos FORMAT RowBinary");
  std::string wanted(
      "\0\x0a"
      "a'b\\\"\n\t\0\xc3\xa9"
      "\0\0\0\0\0\0\0\0\0"
      "\1",
      22);
  wanted += std::string(
      "\2\0\4prod"
      "\1\xf9\xff\xff\xff\xff\xff\xff\xff"
      "\0",
      17);
  wanted += std::string(
      "\1\1\1"
      "\0\0"
      "\1\0\0\0\0\0\0\xf8\x3f",
      14);
  EXPECT_EQ(answer, wanted);
}

TEST_F(Engines, SumWhatIsLongerThanSixtyFourBits) {
  EXPECT_EQ(both("SELECT toString(sum(input_tokens)), toString(sum(cost_nanousd)), "
                 "toString(sum(latency_us)) FROM sightglass.hourly"),
            "27670116110564327421\t-27670116110564327424\t6000\n");
}

TEST_F(Engines, SumByGroupsAlike) {
  both(
      "SELECT provider, model, outcome, count(), sum(cost_nanousd), max(latency_us), "
      "sum(if(terminal = 1 AND input_tokens < 10000, input_tokens, NULL)), uniqExact(pos) "
      "FROM sightglass.events WHERE accept_date = toDate('2023-11-14') "
      "GROUP BY provider, model, outcome ORDER BY provider, model, outcome FORMAT RowBinary");
}

// What a question to both must not lean on.
TEST_F(Engines, DifferInWhatSomeAggregatesOfUnknownValuesAre) {
  const auto* sum = "SELECT sumIf(latency_us, pos = 1) FROM sightglass.events";
  EXPECT_EQ(old_->ask(sum), "0\n");
  EXPECT_EQ(today_->ask(sum), "\\N\n");
  const auto* distinct = "SELECT toTypeName(uniqExact(request_id)) FROM sightglass.events";
  EXPECT_EQ(old_->ask(distinct), "Nullable(UInt64)\n");
  EXPECT_EQ(today_->ask(distinct), "UInt64\n");
}

TEST_F(Engines, SayWhatIsWrong) {
  EXPECT_EQ(old_->try_ask("SELECT nothing FROM sightglass.events").body.substr(0, 9), "Code: 47,");
  EXPECT_EQ(
      old_->try_ask("INSERT INTO sightglass.schema_version VALUES (2)", {}, RealClickHouse::kReader)
          .body.substr(0, 10),
      "Code: 164,");
  EXPECT_EQ(today_->try_ask("SELECT nothing FROM sightglass.events").error.substr(0, 9),
            "Code: 47.");
}

TEST(Chdb, OneAfterTheOtherHasAFolderOfItsOwn) {
  {
    Chdb first;
    first.ask("CREATE TABLE sightglass.kept (a UInt8) ENGINE = MergeTree ORDER BY a");
    EXPECT_EQ(first.ask("EXISTS TABLE sightglass.kept"), "1\n");
  }
  Chdb second;
  EXPECT_EQ(second.ask("EXISTS TABLE sightglass.kept"), "0\n");
}

TEST(RealClickHouse, ComesBackWithWhatItHad) {
  RealClickHouse engine;
  engine.kill();
  EXPECT_EQ(engine.try_ask("SELECT 1").status, 0);
  engine.start();
  EXPECT_EQ(engine.ask("SELECT version FROM sightglass.schema_version"), "1\n");
}

}  // namespace
}  // namespace sightglass::exporting
