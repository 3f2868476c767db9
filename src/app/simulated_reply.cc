#include "app/simulated_reply.h"

#include <algorithm>
#include <array>

#include "app/simulated_request.h"
#include "base/json_writer.h"
#include "base/text.h"

namespace sightglass::app {
namespace {

constexpr std::int64_t kCreated = 1'760'000'000;  // fixed: the same request, the same bytes

// The provider's own price list, in pico-dollars a token: input, cache read, cache write 5 min,
// cache write 1 h, output. Public list prices; stated here a second time on purpose.
struct ListPrice {
  std::string_view model;
  std::array<std::int64_t, 5> pico;
};
constexpr ListPrice kListPrices[] = {
    {"gpt-4o", {2'500'000, 1'250'000, 0, 0, 10'000'000}},
    {"gpt-4o-mini", {150'000, 75'000, 0, 0, 600'000}},
    {"text-embedding-3-small", {20'000, 0, 0, 0, 0}},
    {"claude-sonnet-4-5", {3'000'000, 300'000, 3'750'000, 6'000'000, 15'000'000}},
    {"claude-haiku-4-5", {1'000'000, 100'000, 1'250'000, 2'000'000, 5'000'000}},
};

std::int64_t half_even_thousandth(std::int64_t pico) {
  const std::int64_t whole = pico / 1000;
  const std::int64_t rest = pico % 1000;
  if (rest > 500 || (rest == 500 && whole % 2 != 0)) return whole + 1;
  return whole;
}

void price(Bill& bill) {
  for (const auto& [model, pico] : kListPrices) {
    if (model != bill.model) continue;
    bill.priced = true;
    bill.cost_nanousd = half_even_thousandth(bill.input * pico[0] + bill.cache_read * pico[1] +
                                             bill.cache_write_5m * pico[2] +
                                             bill.cache_write_1h * pico[3] + bill.output * pico[4]);
  }
}

Bill make_bill(const Asked& asked, const Faults& faults) {
  const auto& d = asked.directives;
  Bill bill;
  bill.model = asked.model;
  const std::int64_t tokens = d.number("tokens", asked.max_tokens.value_or(16));
  bill.output = std::clamp<std::int64_t>(tokens, 0, asked.max_tokens.value_or(tokens));
  bill.reasoning = std::min(bill.output, d.number("reasoning", 0));
  std::int64_t cached = d.number("cached", 0);
  if (faults.standard && asked.hash % 10 == 3) cached = asked.prompt_words / 2;
  bill.cache_read = std::min(cached, asked.prompt_words);
  bill.cache_write_5m = std::min(d.number("write5m", 0), asked.prompt_words - bill.cache_read);
  bill.cache_write_1h =
      std::min(d.number("write1h", 0), asked.prompt_words - bill.cache_read - bill.cache_write_5m);
  bill.input = asked.prompt_words - bill.cache_read - bill.cache_write_5m - bill.cache_write_1h;
  price(bill);
  return bill;
}

std::string words(std::int64_t count) {
  std::string out;
  out.reserve(static_cast<std::size_t>(count) * 4);
  for (std::int64_t i = 0; i < count; ++i) out += i == 0 ? "tok" : " tok";
  return out;
}

// The answer's words over `pieces` chunks, as evenly as they go.
std::vector<std::string> split_words(std::int64_t count, std::int64_t pieces) {
  std::vector<std::string> out;
  pieces = std::clamp<std::int64_t>(pieces, 1, std::max<std::int64_t>(1, count));
  for (std::int64_t i = 0; i < pieces; ++i) {
    const std::int64_t from = count * i / pieces;
    const std::int64_t to = count * (i + 1) / pieces;
    std::string piece = words(to - from);
    if (i > 0 && !piece.empty()) piece.insert(0, " ");
    out.push_back(std::move(piece));
  }
  return out;
}

std::string id_of(std::string_view prefix, const Asked& asked) {
  std::string bytes(reinterpret_cast<const char*>(&asked.hash), sizeof asked.hash);
  return std::string(prefix) + to_hex(bytes) + to_hex(bytes);
}

// ---- OpenAI chat ------------------------------------------------------------------------------

void chat_usage(JsonWriter& json, const Bill& bill) {
  const auto input = bill.input + bill.cache_read + bill.cache_write_5m + bill.cache_write_1h;
  json.begin_object().key("prompt_tokens").integer(input);
  json.key("completion_tokens").integer(bill.output);
  json.key("total_tokens").integer(input + bill.output);
  json.key("prompt_tokens_details").begin_object().key("cached_tokens").integer(bill.cache_read);
  json.key("audio_tokens").integer(0).end_object();
  json.key("completion_tokens_details").begin_object();
  json.key("reasoning_tokens").integer(bill.reasoning).key("audio_tokens").integer(0);
  json.end_object().end_object();
}

void tool_call(JsonWriter& json, std::int64_t index, bool with_index) {
  json.begin_object();
  if (with_index) json.key("index").integer(index);
  json.key("id").string("call_" + std::to_string(index)).key("type").string("function");
  json.key("function").begin_object().key("name").string("lookup");
  json.key("arguments").string("{\"q\":\"x\"}").end_object().end_object();
}

std::string chat_body(const Asked& asked, const Bill& bill) {
  const auto tools = asked.directives.number("tools", 0);
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("id").string(id_of("chatcmpl-", asked));
  json.key("object").string("chat.completion").key("created").integer(kCreated);
  json.key("model").string(asked.model).key("choices").begin_array().begin_object();
  json.key("index").integer(0).key("message").begin_object().key("role").string("assistant");
  json.key("content").string(words(bill.output)).key("refusal").null();
  if (tools > 0) {
    json.key("tool_calls").begin_array();
    for (std::int64_t i = 0; i < tools; ++i) tool_call(json, i, false);
    json.end_array();
  }
  json.end_object().key("logprobs").null();
  json.key("finish_reason").string(tools > 0 ? "tool_calls" : "stop").end_object().end_array();
  json.key("usage");
  chat_usage(json, bill);
  json.key("system_fingerprint").string("fp_simulated").end_object();
  return out;
}

struct ChatChunk {
  std::string_view content = {};
  bool role = false;
  std::int64_t tool = -1;
  std::string_view finish = {};
};

std::string chat_chunk(const Asked& asked, const ChatChunk& chunk, const Bill* usage,
                       bool null_usage) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("id").string(id_of("chatcmpl-", asked));
  json.key("object").string("chat.completion.chunk").key("created").integer(kCreated);
  json.key("model").string(asked.model).key("system_fingerprint").string("fp_simulated");
  json.key("choices").begin_array().begin_object().key("index").integer(0);
  json.key("delta").begin_object();
  if (chunk.role) json.key("role").string("assistant").key("content").string("");
  if (!chunk.content.empty()) json.key("content").string(chunk.content);
  if (chunk.tool >= 0) {
    json.key("tool_calls").begin_array();
    tool_call(json, chunk.tool, true);
    json.end_array();
  }
  json.end_object().key("logprobs").null().key("finish_reason");
  if (chunk.finish.empty())
    json.null();
  else
    json.string(chunk.finish);
  json.end_object().end_array();
  if (usage != nullptr) {
    json.key("usage");
    chat_usage(json, *usage);
  } else if (null_usage) {
    json.key("usage").null();
  }
  json.end_object();
  return out;
}

std::string usage_chunk(const Asked& asked, const Bill& bill) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("id").string(id_of("chatcmpl-", asked));
  json.key("object").string("chat.completion.chunk").key("created").integer(kCreated);
  json.key("model").string(asked.model).key("system_fingerprint").string("fp_simulated");
  json.key("choices").begin_array().end_array().key("usage");
  chat_usage(json, bill);
  json.end_object();
  return out;
}

std::vector<std::string> chat_events(const Asked& asked, const Bill& bill, std::int64_t chunks) {
  const auto& d = asked.directives;
  const bool nulls = asked.include_usage && d.number("nulls", asked.hash % 2 == 0 ? 1 : 0) != 0;
  const auto tools = d.number("tools", 0);
  const bool inline_usage = d.text("usage") == "inline";
  std::vector<std::string> data;
  data.push_back(chat_chunk(asked, {.role = true}, nullptr, nulls));
  for (const auto& piece : split_words(bill.output, chunks)) {
    data.push_back(chat_chunk(asked, {.content = piece}, nullptr, nulls));
  }
  for (std::int64_t i = 0; i < tools; ++i)
    data.push_back(chat_chunk(asked, {.tool = i}, nullptr, nulls));
  data.push_back(chat_chunk(asked, {.finish = tools > 0 ? "tool_calls" : "stop"},
                            inline_usage ? &bill : nullptr, nulls));
  if (asked.include_usage && d.text("usage") != "none" && !inline_usage) {
    data.push_back(usage_chunk(asked, bill));
  }
  data.emplace_back("[DONE]");
  for (auto& one : data) one.insert(0, "data: ");
  return data;
}

// ---- OpenAI responses and embeddings
// -------------------------------------------------------------

std::string response_object(const Asked& asked, const Bill& bill, bool complete) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("id").string(id_of("resp_", asked)).key("object").string("response");
  json.key("created_at")
      .integer(kCreated)
      .key("status")
      .string(complete ? "completed" : "in_progress");
  json.key("model").string(asked.model).key("output").begin_array();
  if (complete) {
    json.begin_object().key("type").string("message").key("id").string(id_of("msg_", asked));
    json.key("status")
        .string("completed")
        .key("role")
        .string("assistant")
        .key("content")
        .begin_array();
    json.begin_object().key("type").string("output_text").key("text").string(words(bill.output));
    json.key("annotations").begin_array().end_array().end_object().end_array().end_object();
  }
  json.end_array().key("usage");
  if (complete) {
    const auto input = bill.input + bill.cache_read + bill.cache_write_5m + bill.cache_write_1h;
    json.begin_object().key("input_tokens").integer(input);
    json.key("input_tokens_details")
        .begin_object()
        .key("cached_tokens")
        .integer(bill.cache_read)
        .end_object();
    json.key("output_tokens").integer(bill.output);
    json.key("output_tokens_details")
        .begin_object()
        .key("reasoning_tokens")
        .integer(bill.reasoning)
        .end_object();
    json.key("total_tokens").integer(input + bill.output).end_object();
  } else {
    json.null();
  }
  json.end_object();
  return out;
}

std::vector<std::string> response_events(const Asked& asked, const Bill& bill,
                                         std::int64_t chunks) {
  std::vector<std::string> events;
  std::int64_t sequence = 0;
  const auto add = [&](std::string_view type, std::string_view fields) {
    events.push_back("event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) +
                     "\",\"sequence_number\":" + std::to_string(sequence++) + "," +
                     std::string(fields) + "}");
  };
  add("response.created", "\"response\":" + response_object(asked, bill, false));
  const std::string item = ",\"item_id\":\"" + id_of("msg_", asked) + "\"";
  for (const auto& piece : split_words(bill.output, chunks)) {
    add("response.output_text.delta",
        "\"output_index\":0,\"content_index\":0" + item + ",\"delta\":\"" + piece + "\"");
  }
  add("response.completed", "\"response\":" + response_object(asked, bill, true));
  return events;
}

std::string embeddings_body(const Asked& asked, const Bill& bill) {
  std::string out;
  JsonWriter json(out);
  json.begin_object().key("object").string("list").key("data").begin_array().begin_object();
  json.key("object").string("embedding").key("index").integer(0).key("embedding").begin_array();
  for (int i = 0; i < 8; ++i) json.number(0.125 * i);
  json.end_array().end_object().end_array().key("model").string(asked.model);
  json.key("usage").begin_object().key("prompt_tokens").integer(bill.input);
  json.key("total_tokens").integer(bill.input).end_object().end_object();
  return out;
}

// ---- Anthropic
// -----------------------------------------------------------------------------------

void messages_usage(JsonWriter& json, const Bill& bill, std::int64_t output) {
  json.begin_object().key("input_tokens").integer(bill.input);
  json.key("cache_creation_input_tokens").integer(bill.cache_write_5m + bill.cache_write_1h);
  json.key("cache_read_input_tokens").integer(bill.cache_read);
  json.key("cache_creation").begin_object();
  json.key("ephemeral_5m_input_tokens").integer(bill.cache_write_5m);
  json.key("ephemeral_1h_input_tokens").integer(bill.cache_write_1h).end_object();
  json.key("output_tokens").integer(output).key("service_tier").string("standard").end_object();
}

void messages_head(JsonWriter& json, const Asked& asked) {
  json.key("id").string(id_of("msg_", asked)).key("type").string("message");
  json.key("role").string("assistant").key("model").string(asked.model);
}

std::string messages_body(const Asked& asked, const Bill& bill) {
  const auto tools = asked.directives.number("tools", 0);
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  messages_head(json, asked);
  json.key("content").begin_array().begin_object().key("type").string("text");
  json.key("text").string(words(bill.output)).end_object();
  for (std::int64_t i = 0; i < tools; ++i) {
    json.begin_object()
        .key("type")
        .string("tool_use")
        .key("id")
        .string("toolu_" + std::to_string(i));
    json.key("name")
        .string("lookup")
        .key("input")
        .begin_object()
        .key("q")
        .string("x")
        .end_object()
        .end_object();
  }
  json.end_array().key("stop_reason").string(tools > 0 ? "tool_use" : "end_turn");
  json.key("stop_sequence").null().key("usage");
  messages_usage(json, bill, bill.output);
  json.end_object();
  return out;
}

std::vector<std::string> messages_events(const Asked& asked, const Bill& bill,
                                         std::int64_t chunks) {
  const auto tools = asked.directives.number("tools", 0);
  std::vector<std::string> events;
  const auto add = [&](std::string_view type, std::string_view fields) {
    events.push_back("event: " + std::string(type) + "\ndata: {\"type\":\"" + std::string(type) +
                     "\"" + (fields.empty() ? "" : ",") + std::string(fields) + "}");
  };
  std::string start;
  {
    JsonWriter json(start);
    json.begin_object();
    messages_head(json, asked);
    json.key("content")
        .begin_array()
        .end_array()
        .key("stop_reason")
        .null()
        .key("stop_sequence")
        .null();
    json.key("usage");
    messages_usage(json, bill, 1);
    json.end_object();
  }
  add("message_start", "\"message\":" + start);
  add("content_block_start", R"("index":0,"content_block":{"type":"text","text":""})");
  add("ping", "");
  for (const auto& piece : split_words(bill.output, chunks)) {
    add("content_block_delta",
        R"("index":0,"delta":{"type":"text_delta","text":")" + piece + "\"}");
  }
  add("content_block_stop", "\"index\":0");
  for (std::int64_t i = 0; i < tools; ++i) {
    const auto index = "\"index\":" + std::to_string(i + 1);
    add("content_block_start", index + R"(,"content_block":{"type":"tool_use","id":"toolu_)" +
                                   std::to_string(i) + R"(","name":"lookup","input":{}})");
    add("content_block_delta",
        index + R"(,"delta":{"type":"input_json_delta","partial_json":"{\"q\":\"x\"}"})");
    add("content_block_stop", index);
  }
  std::string usage;
  {
    JsonWriter json(usage);
    json.begin_object().key("output_tokens").integer(bill.output).end_object();
  }
  add("message_delta", std::string(R"("delta":{"stop_reason":")") +
                           (tools > 0 ? "tool_use" : "end_turn") +
                           R"(","stop_sequence":null},"usage":)" + usage);
  add("message_stop", "");
  return events;
}

// Ends each event by a blank line, with LF or CRLF throughout.
void end_lines(std::vector<std::string>& events, bool crlf) {
  for (auto& event : events) {
    if (crlf) {
      for (std::size_t i = 0; (i = event.find('\n', i)) != std::string::npos; i += 2)
        event.insert(i, "\r");
    }
    event += crlf ? "\r\n\r\n" : "\n\n";
  }
}

}  // namespace

std::string provider_error_body(Dialect dialect, int status, std::string_view message) {
  const auto type = [&]() -> std::string_view {
    const bool anthropic = dialect == Dialect::kMessages || dialect == Dialect::kCountTokens;
    switch (status) {
      case 400:
        return "invalid_request_error";
      case 401:
        return anthropic ? "authentication_error" : "invalid_request_error";
      case 403:
        return "permission_error";
      case 404:
        return anthropic ? "not_found_error" : "invalid_request_error";
      case 413:
        return "request_too_large";
      case 429:
        return anthropic ? "rate_limit_error" : "requests";
      case 529:
        return "overloaded_error";
      default:
        return anthropic ? "api_error" : "server_error";
    }
  }();
  std::string out;
  JsonWriter json(out);
  json.begin_object();
  if (dialect == Dialect::kMessages || dialect == Dialect::kCountTokens)
    json.key("type").string("error");
  json.key("error").begin_object().key("type").string(type).key("message").string(message);
  if (dialect != Dialect::kMessages && dialect != Dialect::kCountTokens)
    json.key("param").null().key("code").null();
  json.end_object().end_object();
  return out;
}

Result<Reply> simulate_reply(Dialect dialect, std::string_view body, const Faults& faults) {
  SG_ASSIGN(const auto asked, read_request(body));
  const auto& d = asked.directives;
  Reply reply;
  reply.delay_ms = d.number("delay_ms", 0);
  reply.gap_ms = d.number("gap_ms", 0);
  reply.reset_after = d.number("reset_after", -1);
  reply.status = static_cast<int>(d.number("status", 200));
  if (faults.standard && asked.hash % 100 == 7) reply.status = 429;
  if (faults.standard && asked.hash % 200 == 11) reply.reset_after = 1;
  if (reply.status != 200) {
    reply.reset_after = -1;
    reply.body = provider_error_body(dialect, reply.status,
                                     d.has("message") ? d.text("message") : "simulated error");
    return reply;
  }
  reply.bill = make_bill(asked, faults);
  const auto chunks = d.number("chunks", std::min<std::int64_t>(20, reply.bill.output));
  reply.stream = asked.stream;
  switch (dialect) {
    case Dialect::kChat:
      if (asked.stream)
        reply.events = chat_events(asked, reply.bill, chunks);
      else
        reply.body = chat_body(asked, reply.bill);
      break;
    case Dialect::kResponses:
      if (asked.stream)
        reply.events = response_events(asked, reply.bill, chunks);
      else
        reply.body = response_object(asked, reply.bill, true);
      break;
    case Dialect::kEmbeddings: {
      auto& bill = reply.bill;
      bill.input = asked.prompt_words;
      bill.cache_read = bill.cache_write_5m = bill.cache_write_1h = bill.output = bill.reasoning =
          0;
      price(bill);
      reply.stream = false;
      reply.body = embeddings_body(asked, bill);
      break;
    }
    case Dialect::kMessages:
      if (asked.stream) {
        reply.events = messages_events(asked, reply.bill, chunks);
        reply.announced = reply.bill;
        reply.announced.output = 1;
        reply.announced.reasoning = 0;
        price(reply.announced);
      } else {
        reply.body = messages_body(asked, reply.bill);
      }
      break;
    case Dialect::kCountTokens:
      reply.stream = false;
      reply.body = "{\"input_tokens\":" + std::to_string(asked.prompt_words) + "}";
      reply.bill = {};
      break;
  }
  const bool crlf = d.number("crlf", faults.standard && asked.hash / 7 % 2 == 0 ? 1 : 0) != 0;
  end_lines(reply.events, crlf);
  return reply;
}

}  // namespace sightglass::app
