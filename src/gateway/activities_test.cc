// What the gateway tells beside a call itself: the tools that its answer calls, by name alone, and
// the files that go up, by size and type alone.
#include <gtest/gtest.h>

#include "gateway/answer_reader.h"
#include "gateway/json_scratch.h"
#include "gateway/proxy_fixture.h"
#include "gateway/upload.h"

namespace sightglass::gateway {
namespace {

using http::post;
using http::TestClient;

// ---- names in answers ---------------------------------------------------------------------------

std::vector<std::string> names_in(Dialect dialect, const std::vector<std::string>& events,
                                  const std::string& body = {}) {
  AnswerReader reader;
  JsonScratch scratch;
  reader.start(dialect);
  for (const auto& event : events) reader.event(event, scratch);
  if (!body.empty()) reader.body(body, scratch);
  std::vector<std::string> out;
  for (std::size_t i = 0; i < reader.named_calls(); ++i) out.emplace_back(reader.tool_name(i));
  EXPECT_EQ(static_cast<std::int64_t>(out.size()), reader.tool_calls());
  EXPECT_EQ(reader.unparsable(), 0u);
  return out;
}

using Names = std::vector<std::string>;

TEST(ToolNames, OfOpenAiChat) {
  EXPECT_EQ(
      names_in(Dialect::kOpenAiChat, {},
               R"({"choices":[{"index":0,"message":{"tool_calls":[{"id":"1","type":"function",)"
               R"("function":{"name":"weather","arguments":"{\"a\":1}"}},{"id":"2","function":)"
               R"({"arguments":"{}","name":"search"}}]}},{"index":1,"message":{"tool_calls":)"
               R"([{"function":{"name":"weather"}}]}}]})"),
      (Names{"weather", "search", "weather"}));
  // In a stream the name stands in the first piece of a call.
  EXPECT_EQ(
      names_in(
          Dialect::kOpenAiChat,
          {R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":""}}]}}]})",
           R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"name\":\"x\"}"}}]}}]})",
           R"({"choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"function":{"name":"g"}}]}}]})",
           "[DONE]"}),
      (Names{"f", "g"}));
  EXPECT_EQ(
      names_in(Dialect::kOpenAiChat, {},
               R"({"choices":[{"message":{"function_call":{"name":"old","arguments":""}}}]})"),
      Names{"old"});
}

TEST(ToolNames, OfAnthropicMessages) {
  EXPECT_EQ(names_in(Dialect::kAnthropicMessages, {},
                     R"({"type":"message","content":[{"type":"text","text":"name"},)"
                     R"({"type":"tool_use","id":"t","name":"weather","input":{"name":"x"}},)"
                     R"({"type":"tool_use","name":"search"}]})"),
            (Names{"weather", "search"}));
  EXPECT_EQ(
      names_in(
          Dialect::kAnthropicMessages,
          {R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
           R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}})",
           R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{\"name\":\"x\"}"}})",
           R"({"type":"content_block_start","index":2,"content_block":{"type":"tool_use","name":"f"}})"}),
      (Names{"f", "f"}));
}

// The end of the stream tells all items again.
TEST(ToolNames, OfOpenAiResponses) {
  EXPECT_EQ(
      names_in(
          Dialect::kOpenAiResponses,
          {R"({"type":"response.output_item.added","item":{"type":"function_call","name":"f"}})",
           R"({"type":"response.output_item.done","item":{"type":"function_call","name":"f","arguments":"{}"}})",
           R"({"type":"response.output_item.added","item":{"type":"custom_tool_call","name":"g"}})",
           R"({"type":"response.completed","response":{"output":[{"type":"message"},{"type":"function_call","name":"f"},{"type":"custom_tool_call","name":"g"}]}})"}),
      (Names{"f", "g"}));
  EXPECT_EQ(names_in(Dialect::kOpenAiResponses, {},
                     R"({"output":[{"type":"reasoning"},{"type":"function_call","name":"h"}]})"),
            Names{"h"});
}

TEST(ToolNames, OfGemini) {
  EXPECT_EQ(names_in(Dialect::kGemini, {},
                     R"({"candidates":[{"content":{"parts":[{"text":"a"},{"functionCall":)"
                     R"({"name":"weather","args":{"name":"x"}}}]}}]})"),
            Names{"weather"});
}

