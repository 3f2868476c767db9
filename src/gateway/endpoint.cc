#include "gateway/endpoint.h"

namespace sightglass::gateway {
namespace {

constexpr Operation kPassthrough{Endpoint::kPassthrough, Dialect::kNone, Protocol::kOpenAi};

// What a POST to a known path is; paths below them ("/responses/{id}/cancel") bill nothing.
struct KnownPath {
  std::string_view path;
  Operation operation;
};
constexpr KnownPath kPosts[] = {
    {"/chat/completions", {Endpoint::kChatCompletions, Dialect::kOpenAiChat, Protocol::kOpenAi}},
    {"/completions", {Endpoint::kCompletions, Dialect::kOpenAiCompletions, Protocol::kOpenAi}},
    {"/responses", {Endpoint::kResponses, Dialect::kOpenAiResponses, Protocol::kOpenAi}},
    {"/embeddings", {Endpoint::kEmbeddings, Dialect::kOpenAiEmbeddings, Protocol::kOpenAi}},
    {"/messages", {Endpoint::kMessages, Dialect::kAnthropicMessages, Protocol::kAnthropic}},
    {"/messages/count_tokens", {Endpoint::kCountTokens, Dialect::kNone, Protocol::kAnthropic}},
};

}  // namespace

std::string_view endpoint_name(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kChatCompletions:
      return "chat_completions";
    case Endpoint::kCompletions:
      return "completions";
    case Endpoint::kResponses:
      return "responses";
    case Endpoint::kEmbeddings:
      return "embeddings";
    case Endpoint::kMessages:
      return "messages";
    case Endpoint::kCountTokens:
      return "count_tokens";
    case Endpoint::kModels:
      return "models";
    case Endpoint::kAudio:
      return "audio";
    case Endpoint::kPassthrough:
      return "passthrough";
    case Endpoint::kUnknown:
      break;
  }
  return "unknown";
}

Operation operation_of(std::string_view method, std::string_view path) {
  if (method == "POST") {
    for (const auto& known : kPosts) {
      if (known.path == path) return known.operation;
    }
    if (path.starts_with("/audio/")) {
      return {Endpoint::kAudio, Dialect::kOpenAiAudio, Protocol::kOpenAi};
    }
    if (path.ends_with(":generateContent") || path.ends_with(":streamGenerateContent")) {
      return {Endpoint::kPassthrough, Dialect::kGemini, Protocol::kOpenAi};
    }
  }
  if (path == "/models" || path.starts_with("/models/")) {
    return {Endpoint::kModels, Dialect::kNone, Protocol::kOpenAi};
  }
  // Reading a stored response again must not bill it again.
  if (path.starts_with("/responses/")) {
    return {Endpoint::kResponses, Dialect::kNone, Protocol::kOpenAi};
  }
  return kPassthrough;
}

bool reads_request(Dialect dialect) {
  switch (dialect) {
    case Dialect::kOpenAiChat:
    case Dialect::kOpenAiCompletions:
    case Dialect::kOpenAiResponses:
    case Dialect::kOpenAiEmbeddings:
    case Dialect::kAnthropicMessages:
      return true;
    case Dialect::kNone:
    case Dialect::kOpenAiAudio:
    case Dialect::kGemini:
      break;
  }
  return false;
}

const EventNames& event_names(Endpoint endpoint) {
  static constexpr EventNames kChat{"chat_completion_request_start", "chat_completion_success",
                                    "stream_completed", "chat_completions_error",
                                    "stream_generator_error"};
  static constexpr EventNames kResponses{"responses_request_start", "responses_success",
                                         "stream_completed", "responses_error",
                                         "stream_generator_error"};
  static constexpr EventNames kMessages{"messages_request_start", "messages_success",
                                        "stream_completed", "messages_error",
                                        "stream_generator_error"};
  static constexpr EventNames kEmbeddings{"embeddings_request_start", "embeddings_success",
                                          "embeddings_success", "embeddings_request_error",
                                          "embeddings_request_error"};
  static constexpr EventNames kOthers{"passthrough_request_start", "passthrough_success",
                                      "stream_completed", "passthrough_error",
                                      "stream_generator_error"};
  switch (endpoint) {
    case Endpoint::kChatCompletions:
    case Endpoint::kCompletions:
      return kChat;
    case Endpoint::kResponses:
      return kResponses;
    case Endpoint::kMessages:
      return kMessages;
    case Endpoint::kEmbeddings:
      return kEmbeddings;
    case Endpoint::kCountTokens:
    case Endpoint::kModels:
    case Endpoint::kAudio:
    case Endpoint::kPassthrough:
    case Endpoint::kUnknown:
      break;
  }
  return kOthers;
}

}  // namespace sightglass::gateway
