// What the gateway serves: its endpoints, the dialects in which their answers speak, and the names
// of the events that tell of them.
#pragma once

#include <cstdint>
#include <string_view>

namespace sightglass::gateway {

enum class Endpoint : std::uint8_t {
  kChatCompletions,
  kCompletions,
  kResponses,
  kEmbeddings,
  kMessages,
  kCountTokens,
  kModels,
  kAudio,
  kPassthrough,
  kUnknown,
};

// How bodies are read. kNone: nothing in them is billed (stored answers, lists, token counts).
enum class Dialect : std::uint8_t {
  kNone,
  kOpenAiChat,
  kOpenAiCompletions,
  kOpenAiResponses,
  kOpenAiEmbeddings,
  kOpenAiAudio,
  kAnthropicMessages,
  kGemini,
};

// Whose shape an error of ours takes.
enum class Protocol : std::uint8_t { kOpenAi, kAnthropic };

struct Operation {
  Endpoint endpoint = Endpoint::kUnknown;
  Dialect dialect = Dialect::kNone;
  Protocol protocol = Protocol::kOpenAi;
};

std::string_view endpoint_name(Endpoint endpoint);  // the pack's values: "chat_completions", …

// By method and path below the API's version: ("POST", "/chat/completions"). What is not known is
// kPassthrough without a dialect, except Gemini's ":generateContent" forms.
Operation operation_of(std::string_view method, std::string_view path);

// Whether requests in this dialect are JSON objects that are read before they are sent.
bool reads_request(Dialect dialect);

// The pack's event types for one endpoint.
struct EventNames {
  std::string_view start;
  std::string_view success;
  std::string_view stream_success;
  std::string_view error;
  std::string_view stream_error;
};
const EventNames& event_names(Endpoint endpoint);

}  // namespace sightglass::gateway
