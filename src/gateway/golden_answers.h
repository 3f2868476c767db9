// Answers as providers send them, for tests: one rule of streaming usage each. Texts are made up.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "gateway/answer_reader.h"

namespace sightglass::gateway::golden {

struct Stream {
  std::string name;
  Dialect dialect = Dialect::kOpenAiChat;
  std::vector<std::string> events;  // each event's data; "event:" lines are added for Anthropic
  bool has_usage = true;
  Tokens tokens = {};
  std::string model = {};
  std::int64_t tool_calls = 0;
  std::size_t first_content = 0;  // index of the first event with content
};

inline std::vector<Stream> streams() {
  std::vector<Stream> out;
  out.push_back(
      {.name = "openai chat: usage on a chunk without choices",
       .events =
           {R"({"id":"c","object":"chat.completion.chunk","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"role":"assistant","content":""}}],"usage":null})",
            R"({"id":"c","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{"content":"Hi"}}],"usage":null})",
            R"({"id":"c","model":"gpt-4o-2024-08-06","choices":[{"index":0,"delta":{},"finish_reason":"stop"}],"usage":null})",
            R"({"id":"c","model":"gpt-4o-2024-08-06","choices":[],"usage":{"prompt_tokens":100,"completion_tokens":20,"total_tokens":120,"prompt_tokens_details":{"cached_tokens":64,"audio_tokens":0},"completion_tokens_details":{"reasoning_tokens":5}}})",
            "[DONE]"},
       .tokens = {.input = 36, .cache_read = 64, .output = 20, .reasoning = 5},
       .model = "gpt-4o-2024-08-06",
       .first_content = 1});
  out.push_back(
      {.name = "openai chat: usage on a chunk with choices",
       .events =
           {R"({"model":"m","choices":[{"index":0,"delta":{"role":"assistant"}}]})",
            R"({"model":"m","choices":[{"index":0,"delta":{"content":"a \"usage\": b"}}]})",
            R"({"model":"m","choices":[{"index":0,"delta":{}}],"usage":{"prompt_tokens":7,"completion_tokens":3}})"},
       .tokens = {.input = 7, .output = 3},
       .model = "m",
       .first_content = 1});
  out.push_back(
      {.name = "openai chat: the last usage that is not null wins",
       .events =
           {R"({"model":"m","choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":7,"completion_tokens":1}})",
            R"({"model":"m","choices":[{"index":0,"delta":{"content":"y"}}],"usage":{"prompt_tokens":7,"completion_tokens":2}})",
            R"({"model":"m","choices":[{"index":0,"delta":{"content":"z"}}],"usage":null})",
            "[DONE]"},
       .tokens = {.input = 7, .output = 2},
       .model = "m"});
  out.push_back(
      {.name = "openai chat: no usage at all",
       .events = {R"({"model":"m","choices":[{"index":0,"delta":{"content":"x"}}]})", "[DONE]"},
       .has_usage = false,
       .model = "m"});
  out.push_back(
      {.name = "openai chat: reasoning delta is content; two tool calls in pieces",
       .events =
           {R"({"model":"m","choices":[{"index":0,"delta":{"role":"assistant","content":null}}]})",
            R"({"model":"m","choices":[{"index":0,"delta":{"reasoning_content":"hm"}}]})",
            R"({"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]}}]})",
            R"({"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{}"}}]}}]})",
            R"({"model":"m","choices":[{"index":0,"delta":{"tool_calls":[{"index":1,"id":"b","function":{"name":"g"}}]}}]})",
            R"({"model":"m","choices":[],"usage":{"prompt_tokens":1,"completion_tokens":9,"completion_tokens_details":{"reasoning_tokens":4}}})"},
       .tokens = {.input = 1, .output = 9, .reasoning = 4},
       .model = "m",
       .tool_calls = 2,
       .first_content = 1});
  out.push_back(
      {.name = "openai chat: reasoning outside completion_tokens, as the total says",
       .events =
           {R"({"model":"g","choices":[{"index":0,"delta":{"content":"x"}}]})",
            R"({"model":"g","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":113,"completion_tokens_details":{"reasoning_tokens":100}}})"},
       .tokens = {.input = 10, .output = 103, .reasoning = 100},
       .model = "g"});
  out.push_back(
      {.name = "openai chat: DeepSeek names its cache hits otherwise",
       .events =
           {R"({"model":"d","choices":[{"index":0,"delta":{"content":"x"}}],"usage":{"prompt_tokens":10,"completion_tokens":3,"prompt_cache_hit_tokens":4,"prompt_cache_miss_tokens":6}})"},
       .tokens = {.input = 6, .cache_read = 4, .output = 3},
       .model = "d"});
  out.push_back(
      {.name = "openai completions",
       .dialect = Dialect::kOpenAiCompletions,
       .events = {R"({"model":"i","choices":[{"index":0,"text":""}]})",
                  R"({"model":"i","choices":[{"index":0,"text":"x"}]})",
                  R"({"model":"i","choices":[],"usage":{"prompt_tokens":2,"completion_tokens":1}})",
                  "[DONE]"},
       .tokens = {.input = 2, .output = 1},
       .model = "i",
       .first_content = 1});
  const std::string responses_usage =
      R"("usage":{"input_tokens":50,"input_tokens_details":{"cached_tokens":30},"output_tokens":12,"output_tokens_details":{"reasoning_tokens":8},"total_tokens":62}})";
  for (const std::string end : {"completed", "incomplete", "failed"}) {
    out.push_back(
        {.name = "openai responses: usage in response." + end,
         .dialect = Dialect::kOpenAiResponses,
         .events =
             {R"({"type":"response.created","response":{"id":"r","model":"gpt-5","usage":null,"output":[]}})",
              R"({"type":"response.output_item.added","output_index":0,"item":{"type":"function_call","name":"f"}})",
              R"({"type":"response.function_call_arguments.delta","delta":"{\"a\""})",
              R"({"type":"response.output_item.done","output_index":0,"item":{"type":"function_call","name":"f"}})",
              R"({"type":"response.output_text.delta","delta":"x"})",
              R"({"type":"response.)" + end +
                  R"(","response":{"id":"r","model":"gpt-5","output":[{"type":"function_call"},{"type":"message"}],)" +
                  responses_usage + "}"},
         .tokens = {.input = 20, .cache_read = 30, .output = 12, .reasoning = 8},
         .model = "gpt-5",
         .tool_calls = 1,
         .first_content = 2});
  }
  out.push_back(
      {.name = "anthropic: base, then cumulative; replaced field by field, never added",
       .dialect = Dialect::kAnthropicMessages,
       .events =
           {R"({"type":"message_start","message":{"id":"a","model":"claude-sonnet-4-5","content":[],"usage":{"input_tokens":25,"cache_creation_input_tokens":100,"cache_read_input_tokens":40,"cache_creation":{"ephemeral_5m_input_tokens":70,"ephemeral_1h_input_tokens":30},"output_tokens":1,"service_tier":"standard"}}})",
            R"({"type":"ping"})",
            R"({"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}})",
            R"({"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi"}})",
            R"({"type":"content_block_start","index":1,"content_block":{"type":"tool_use","id":"t","name":"f","input":{}}})",
            R"({"type":"content_block_delta","index":1,"delta":{"type":"input_json_delta","partial_json":"{}"}})",
            R"({"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":15}})",
            R"({"type":"message_stop"})"},
       .tokens = {.input = 25,
                  .cache_read = 40,
                  .cache_write_5m = 70,
                  .cache_write_1h = 30,
                  .output = 15},
       .model = "claude-sonnet-4-5",
       .tool_calls = 1,
       .first_content = 3});
  out.push_back(
      {.name = "anthropic: cache fields only in message_delta, zero is not absent",
       .dialect = Dialect::kAnthropicMessages,
       .events =
           {R"({"type":"message_start","message":{"model":"c","usage":{"input_tokens":25,"cache_read_input_tokens":9,"output_tokens":1}}})",
            R"({"type":"content_block_delta","index":0,"delta":{"type":"thinking_delta","thinking":"hm"}})",
            R"({"type":"message_delta","delta":{},"usage":{"input_tokens":20,"cache_read_input_tokens":0,"cache_creation_input_tokens":5,"output_tokens":8}})",
            R"({"type":"message_stop"})"},
       .tokens = {.input = 20, .cache_write_5m = 5, .output = 8},
       .model = "c",
       .first_content = 1});
  out.push_back(
      {.name = "gemini: thoughts stand beside the output and are added",
       .dialect = Dialect::kGemini,
       .events =
           {R"({"candidates":[{"content":{"parts":[{"text":"a"}],"role":"model"}}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":1,"totalTokenCount":11},"modelVersion":"gemini-2.5-flash"})",
            R"({"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}],"usageMetadata":{"promptTokenCount":10,"cachedContentTokenCount":4,"candidatesTokenCount":3,"thoughtsTokenCount":7,"totalTokenCount":20},"modelVersion":"gemini-2.5-flash"})"},
       .tokens = {.input = 6, .cache_read = 4, .output = 10, .reasoning = 7},
       .model = "gemini-2.5-flash",
       .tool_calls = 1});
  return out;
}

