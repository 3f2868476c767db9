// The engine calls our functions as their names promise, and their memory is bounded.
#include "store/duckdb_functions.h"

#include <gtest/gtest.h>

#include "base/distinct_set.h"
#include "store/value_histogram.h"

namespace sightglass::store::duck {
namespace {

class FunctionsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open({});
    ASSERT_TRUE(database.has_value());
    database_ = std::move(*database);
    connection_ = std::make_unique<Connection>(*database_->connect());
    ASSERT_TRUE(functions_.add_to(*connection_).has_value());
  }
  Rows rows(const std::string& sql) {
    auto out = connection_->query(sql);
    EXPECT_TRUE(out.has_value()) << sql;
    return out ? std::move(*out) : Rows();
  }

  Functions functions_{64 << 10};
  std::unique_ptr<Database> database_;
  std::unique_ptr<Connection> connection_;
};

TEST_F(FunctionsTest, ConditionsAreAskedOfEachValueAndOfNulls) {
  std::string seen;
  functions_.begin({[&](const event::Value& value) {
                      seen += value.is_null() ? "null;" : std::string(value.as_text()) + ";";
                      return value.as_text() == "a long text that is not inlined";
                    },
                    [](const event::Value& value) { return value.as_int() > 2; },
                    [](const event::Value& value) { return value.as_double() < 0; },
                    [](const event::Value& value) { return value.as_bool(); }});
  EXPECT_EQ(rows("SELECT count(*) FROM (VALUES ('a'), (NULL), ('a long text that is not inlined')) "
                 "t(v) WHERE sg_holds_varchar(0, v)")
                .integer(0, 0),
            1);
  EXPECT_EQ(seen, "a;null;a long text that is not inlined;");
  EXPECT_EQ(rows("SELECT count(*) FROM range(5000) t(v) WHERE sg_holds_bigint(1, v)").integer(0, 0),
            4'997);
  EXPECT_EQ(rows("SELECT count(*) FROM (VALUES (-1.5::DOUBLE), (2)) t(v) WHERE sg_holds_double(2, "
                 "v)")
                .integer(0, 0),
            1);
  EXPECT_EQ(rows("SELECT count(*) FROM (VALUES (true), (false), (NULL)) t(v) WHERE "
                 "sg_holds_boolean(3, v)")
                .integer(0, 0),
            1);
}

TEST_F(FunctionsTest, ANumberThatNoPredicateHasHoldsForNothing) {
  functions_.begin({});
  EXPECT_EQ(rows("SELECT count(*) FROM range(9) t(v) WHERE sg_holds_bigint(7, v)").integer(0, 0),
            0);
}

TEST_F(FunctionsTest, SketchesComeBackByGroupAndNullsTakeNoPart) {
  const auto got = rows(
      "SELECT v % 3 AS g, sg_sketch(CASE WHEN v > 8 THEN v END::DOUBLE), sg_distinct((v // "
      "2)::VARCHAR) FROM range(300) t(v) GROUP BY g ORDER BY g");
  ASSERT_EQ(got.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    ByteReader sketch_bytes(got.at(i, 1).text), distinct_bytes(got.at(i, 2).text);
    ValueHistogram sketch;
    DistinctSet distinct;
    ASSERT_TRUE(sketch.load(sketch_bytes));
    ASSERT_TRUE(distinct.load(distinct_bytes));
    EXPECT_EQ(sketch.count(), 97u);
    EXPECT_EQ(distinct.count(), 100u);
  }
  EXPECT_TRUE(rows("SELECT sg_sketch(NULL::DOUBLE) FROM range(5)").at(0, 0).null);
}

TEST_F(FunctionsTest, PastTheirMemoryTheQueryFailsAndTheNextIsAnswered) {
  functions_.begin({});
  EXPECT_FALSE(connection_->query("SELECT sg_distinct(v::VARCHAR) FROM range(9000) t(v)"));
  EXPECT_TRUE(functions_.too_large());
  functions_.begin({});
  EXPECT_TRUE(connection_->query("SELECT sg_distinct(v::VARCHAR) FROM range(900) t(v)"));
  EXPECT_FALSE(functions_.too_large());
  functions_.begin({});
  EXPECT_FALSE(
      connection_->query("SELECT v, sg_sketch(v::DOUBLE) FROM range(2000) t(v) GROUP BY v"));
  EXPECT_TRUE(functions_.too_large());
}

TEST_F(FunctionsTest, BucketsAreTheUpperBoundsForPeople) {
  const auto got = rows("SELECT sg_bucket(v::DOUBLE) FROM (VALUES (0), (3), (5), (501)) t(v)");
  ASSERT_EQ(got.size(), 4u);
  const double want[] = {0, 5, 5, 1'000};
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(got.at(i, 0).number, want[i]);
}

}  // namespace
}  // namespace sightglass::store::duck
