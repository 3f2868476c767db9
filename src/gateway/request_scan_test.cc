#include "gateway/request_scan.h"

#include <gtest/gtest.h>

#include <string>

namespace sightglass::gateway {
namespace {

struct Scanned {
  bool good = false;
  RequestScan scan;
};

Scanned scan(std::string body, Dialect dialect = Dialect::kOpenAiChat) {
  Scanned out;
  body.reserve(body.size() + kJsonPadding);
  JsonScratch scratch;
  out.good = scan_request(body, dialect, scratch, out.scan);
  return out;
}

TEST(RequestScan, TakesTheFewMembersThatMatter) {
  const auto s = scan(R"({"model":"gpt-4o","stream":true,"max_tokens":17,"user":"u-1",
    "service_tier":"flex","metadata":{"session_id":"s-1","x":[1]},
    "tools":[{"type":"function"},{"type":"function"}],"tool_choice":"auto",
    "messages":[{"role":"system","content":"a"},{"role":"user","content":"b"}]})");
  ASSERT_TRUE(s.good);
  EXPECT_EQ(s.scan.model, "gpt-4o");
  EXPECT_TRUE(s.scan.stream);
  EXPECT_EQ(s.scan.max_tokens, 17);
  EXPECT_EQ(s.scan.user_id, "u-1");
  EXPECT_EQ(s.scan.session_id, "s-1");
  EXPECT_EQ(s.scan.service_tier, "flex");
  EXPECT_EQ(s.scan.tool_count, 2);
  EXPECT_TRUE(s.scan.tool_choice);
  EXPECT_EQ(s.scan.message_count, 2);
}

TEST(RequestScan, CountsToolTrafficOfChatMessages) {
  const auto s = scan(R"({"messages":[
    {"role":"assistant","tool_calls":[{"id":"1"},{"id":"2"}]},
    {"role":"tool","tool_call_id":"1","content":"x"},{"role":"tool","content":"y"}]})");
  EXPECT_EQ(s.scan.tool_uses, 2);
  EXPECT_EQ(s.scan.tool_results, 2);
  EXPECT_EQ(s.scan.message_count, 3);
}

TEST(RequestScan, CountsSystemBlocksAndToolBlocksOfAnthropicMessages) {
  const auto s = scan(R"({"system":[{"type":"text","text":"a"},{"type":"text","text":"b"}],
    "messages":[{"role":"assistant","content":[{"type":"text"},{"type":"tool_use"}]},
                {"role":"user","content":[{"type":"tool_result"},{"type":"tool_result"}]}],
    "metadata":{"user_id":"person"}})",
                      Dialect::kAnthropicMessages);
  EXPECT_EQ(s.scan.message_count, 4);
  EXPECT_EQ(s.scan.tool_uses, 1);
  EXPECT_EQ(s.scan.tool_results, 2);
  EXPECT_EQ(s.scan.user_id, "person");
  EXPECT_EQ(scan(R"({"system":"s","messages":[]})", Dialect::kAnthropicMessages).scan.message_count,
            1);
}

TEST(RequestScan, CountsTheItemsOfAResponsesRequest) {
  const auto s = scan(R"({"input":[{"role":"user","content":"x"},{"type":"function_call"},
    {"type":"function_call_output"}],"max_output_tokens":9})",
                      Dialect::kOpenAiResponses);
  EXPECT_EQ(s.scan.message_count, 1);
  EXPECT_EQ(s.scan.tool_uses, 1);
  EXPECT_EQ(s.scan.tool_results, 1);
  EXPECT_EQ(s.scan.max_tokens, 9);
  EXPECT_EQ(scan(R"({"input":"x"})", Dialect::kOpenAiResponses).scan.message_count, 1);
}

TEST(RequestScan, TellsAnOpenUsageWishFromAnExplicitOne) {
  EXPECT_EQ(scan(R"({"stream":true})").scan.usage_wish, UsageWish::kOpen);
  EXPECT_EQ(scan(R"({"stream_options":null})").scan.usage_wish, UsageWish::kOpen);
  EXPECT_EQ(scan(R"({"stream_options":{}})").scan.usage_wish, UsageWish::kOpen);
  EXPECT_EQ(scan(R"({"stream_options":{"include_usage":null}})").scan.usage_wish, UsageWish::kOpen);
  EXPECT_EQ(scan(R"({"stream_options":{"include_usage":false}})").scan.usage_wish,
            UsageWish::kExplicit);
  EXPECT_EQ(scan(R"({"stream_options":{"include_usage":true}})").scan.usage_wish,
            UsageWish::kExplicit);
  EXPECT_EQ(scan(R"({"stream_options":[]})").scan.usage_wish, UsageWish::kExplicit);
}

TEST(RequestScan, LetsTheLastDuplicateWin) {
  const auto s = scan(R"({"model":"a","stream":true,"model":"b","stream":false})");
  EXPECT_EQ(s.scan.model, "b");
  EXPECT_FALSE(s.scan.stream);
}

TEST(RequestScan, UnderstandsEscapedNames) {
  EXPECT_EQ(scan(R"({"mod\u0065l":"gpt\u002d4o"})").scan.model, "gpt-4o");
}

TEST(RequestScan, RefusesWhatIsNoJsonObject) {
  for (const auto* body : {"", "[]", "\"x\"", "{", R"({"model":"x")", R"({"model":"x"} y)",
                           R"({"model" "x"})", R"({"messages":[)", "\xff{}", "null"}) {
    EXPECT_FALSE(scan(body).good) << body;
  }
}

TEST(RequestScan, KeepsNoNameThatIsTooLongToBeOne) {
  EXPECT_EQ(scan("{\"model\":\"" + std::string(300, 'm') + "\"}").scan.model, "");
}

TEST(RequestScan, TakesOddTypesForAbsent) {
  const auto s = scan(R"({"model":7,"stream":"yes","max_tokens":-1,"tools":3,"messages":{"a":1},
    "metadata":[],"user":null,"tool_choice":null})");
  ASSERT_TRUE(s.good);
  EXPECT_EQ(s.scan.model, "");
  EXPECT_FALSE(s.scan.stream);
  EXPECT_EQ(s.scan.max_tokens, std::nullopt);
  EXPECT_EQ(s.scan.tool_count, 0);
  EXPECT_FALSE(s.scan.tool_choice);
}

}  // namespace
}  // namespace sightglass::gateway
