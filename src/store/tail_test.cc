#include "store/tail.h"

#include <gtest/gtest.h>

#include "store/sample_rows.h"
#include "store/sql.h"
#include "store/test_folder.h"

namespace sightglass::store {
namespace {

class TailTest : public testing::Test {
 protected:
  TailTest() {
    database_ = *duck::Database::open({.temporary_directory = folder_.path()});
    connection_ = std::make_unique<duck::Connection>(*database_->connect());
    tail_ = std::make_unique<Tail>(*database_, schema_, "gw", 1);
  }
  void append(const std::string& type, std::vector<std::pair<std::string, event::Value>> fields) {
    event::Event event;
    event.type = catalogue_->event_type(type);
    event.time_ns = 1'700'000'000 * kSecond;
    for (const auto& [name, value] : fields) {
      event.fields.push_back({catalogue_->field(name), value});
    }
    const auto status = tail_->append({++position_, 5}, layout_, event, dropped_);
    ASSERT_TRUE(status.has_value()) << status.error().message;
  }
  duck::Rows query(const std::string& columns) {
    EXPECT_TRUE(tail_->flush().has_value());
    auto rows = connection_->query("SELECT " + columns + " FROM (" + select_tail(schema_, *tail_) +
                                   ") ORDER BY pos");
    EXPECT_TRUE(rows.has_value()) << rows.error().message;
    return rows ? std::move(*rows) : duck::Rows{};
  }

  TestFolder folder_;
  std::shared_ptr<const event::Catalogue> catalogue_ = sample::gateway_catalogue();
  std::unique_ptr<duck::Database> database_;
  std::unique_ptr<duck::Connection> connection_;
  Schema schema_;
  Layout layout_{catalogue_, schema_};
  DroppedValues dropped_;
  std::unique_ptr<Tail> tail_;
  journal::Position position_ = 0;
};

using event::Value;

TEST_F(TailTest, OnlyTerminalAndRowEventsBecomeRows) {
  append("chat_completion_request_start", {});
  append("tools_detected", {});
  append("stream_completed", {});
  EXPECT_EQ(tail_->rows(), 1u);
  const auto rows = query("pos, terminal, event_type");
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows.integer(0, 0), 3);
  EXPECT_EQ(rows.integer(0, 1), 1);
  EXPECT_EQ(rows.at(0, 2).text, "stream_completed");
}

TEST_F(TailTest, ValuesOfAnotherKindReadAsNullAndAreCounted) {
  append("stream_completed", {{"input_tokens", Value::text("many")},
                              {"is_streaming", Value::integer(1)},
                              {"cost_nanousd", Value::number(1.5)},
                              {"provider", Value::integer(7)}});
  EXPECT_EQ(dropped_.kind, 3u);
  const auto rows = query("input_tokens, is_streaming, cost_nanousd, provider");
  EXPECT_TRUE(rows.at(0, 0).null);
  EXPECT_TRUE(rows.at(0, 1).null);
  EXPECT_TRUE(rows.at(0, 2).null);
  EXPECT_EQ(rows.at(0, 3).text, "7");
  EXPECT_EQ(tail_->facts().totals.input_tokens, 0u);
  EXPECT_EQ(tail_->facts().totals.cost_nanousd, 0);
}

TEST_F(TailTest, TextThatIsNotUtf8OrTooLongReadsAsNullAndIsCounted) {
  const std::string longest(Tail::kMaxTextBytes, 'a'), longer(Tail::kMaxTextBytes + 1, 'a');
  append("stream_completed", {{"provider", Value::text("\xc0\xaf")},
                              {"model", Value::text(longest)},
                              {"client", Value::text(longer)},
                              {"route", Value::text("gr\xc3\xbc\xc3\x9f")}});
  EXPECT_EQ(dropped_.not_utf8, 1u);
  EXPECT_EQ(dropped_.too_long, 1u);
  const auto rows = query("provider, model, client, route");
  EXPECT_TRUE(rows.at(0, 0).null);
  EXPECT_EQ(rows.at(0, 1).text, longest);
  EXPECT_TRUE(rows.at(0, 2).null);
  EXPECT_EQ(rows.at(0, 3).text, "gr\xc3\xbc\xc3\x9f");
}

TEST_F(TailTest, FieldsThatMayNotPassHaveNoColumn) {
  EXPECT_EQ(schema_.find("prompt"), kNoColumn);
  EXPECT_EQ(schema_.find("error"), kNoColumn);
  EXPECT_EQ(schema_.find("api_key"), kNoColumn);
  EXPECT_NE(schema_.find("longest_stall_us"), kNoColumn);
  append("stream_completed", {{"prompt", Value::text("canary")}, {"api_key", Value::text("sk-1")}});
  EXPECT_EQ(dropped_.no_column, 2u);
}

TEST_F(TailTest, AFieldSeenForTheFirstTimeOpensATableAndRowsStayInOrder) {
  for (int i = 0; i < 3000; ++i) append("stream_completed", {{"provider", Value::text("a")}});
  append("stream_completed", {{"chunks", Value::integer(5)}, {"route", Value::text("r")}});
  for (int i = 0; i < 10; ++i) append("stream_completed", {});
  const auto rows = query("pos, chunks, route");
  EXPECT_EQ(tail_->tables().size(), 2u);
  ASSERT_EQ(rows.size(), 3011u);
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(rows.integer(i, 0), static_cast<std::int64_t>(i) + 1);
    EXPECT_EQ(rows.at(i, 1).null, i != 3000);
  }
  EXPECT_EQ(rows.integer(3000, 1), 5);
  // The next tail has them from the start, and no column that nobody uses.
  const auto used = tail_->used_columns();
  EXPECT_EQ(used.size(), kFixedColumns + 2);
  tail_ = std::make_unique<Tail>(*database_, schema_, "gw", 2, used);
  append("stream_completed", {{"chunks", Value::integer(5)}});
  append("stream_completed", {{"route", Value::text("r")}});
  EXPECT_EQ(query("pos").size(), 2u);
  EXPECT_EQ(tail_->tables().size(), 1u);
}

