// A query's answer as people and spreadsheets read it.
#include "app/query_table.h"

#include <gtest/gtest.h>

namespace sightglass::app {
namespace {

const std::string kHead =
    R"x({"from":"2026-11-28T14:00:00.000000000Z","to":"2026-11-29T14:00:00.000000000Z",)x";
const std::string kTail =
    R"x("groups":2,"as_of":{"position":9,"time":"x"},"source":"both","notes":["mind this"]})x";

std::string answer(const std::string& columns, const std::string& rows, int step_s = 0) {
  return kHead + "\"step_seconds\":" + std::to_string(step_s) +
         ",\"of\":\"requests\",\"columns\":[" + columns + "],\"rows\":[" + rows + "]," + kTail;
}
const std::string kColumns =
    R"x({"name":"model","role":"group","unit":null,"exact":true},)x"
    R"x({"name":"count","role":"statistic","unit":"requests","exact":true},)x"
    R"x({"name":"p95(latency_us)","role":"statistic","unit":"us","exact":false,"error":"about"},)x"
    R"x({"name":"sum(cost_nanousd)","role":"statistic","unit":"nanousd","exact":true})x";

TEST(QueryTable, TellsUnitsAndNoValueAndHowExactItIs) {
  const auto table = query_table(
      answer(kColumns, R"x(["gpt-4o",9007199254740993,1500000.5,2500000000],["x",0,null,null])x"),
      Layout::kCourses);
  ASSERT_TRUE(table.has_value()) << table.error().message;
  EXPECT_EQ(table->rows, 2u);
  EXPECT_EQ(table->text,
            "2026-11-28 14:00 to 2026-11-29 14:00 UTC, up to journal position 9\n"
            "model                   count  p95(latency_us)  sum(cost_nanousd)\n"
            "gpt-4o  9,007,199,254,740,993           1.50 s          $2.500000\n"
            "x                           0                -                  -\n"
            "p95(latency_us): about\n"
            "note: mind this\n"
            "from roll-ups, and single rows for what is not in them\n");
}

TEST(QueryTable, ValuesNeverSteerTheTerminal) {
  const auto table =
      query_table(answer(kColumns, R"x(["\u001b[2Jred\u0007",1,1,1])x"), Layout::kCourses);
  ASSERT_TRUE(table.has_value());
  EXPECT_EQ(table->text.find('\x1b'), std::string::npos);
  EXPECT_NE(table->text.find("?[2Jred?"), std::string::npos);
}

TEST(QueryTable, StepsBecomeCoursesOnOneScaleWithThePeriodBefore) {
  const std::string columns =
      R"x({"name":"time","role":"time","unit":"unix_s","exact":true},)x"
      R"x({"name":"p","role":"group","unit":null,"exact":true},)x"
      R"x({"name":"avg(a)","role":"statistic","unit":null,"exact":true},)x"
      R"x({"name":"avg(a) previous","role":"previous","unit":null,"exact":true},)x"
      R"x({"name":"avg(a) change","role":"change","unit":"ratio","exact":true})x";
  const auto json = answer(columns,
                           "[0,\"a\",1,1,0],[60,\"a\",null,2,null],[120,\"a\",8,1,7],"
                           "[0,\"b\",5,null,null],[60,\"b\",5,null,null],[120,\"b\",5,null,null]",
                           60);
  const auto courses = query_table(json, Layout::kCourses);
  ASSERT_TRUE(courses.has_value());
  EXPECT_NE(courses->text.find("a  avg(a)           ▁·█"), std::string::npos) << courses->text;
  EXPECT_NE(courses->text.find("a  avg(a) previous  ▁▂▁"), std::string::npos) << courses->text;
  EXPECT_NE(courses->text.find("b  avg(a)           ▁▁▁"), std::string::npos) << courses->text;
  EXPECT_NE(courses->text.find("b  avg(a) previous  ···"), std::string::npos) << courses->text;
  const auto each = query_table(json, Layout::kEachRow);
  ASSERT_TRUE(each.has_value());
  EXPECT_NE(each->text.find("1970-01-01T00:02:00Z  a"), std::string::npos) << each->text;
  EXPECT_NE(each->text.find("+700.0 %"), std::string::npos) << each->text;
}

TEST(QueryTable, SparklinesAverageNeighboursThatDoNotFit) {
  std::vector<std::optional<double>> values;
  for (int i = 0; i < 16; ++i) values.emplace_back(i);
  EXPECT_EQ(sparkline(values, 8, {0, 15}), "▁▂▃▄▅▆▇█");
  EXPECT_EQ(sparkline({}, 8, {}), "");
  EXPECT_EQ(sparkline({std::nullopt, 3.0}, 8, {3, 3}), "·▁");
}

TEST(QueryCsv, QuotesWhatMustBeAndKeepsNumbersWhole) {
  const auto csv = query_csv(
      answer(R"x({"name":"time","role":"time","unit":"unix_s","exact":true},)x"
             R"x({"name":"count({ $.a = \"x,y\" })","role":"statistic","unit":null,"exact":true},)x"
             R"x({"name":"m","role":"group","unit":null,"exact":true})x",
             R"x([60,9007199254740993,"a \"b\", c"],[120,null,null])x", 60));
  ASSERT_TRUE(csv.has_value()) << csv.error().message;
  EXPECT_EQ(csv->text,
            "time,\"count({ $.a = \"\"x,y\"\" })\",m\r\n"
            "1970-01-01T00:01:00Z,9007199254740993,\"a \"\"b\"\", c\"\r\n"
            "1970-01-01T00:02:00Z,,\r\n");
}

TEST(QueryTable, WhatIsNoAnswerIsSaidSo) {
  for (const auto* text : {"", "[]", "{}", R"x({"columns":[],"rows":[[1]]})x", "<html>"}) {
    EXPECT_FALSE(query_table(text, Layout::kCourses).has_value()) << text;
    EXPECT_FALSE(query_csv(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace sightglass::app