// The stream's bytes with this line ending.
inline std::string text_of(const Stream& stream, std::string_view line_end) {
  std::string out;
  for (const auto& data : stream.events) {
    if (stream.dialect == Dialect::kAnthropicMessages) {
      out.append("event: x").append(line_end);
    }
    out.append("data: ").append(data).append(line_end).append(line_end);
  }
  return out;
}

struct Body {
  std::string name;
  Dialect dialect = Dialect::kOpenAiChat;
  std::string json;
  Tokens tokens = {};
  std::string model = {};
  std::int64_t tool_calls = 0;
};

inline std::vector<Body> bodies() {
  return {
      {"openai chat",
       Dialect::kOpenAiChat,
       R"({"id":"c","model":"gpt-4o","choices":[{"index":0,"message":{"role":"assistant","content":null,"tool_calls":[{"id":"1","type":"function"},{"id":"2","type":"function"}]}},{"index":1,"message":{"tool_calls":[{"id":"3"}]}}],"usage":{"prompt_tokens":9,"completion_tokens":4,"prompt_tokens_details":{"cached_tokens":2}}})",
       {.input = 7, .cache_read = 2, .output = 4},
       "gpt-4o",
       3},
      {"openai completions",
       Dialect::kOpenAiCompletions,
       R"({"model":"i","choices":[{"text":"x"}],"usage":{"prompt_tokens":3,"completion_tokens":1}})",
       {.input = 3, .output = 1},
       "i",
       0},
      {"openai embeddings",
       Dialect::kOpenAiEmbeddings,
       R"({"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"text-embedding-3-small","usage":{"prompt_tokens":8,"total_tokens":8}})",
       {.input = 8},
       "text-embedding-3-small",
       0},
      {"openai responses",
       Dialect::kOpenAiResponses,
       R"({"model":"gpt-5","output":[{"type":"reasoning"},{"type":"function_call"},{"type":"message"}],"usage":{"input_tokens":5,"input_tokens_details":{"cached_tokens":1},"output_tokens":6,"output_tokens_details":{"reasoning_tokens":2}}})",
       {.input = 4, .cache_read = 1, .output = 6, .reasoning = 2},
       "gpt-5",
       1},
      {"openai transcription",
       Dialect::kOpenAiAudio,
       R"({"text":"x","usage":{"type":"tokens","input_tokens":14,"input_token_details":{"text_tokens":4,"audio_tokens":10},"output_tokens":45}})",
       {.input = 14, .output = 45, .input_audio = 10},
       "",
       0},
      {"anthropic",
       Dialect::kAnthropicMessages,
       R"({"type":"message","model":"claude-opus-5","content":[{"type":"text","text":"x"},{"type":"tool_use","id":"t"}],"usage":{"input_tokens":5,"cache_creation_input_tokens":3,"cache_read_input_tokens":2,"output_tokens":6}})",
       {.input = 5, .cache_read = 2, .cache_write_5m = 3, .output = 6},
       "claude-opus-5",
       1},
      {"gemini",
       Dialect::kGemini,
       R"([{"candidates":[],"usageMetadata":{"promptTokenCount":1}},{"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":2,"thoughtsTokenCount":1},"modelVersion":"g"}])",
       {.input = 3, .output = 3, .reasoning = 1},
       "g",
       0},
  };
}

}  // namespace sightglass::gateway::golden