TEST(ToolNames, AreBoundedInNumberAndLength) {
  std::string body = R"({"content":[)";
  for (int i = 0; i < 300; ++i) {
    body += std::string(i == 0 ? "" : ",") + R"({"type":"tool_use","name":"t)" + std::to_string(i) +
            R"("})";
  }
  body += "]}";
  AnswerReader reader;
  JsonScratch scratch;
  reader.start(Dialect::kAnthropicMessages);
  reader.body(body, scratch);
  EXPECT_EQ(reader.tool_calls(), 300);
  EXPECT_EQ(reader.named_calls(), AnswerReader::kMaxNamed);
  reader.start(Dialect::kAnthropicMessages);
  reader.body(R"({"content":[{"type":"tool_use","name":")" + std::string(129, 'x') + R"("}]})",
              scratch);
  EXPECT_EQ(reader.tool_name(0), "");
}

// ---- the records --------------------------------------------------------------------------------

constexpr std::string_view kAnswer =
    R"({"model":"gpt-4o","choices":[{"message":{"content":"CANARY7f3a","tool_calls":[)"
    R"({"function":{"name":"weather","arguments":"CANARY7f3a"}},)"
    R"({"function":{"name":"CANARY7f3a","arguments":"{}"}}]}}],)"
    R"("usage":{"prompt_tokens":1,"completion_tokens":1}})";

// S1-E02, S1-F12: one for each call of a good answer; a name that the request did not offer is a
// model's own word and is not told.
TEST(Activities, EachToolThatAnAnswerCallsIsARecordWithItsNameAlone) {
  CapturingProvider provider(answer_with(kAnswer));
  Proxy proxy(config_for(provider.port()), activity_catalogue());
  TestClient client(proxy.port());
  const std::string offered =
      R"({"model":"gpt-4o","tools":[{"type":"function","function":{"name":"weather",)"
      R"("description":"CANARY7f3a","parameters":{"name":"CANARY7f3a"}}}],"messages":[]})";
  const std::string fields = std::string(kOwnKey) + "x-user-id: alice@example.com\r\n";
  EXPECT_EQ(client.ask(post("/v1/chat/completions", offered, fields)).status, 200);
  proxy.records().terminals(1);
  const auto calls = [&] { return proxy.records().named("tool_call"); };
  EXPECT_TRUE(http::eventually([&] { return calls().size() >= 2; }));
  ASSERT_EQ(calls().size(), 2u);
  EXPECT_EQ(calls()[0]["tool_name"], "weather");
  EXPECT_EQ(calls()[1]["tool_name"], "");
  EXPECT_TRUE(calls()[0]["user_id"].starts_with("u:"));
  EXPECT_EQ(calls()[0]["request_id"], proxy.records().terminals(1)[0]["request_id"]);
  EXPECT_EQ(proxy.records().bytes().find("CANARY7f3a"), std::string::npos);
}

TEST(Activities, ACallThatFailedTellsOfNoTool) {
  CapturingProvider provider(answer_with(kAnswer, {}, "500 Oops"));
  Proxy proxy(config_for(provider.port()), activity_catalogue());
  TestClient client(proxy.port());
  client.ask(post("/v1/chat/completions", R"({"model":"gpt-4o","messages":[]})", kOwnKey));
  proxy.records().terminals(1);
  // The record of a tool would follow its terminal; another request makes sure of that.
  client.ask(post("/v1/chat/completions", R"({"model":"gpt-4o","messages":[]})", kOwnKey));
  proxy.records().terminals(2);
  EXPECT_TRUE(proxy.records().named("tool_call").empty());
}

// ---- files --------------------------------------------------------------------------------------

constexpr std::string_view kForm = "multipart/form-data; boundary=\"b 1\"";
std::string form_with(std::string_view content) {
  return "--b 1\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
         "--b 1\r\nContent-Disposition: form-data; name=\"file\"; filename=\"CANARY7f3a.pdf\"\r\n"
         "content-type: application/pdf\r\n\r\n" +
         std::string(content) + "\r\n--b 1--\r\n";
}

