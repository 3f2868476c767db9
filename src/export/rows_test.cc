#include "export/rows.h"

#include <gtest/gtest.h>

#include "../tests/support/batches.h"
#include "export/fake_clickhouse.h"

namespace sightglass::exporting {
namespace {

using testing::Batches;
using testing::TestEvent;

constexpr Nanos kAt = 1'700'000'000'123'456'789;
constexpr Nanos kAccepted = kAt + 5 * kSecond;

std::vector<Row> rows_of(const TestEvent& event,
                         std::shared_ptr<const event::Catalogue> catalogue = nullptr) {
  if (catalogue == nullptr) catalogue = testing::gateway_catalogue();
  const Batches batches(catalogue);
  RowWriter writer("gw-1");
  writer.use(catalogue);
  Points points;
  writer.append(batches.encode(event), 42, kAccepted, points);
  EXPECT_EQ(points.count(), points.text.empty() ? 0u : 1u);
  return read_rows(points.text);
}

Row row_of(const TestEvent& event) {
  const auto rows = rows_of(event);
  EXPECT_EQ(rows.size(), 1u);
  return rows.empty() ? Row{} : rows[0];
}

TEST(Rows, ARequestIsOneRowWithItsIdentity) {
  auto row = row_of(TestEvent("chat_completion_success", kAt)
                        .with("provider", "openai")
                        .with("outcome", "ok")
                        .with("is_streaming", true)
                        .with("input_tokens", 0)
                        .with("cost_nanousd", std::int64_t{9'007'199'254'740'993}));
  EXPECT_EQ(row["gateway"], "gw-1");
  EXPECT_EQ(row["pos"], "42");
  EXPECT_EQ(row["accept_date"], "19675");
  EXPECT_EQ(row["accept_time_ns"], std::to_string(kAccepted));
  EXPECT_EQ(row["event_time"], "1700000000");
  EXPECT_EQ(row["event_time_ns"], std::to_string(kAt));
  EXPECT_EQ(row["event_type"], "chat_completion_success");
  EXPECT_EQ(row["level"], "info");
  EXPECT_EQ(row["terminal"], "1");
  EXPECT_EQ(row["provider"], "openai");
  EXPECT_EQ(row["is_streaming"], "1");
  EXPECT_EQ(row["cost_nanousd"], "9007199254740993");  // past what a double holds
}

TEST(Rows, WhatIsUnknownIsNullAndZeroIsZero) {
  auto row = row_of(TestEvent("chat_completion_success", kAt).with("input_tokens", 0));
  EXPECT_EQ(row["input_tokens"], "0");
  EXPECT_EQ(row["output_tokens"], "\\N");
  EXPECT_EQ(row["cost_nanousd"], "\\N");
  EXPECT_EQ(row["outcome"], "\\N");
}

TEST(Rows, FieldsWithoutAColumnStandByTheirKindWithTheirName) {
  auto row = row_of(TestEvent("chat_completion_success", kAt)
                        .with("route", "chat")
                        .with("chunks", 7)
                        .with("env", "prod"));
  EXPECT_EQ(row["texts.name"], "route,env");
  EXPECT_EQ(row["texts.value"], "chat,prod");
  EXPECT_EQ(row["ints.name"], "chunks");
  EXPECT_EQ(row["ints.value"], "7");
  EXPECT_EQ(row["doubles.name"], "");
}

TEST(Rows, AValueOfAnotherKindThanItsColumnsIsKeptAllTheSame) {
  auto row = row_of(TestEvent("chat_completion_success", kAt)
                        .with("input_tokens", 1.5)
                        .with("is_streaming", 2)
                        .with("model", true));
  EXPECT_EQ(row["input_tokens"], "\\N");
  EXPECT_EQ(row["doubles.name"], "input_tokens");
  EXPECT_EQ(row["doubles.value"], "1.500000");
  EXPECT_EQ(row["ints.name"], "is_streaming");
  EXPECT_EQ(row["flags.name"], "model");
  EXPECT_EQ(row["flags.value"], "1");
}

TEST(Rows, WhatMayNotPassIsInNone) {
  const auto row = row_of(TestEvent("chat_completion_success", kAt)
                              .with("error", "free text")
                              .with("prompt", "a prompt")
                              .with("api_key", "sk-1"));
  for (const auto& [name, value] : row) {
    EXPECT_EQ(value.find("free text"), std::string::npos) << name;
    EXPECT_EQ(value.find("prompt"), std::string::npos) << name;
    EXPECT_EQ(value.find("sk-1"), std::string::npos) << name;
  }
}

TEST(Rows, TheSameEventsAsInTheStoreHaveRows) {
  EXPECT_TRUE(rows_of(TestEvent("chat_completion_request_start", kAt)).empty());
  EXPECT_TRUE(rows_of(TestEvent("tools_detected", kAt)).empty());
  auto sent = row_of(TestEvent("chat_completion_success", kAt).with("ingested", true));
  EXPECT_EQ(sent["terminal"], "0");  // an application's, which ends no request here
  EXPECT_EQ(sent["ingested"], "1");
  EXPECT_EQ(row_of(TestEvent("tools_detected", kAt).with("ingested", true))["terminal"], "0");
}

TEST(Rows, OfASampledTypeOneInSoManyHasARowThatSaysSo) {
  const auto catalogue = testing::parse_catalogue(
      "pack: p\nversion: 1\nfields:\n  ingested: {kind: bool, class: flag}\n"
      "events:\n  often: {level: info, row: true, sample: 4}\n");
  const Batches batches(catalogue);
  RowWriter writer("g");
  writer.use(catalogue);
  Points points;
  for (journal::Position at = 1; at <= 400; ++at) {
    writer.append(batches.encode(TestEvent("often", kAt)), at, kAccepted, points);
  }
  EXPECT_GT(points.count(), 60u);
  EXPECT_LT(points.count(), 140u);
  const auto rows = read_rows(points.text);
  ASSERT_EQ(rows.size(), points.count());
  EXPECT_EQ(rows[0].at("ints.name"), "sampled_one_in");
  EXPECT_EQ(rows[0].at("ints.value"), "4");
}

TEST(Rows, TimesThatAColumnCannotHoldStandAtItsEndAndAreWholeBeside) {
  auto row = row_of(TestEvent("chat_completion_success", -5 * kSecond));
  EXPECT_EQ(row["event_time"], "0");
  EXPECT_EQ(row["event_time_ns"], "-5000000000");
  EXPECT_EQ(row_of(TestEvent("chat_completion_success", 9'000'000'000 * kSecond))["event_time"],
            "4294967295");
}

TEST(Rows, ThePrintedTableHasTheirColumns) {
  for (const auto* file : {"deploy/clickhouse/single.sql", "deploy/clickhouse/replicated.sql"}) {
    const auto sql = testing::source_text(file);
    for (const auto& column : row_columns()) {
      const auto dot = column.name.find('.');
      const auto printed = "\n    " + std::string(column.name.substr(0, dot)) + " " +
                           (dot == std::string_view::npos ? std::string(column.type) : "Nested(");
      EXPECT_NE(sql.find(printed), std::string::npos) << file << printed;
    }
    const auto version = "VALUES (" + std::to_string(kRowSchemaVersion) + ")";
    EXPECT_NE(sql.find(version), std::string::npos) << file;
  }
}

}  // namespace
}  // namespace sightglass::exporting