TEST_F(TailTest, ASealHasOnlyTheColumnsThatItsRowsUse) {
  append("stream_completed", {{"chunks", Value::integer(5)}, {"route", Value::text("r")}});
  ASSERT_TRUE(tail_->flush().has_value());
  tail_ = std::make_unique<Tail>(*database_, schema_, "gw", 2, tail_->used_columns());
  append("stream_completed", {{"chunks", Value::integer(6)}});
  append("stream_completed", {{"route", Value()}});
  const auto rows = query("*");
  ASSERT_EQ(rows.size(), 2u);
  EXPECT_EQ(rows.columns().size(), kFixedColumns + 1) << "chunks, and no route";
  EXPECT_EQ(rows.columns().back().name, "chunks");
}

TEST_F(TailTest, TheFirstOfTwoValuesOfAFieldCountsAsInTheEvent) {
  append("stream_completed",
         {{"output_tokens", Value::integer(5)}, {"output_tokens", Value::integer(7)}});
  EXPECT_EQ(query("output_tokens").integer(0, 0), 5);
  EXPECT_EQ(tail_->facts().totals.output_tokens, 5u);
}

TEST_F(TailTest, CountsTheSameFactsAsItsTablesHold) {
  const auto sample = sample::rows(5000, 3);
  event::Event event;
  for (const auto& row : sample) {
    const auto payload = sample::encoded(*catalogue_, row);
    ASSERT_TRUE(event::decode(payload, event));
    ASSERT_TRUE(tail_->append({row.position, row.time_ns}, layout_, event, dropped_).has_value());
  }
  ASSERT_TRUE(tail_->flush().has_value());
  const auto rows = connection_->query(select_facts("(" + select_tail(schema_, *tail_) + ")"));
  ASSERT_TRUE(rows.has_value());
  EXPECT_EQ(facts_of(*rows), tail_->facts());
  EXPECT_EQ(tail_->facts().totals, sample::totals(sample));
}

TEST_F(TailTest, ATailThatGoesTakesItsTablesAlong) {
  append("stream_completed", {});
  ASSERT_TRUE(tail_->flush().has_value());
  tail_.reset();
  EXPECT_EQ(connection_->query("SELECT count(*) FROM duckdb_tables()")->integer(0, 0), 0);
}

TEST(SchemaTest, AColumnKeepsItsTypeAndItsPlace) {
  Schema schema;
  const auto id = schema.add("weight", duck::Type::kBigint);
  EXPECT_EQ(schema.add("weight", duck::Type::kText), id);
  EXPECT_EQ(schema.columns()[id].type, duck::Type::kBigint);
  EXPECT_EQ(id, kFixedColumns);
}

TEST(SchemaTest, IsFullAtItsBound) {
  Schema schema;
  for (int i = 0; i < 2000; ++i) schema.add("c" + std::to_string(i), duck::Type::kText);
  EXPECT_EQ(schema.columns().size(), Schema::kMaxColumns);
  EXPECT_EQ(schema.find("c1999"), kNoColumn);
}

}  // namespace
}  // namespace sightglass::store