TEST(Upload, IsTheFirstPartWithAFileName) {
  const std::string content("%PDF \r\n--b 2\r\n\0 x", 17);
  const auto upload = read_upload(kForm, form_with(content));
  EXPECT_EQ(upload.size_bytes, content.size());
  EXPECT_EQ(upload.content_type, "application/pdf");
  EXPECT_EQ(read_upload(kForm, form_with("")).size_bytes, 0u);
  const auto extended = read_upload(
      "Multipart/Form-Data; charset=x; Boundary=q",
      "preamble\r\n--q\r\nCONTENT-DISPOSITION: form-data; name=f; filename*=UTF-8''x\r\n\r\nabc"
      "\r\n--q--");
  EXPECT_EQ(extended.size_bytes, 3u);
  EXPECT_EQ(extended.content_type, "");
}

TEST(Upload, OfABodyWithoutSuchAPartIsTheWhole) {
  EXPECT_EQ(read_upload("application/pdf", "12345").size_bytes, 5u);
  EXPECT_EQ(read_upload("text/plain; charset=utf-8", "x").content_type,
            "text/plain; charset=utf-8");
  EXPECT_EQ(read_upload("", "x").content_type, "");
  EXPECT_EQ(read_upload("multipart/form-data", "--b\r\n").size_bytes, 5u) << "no boundary";
  EXPECT_EQ(read_upload("multipart/form-data; boundary=b", "nothing of it").size_bytes, 13u);
  EXPECT_EQ(read_upload("multipart/form-data; boundary=b",
                        "--b\r\nContent-Disposition: form-data; name=a\r\n\r\nx\r\n--b--")
                .content_type,
            "");
  EXPECT_EQ(read_upload(std::string(200, 'x'), "x").content_type, "") << "no MIME type is so long";
}

TEST(Upload, GoesToAPathThatEndsInFiles) {
  for (const auto* path : {"/v1/files", "/files/", "/upload/v1beta/files", "files", "/files?x=1"}) {
    EXPECT_TRUE(is_files_path(path)) << path;
  }
  for (const auto* path : {"/v1/files/abc", "/v1/profiles", "/v1/files/abc/content", ""}) {
    EXPECT_FALSE(is_files_path(path)) << path;
  }
}

// S1-E04, S1-F14, S1-F15, S1-R03
TEST(Activities, AFileThatGoesUpIsARecordOfItsSizeAndType) {
  CapturingProvider provider(answer_with(R"({"id":"file-1","filename":"CANARY7f3a.pdf"})"));
  Proxy proxy(config_for(provider.port()), activity_catalogue());
  TestClient client(proxy.port());
  const auto fields = std::string(kOwnKey) + "Content-Type: " + std::string(kForm) + "\r\n";
  EXPECT_EQ(client.ask(post("/providers/openai/v1/files", form_with("0123456789"), fields)).status,
            200);
  // Near misses: another path, and another method.
  client.ask(post("/providers/openai/v1/files/f/cancel", form_with("0123456789"), fields));
  client.ask("GET /providers/openai/v1/files HTTP/1.1\r\nHost: localhost\r\n" +
             std::string(kOwnKey) + "\r\n");
  proxy.records().terminals(3);
  const auto uploads = proxy.records().named("file_upload");
  ASSERT_EQ(uploads.size(), 1u);
  EXPECT_EQ(uploads[0]["file_size"], "10");
  EXPECT_EQ(uploads[0]["content_type"], "application/pdf");
  EXPECT_EQ(proxy.records().bytes().find("CANARY7f3a"), std::string::npos);
}

TEST(Activities, AFileThatWasRefusedDidNotGoUp) {
  CapturingProvider provider(answer_with("{}", {}, "400 Bad Request"));
  Proxy proxy(config_for(provider.port()), activity_catalogue());
  TestClient client(proxy.port());
  for (int i = 0; i < 2; ++i) {
    client.ask(post("/providers/openai/v1/files", "x", kOwnKey));
    proxy.records().terminals(static_cast<std::size_t>(i) + 1);
  }
  EXPECT_TRUE(proxy.records().named("file_upload").empty());
}

}  // namespace
}  // namespace sightglass::gateway
