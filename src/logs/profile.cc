#include "logs/profile.h"

#include <array>

namespace sightglass::logs {
namespace {

using Text = std::string_view;

// ---- coachup: the Propagation seed's six examples ----------------------------------------------

constexpr std::array kCoachupNames = {
    Name{"service", "service", Unit::kAsIs, Derived::kService},
    Name{"env", "env", Unit::kAsIs, Derived::kEnv},
    Name{"requestId", "request_id"},
    Name{"span", "", Unit::kAsIs, Derived::kSpan},
    Name{"route", "route"},
    Name{"method", "method"},
    Name{"page", ""},
    Name{"function", ""},
    Name{"job", ""},
    Name{"provider", "provider"},
    Name{"modelId", "model"},
    Name{"status", "status_code"},
    Name{"latencyMs", "latency_us", Unit::kMicrosToMillis},
    Name{"tokensIn", "input_tokens"},
    Name{"tokensOut", "output_tokens"},
    Name{"costCents", "cost_nanousd", Unit::kNanosToCents},
    Name{"userIdHash", "user_id"},
    Name{"sessionIdHash", "session_id"},
    Name{"focusIdHash", "focus_id"},
    Name{"groupId", "group_id"},
    Name{"rubricVersion", ""},
    Name{"interactions", ""},
    Name{"items", ""},
    Name{"indexed", ""},
    Name{"start_time", "start_time_ns", Unit::kNanosToTime},
    Name{"error.type", "error_type"},
    Name{"error.message", "", Unit::kAsIs, Derived::kErrorSentence},
    Name{"retry.attempt", "attempt"},
    Name{"retry.max", ""},
    Name{"retry.backoffMs", "backoff_ms"},
    Name{"webVitals.lcpMs", ""},
    Name{"webVitals.inpMs", ""},
    Name{"webVitals.cls", ""},
    Name{"webVitals.ttfbMs", ""},
    Name{"sse.stalls", ""},
    Name{"sse.firstTokenMs", "first_content_us", Unit::kMicrosToMillis},
    Name{"sse.streamDurationMs", "", Unit::kAsIs, Derived::kStreamDuration},
    Name{"sse.disconnect", "", Unit::kAsIs, Derived::kDisconnect},
    Name{"event_type", "", Unit::kAsIs, Derived::kEventType},
};
constexpr std::array<Text, 3> kCoachupHead = {"service", "env", "requestId"};
constexpr std::array<Text, 3> kPageOrder = {"page", "webVitals", "sse"};
constexpr std::array<Text, 5> kFunctionOrder = {"function", "latencyMs", "items", "indexed",
                                                "status"};
constexpr std::array<Text, 8> kJobOrder = {"job",         "sessionIdHash", "groupId",
                                           "focusIdHash", "rubricVersion", "interactions",
                                           "latencyMs",   "status"};
constexpr std::array<Text, 10> kSpanOrder = {"span",     "provider",  "modelId",   "latencyMs",
                                             "tokensIn", "tokensOut", "costCents", "error",
                                             "retry",    "status"};
constexpr std::array<Text, 7> kRequestOrder = {
    "route", "method", "status", "latencyMs", "userIdHash", "sessionIdHash", "focusIdHash"};
constexpr std::array kCoachupShapes = {
    Shape{"page", kPageOrder}, Shape{"function", kFunctionOrder}, Shape{"job", kJobOrder},
    Shape{"span", kSpanOrder}, Shape{"", kRequestOrder},
};
constexpr std::array<Text, 1> kEventTypeTail = {"event_type"};

// ---- coo-llm: the Administration seed's structured fields --------------------------------------

constexpr std::array kCooLlmNames = {
    Name{"service", "service", Unit::kAsIs, Derived::kService},
    Name{"env", "env", Unit::kAsIs, Derived::kEnv},
    Name{"request_id", "request_id"},
    Name{"provider", "provider"},
    Name{"model", "model"},
    Name{"latency_ms", "latency_us", Unit::kMicrosToMillis},
    Name{"tokens_used", "total_tokens"},
    Name{"client_key", "key"},
    Name{"status", "status_code"},
    Name{"cost", "cost_nanousd", Unit::kNanosToDollars},
    Name{"start_time", "start_time_ns", Unit::kNanosToTime},
    Name{"event_type", "", Unit::kAsIs, Derived::kEventType},
};
constexpr std::array<Text, 2> kCooLlmHead = {"service", "env"};
constexpr std::array<Text, 8> kCooLlmOrder = {"request_id",  "provider",   "model",  "latency_ms",
                                              "tokens_used", "client_key", "status", "cost"};
constexpr std::array kCooLlmShapes = {Shape{"", kCooLlmOrder}};

// ---- morpheus: the Events seed's standard fields; durations in seconds -------------------------

constexpr std::array kMorpheusNames = {
    Name{"logger", "logger", Unit::kAsIs, Derived::kLogger},
    Name{"caller", "caller", Unit::kAsIs, Derived::kCaller},
    Name{"event_type", "", Unit::kAsIs, Derived::kEventType},
    Name{"event", "", Unit::kAsIs, Derived::kEventWords},
    Name{"request_id", "request_id"},
    Name{"duration", "latency_us", Unit::kMicrosToSeconds},
    Name{"requested_model", "model_requested"},
    Name{"target_model", "model_upstream"},
    Name{"total_chunks", "chunks"},
    Name{"start_time", "start_time_ns", Unit::kNanosToTime},
};
constexpr std::array<Text, 4> kMorpheusHead = {"logger", "caller", "event_type", "event"};
constexpr std::array<Text, 1> kMorpheusOrder = {"request_id"};
constexpr std::array kMorpheusShapes = {Shape{"", kMorpheusOrder}};

constexpr std::array<Profile, 3> kProfiles = {{
    {"coachup", "ts", 3, "warn", kCoachupHead, kCoachupNames, kCoachupShapes, kEventTypeTail},
    {"coo-llm", "timestamp", 3, "warn", kCooLlmHead, kCooLlmNames, kCooLlmShapes, kEventTypeTail},
    {"morpheus", "timestamp", 6, "warning", kMorpheusHead, kMorpheusNames, kMorpheusShapes, {}},
}};

// The last one is for all others. Line 1: the file as a whole.
constexpr std::array<Origin, 6> kOrigins = {{
    {"admin_", "auth", "audit.cc:1"},
    {"api_key_", "auth", "record_writer.cc:1"},
    {"metrics_summary", "core", "summary.cc:1"},
    {"startup_", "core", "instance.cc:1"},
    {"shutdown_", "core", "instance.cc:1"},
    {"", "proxy", "record_writer.cc:1"},
}};

constexpr std::array<std::pair<Text, Text>, 7> kSpans = {{
    {"chat_completions", "provider.chat"},
    {"messages", "provider.chat"},
    {"responses", "provider.chat"},
    {"completions", "provider.completion"},
    {"embeddings", "provider.embeddings"},
    {"audio", "provider.audio"},
    {"", "provider.call"},
}};

}  // namespace

std::span<const Profile> profiles() { return kProfiles; }

const Origin& origin_of(std::string_view event_type) {
  for (const auto& origin : kOrigins) {
    if (event_type.starts_with(origin.prefix)) return origin;
  }
  return kOrigins.back();
}

std::string_view span_of(std::string_view endpoint) {
  for (const auto& [name, span] : kSpans) {
    if (name == endpoint) return span;
  }
  return kSpans.back().second;
}

}  // namespace sightglass::logs
