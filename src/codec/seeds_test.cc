// The seeds' own events and lines, as printed, read with the packs that the program ships.
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

#include "codec/codec_test_support.h"

namespace sightglass::codec {
namespace {

std::shared_ptr<const event::Catalogue> shipped() {
  const char* root = std::getenv("SIGHTGLASS_SOURCE_DIR");
  std::vector<event::PackFile> files;
  for (const auto* name : {"gateway", "coo-llm", "atlas", "coachup", "morpheus", "vandamme"}) {
    const auto path = std::string(root == nullptr ? "." : root) + "/packs/" + name + ".yaml";
    std::ifstream in(path);
    std::stringstream text;
    text << in.rdbuf();
    files.push_back({path, text.str()});
  }
  auto parsed = event::Catalogue::parse(files);
  EXPECT_TRUE(parsed.has_value()) << (parsed ? "" : parsed.error().message);
  return parsed ? *parsed : nullptr;
}

class SeedsTest : public ::testing::Test {
 protected:
  SeedsTest() : b(shipped()) {}
  // What a name means in the record in hand.
  event::Value get(std::string_view name) const {
    const auto names = b.catalogue->event_types()[b.event.type].names;
    event::Value out;
    for (const auto& f : b.event.fields) {
      if (f.field == b.catalogue->field(name, names)) out = f.value;
    }
    return out;
  }
  Bench b;
};

// S0-E rows: every event type of the guide with its key fields; none is unknown.
struct Row {
  std::string_view type;
  std::vector<std::string_view> fields;
};
const std::vector<Row>& rows() {
  static const std::vector<Row> kRows = {
      {"automated_session_creation_start",
       {"user_id", "api_key_id", "requested_model", "session_duration"}},
      {"proxy_session_creation_start", {"target_model", "blockchain_id"}},
      {"proxy_session_response", {"session_id", "response_data"}},
      {"session_created", {"session_id", "model", "expires_at"}},
      {"active_session_found", {"session_id", "session_model"}},
      {"existing_session_reused", {"session_id"}},
      {"session_model_match", {"session_id", "model_id"}},
      {"session_model_mismatch", {"session_id", "current_model", "requested_model_id"}},
      {"proxy_session_closed", {"session_id"}},
      {"session_marked_inactive", {"session_id"}},
      {"session_not_found_for_close", {"session_id"}},
      {"chat_completion_request_start", {"user_id", "model", "stream_requested", "request_id"}},
      {"chat_request_processing", {"user_id", "api_key_id"}},
      {"chat_request_config", {"client_stream_requested", "has_tools"}},
      {"stream_generator_start", {"session_id", "user_id", "requested_model"}},
      {"stream_request_start", {"session_id"}},
      {"chat_completions_start", {"session_id", "proxy_router_url"}},
      {"stream_chunk_received", {"session_id", "chunk_count"}},
      {"stream_completed", {"session_id", "chunk_count", "total_chunks"}},
      {"chat_completion_success", {"session_id", "request_id"}},
      {"tools_detected", {"tool_count", "request_id"}},
      {"tool_choice_detected", {"tool_choice", "request_id"}},
      {"tool_calling_request_details", {"has_tools", "tool_count", "tool_message_count"}},
      {"tool_content_detected", {"has_tool_messages", "has_tool_calls"}},
      {"embeddings_request_start", {"session_id", "input_length", "model"}},
      {"embeddings_request_error", {"error", "error_type"}},
      {"stream_session_expired_detected", {"session_id"}},
      {"session_retry_start", {"new_session_id", "original_session_id"}},
      {"stream_retry_completed", {"new_session_id", "original_session_id"}},
      {"stream_retry_proxy_error", {"error", "error_type"}},
      {"session_close_error", {"session_id", "error"}},
      {"chat_completions_error", {"error", "error_type", "status_code"}},
      {"stream_generator_error", {"error", "chunk_count"}},
      {"proxy_request_error", {"error", "attempt_number"}},
      {"stream_proxy_error", {"status_code", "error_text"}},
      {"api_key_validation_failed", {"key_prefix"}},
      {"api_key_user_error", {"error"}},
      {"jwt_validation_error", {"error"}},
      {"local_testing_bypass", {"user_id"}},
      {"model_service_init_success", {"model_count", "cache_duration"}},
      {"cache_hit", {"cache_expires_in_seconds"}},
      {"cache_miss", {}},
      {"cache_refresh", {"model_count"}},
      {"automation_enabled", {"user_id", "session_duration"}},
      {"automation_disabled", {"user_id"}},
      {"automation_settings_created", {"user_id"}},
      {"user_creation", {"cognito_user_id", "email"}},
      {"api_key_created", {"user_id", "api_key_id"}},
      {"api_key_deleted", {"user_id", "api_key_id"}},
      {"private_key_stored", {"user_id"}},
      {"user_deletion_complete", {"user_id", "deleted_data"}}};
  return kRows;
}

TEST_F(SeedsTest, EveryEventOfTheGuideIsKnownWithItsKeyFields) {
  for (const auto& row : rows()) {
    std::string text = R"({"timestamp":"2025-10-06T12:00:00Z","level":"INFO","logger":"CORE",)"
                       R"("caller":"chat.py:42","event_type":")";
    text.append(row.type).append("\"");
    for (const auto field : row.fields) text.append(",\"").append(field).append("\":1");
    ASSERT_EQ(b.json(text + "}"), Verdict::kAccepted) << row.type;
    EXPECT_EQ(b.type(), row.type);
    EXPECT_EQ(b.notes.unknown_fields, 0u) << text;
    for (const auto field : row.fields) {
      EXPECT_FALSE(get(field).is_null()) << row.type << " " << field;
    }
  }
  EXPECT_EQ(rows().size(), 51u) << "as many as the guide has rows";
}

constexpr std::string_view kRequest = R"({
  "ts": "2025-08-19T13:59:12.345Z",
  "level": "info",
  "service": "next",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "route": "POST /api/chat",
  "method": "POST",
  "status": 200,
  "latencyMs": 842,
  "userIdHash": "u:7e8a…",
  "sessionIdHash": "s:91b2…",
  "focusIdHash": "f:aa31…",
  "sse": { "firstTokenMs": 620, "streamDurationMs": 1780, "disconnect": false }
})";
constexpr std::string_view kCall = R"({
  "ts": "2025-08-19T13:59:12.421Z",
  "level": "info",
  "service": "py",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "span": "provider.chat",
  "provider": "openai",
  "modelId": "gpt-4o-mini",
  "latencyMs": 721,
  "tokensIn": 1184,
  "tokensOut": 362,
  "costCents": 2.1,
  "status": "ok"
})";
constexpr std::string_view kJob = R"({
  "ts": "2025-08-19T14:00:03.010Z",
  "level": "info",
  "service": "py",
  "env": "production",
  "requestId": "b1f0d…",
  "job": "assessment.multi_turn",
  "sessionIdHash": "s:91b2…",
  "groupId": "grp_1",
  "focusIdHash": "f:aa31…",
  "rubricVersion": "v1",
  "interactions": 3,
  "latencyMs": 4920,
  "status": "ok"
})";
constexpr std::string_view kRetry = R"({
  "ts": "2025-08-19T14:00:12.111Z",
  "level": "warn",
  "service": "py",
  "env": "production",
  "requestId": "b1f0d…",
  "span": "provider.stt",
  "provider": "deepgram",
  "modelId": "nova-2",
  "error": { "type": "timeout", "message": "upstream read timeout" },
  "retry": { "attempt": 2, "max": 3, "backoffMs": 800 },
  "status": "retrying"
})";
constexpr std::string_view kFunction = R"({
  "ts": "2025-08-19T14:00:22.500Z",
  "level": "info",
  "service": "convex",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "function": "assessments.listByFocus",
  "latencyMs": 62,
  "items": 25,
  "indexed": true,
  "status": "ok"
})";
constexpr std::string_view kBeacon = R"({
  "ts": "2025-08-19T14:00:30.002Z",
  "level": "info",
  "service": "web",
  "env": "production",
  "requestId": "b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e",
  "page": "/chat",
  "webVitals": { "lcpMs": 1600, "inpMs": 90, "cls": 0.02, "ttfbMs": 120 },
  "sse": { "stalls": 0, "firstTokenMs": 700 }
})";

// S3-J01 to J06, B03 to B06, F01 to F09: as printed, ellipses and line breaks included.
TEST_F(SeedsTest, EveryPrintedJsonExampleIsReadWhole) {
  for (const auto text : {kRequest, kCall, kJob, kRetry, kFunction, kBeacon}) {
    ASSERT_EQ(b.json(text), Verdict::kAccepted) << text;
    EXPECT_EQ(b.notes.unknown_fields, 0u) << text;
    EXPECT_FALSE(b.notes.time_missing) << text;
    EXPECT_FALSE(get("env").is_null());
    EXPECT_FALSE(get("requestId").is_null());
  }
  ASSERT_EQ(b.json(kRequest), Verdict::kAccepted);
  EXPECT_EQ(b.event.time_ns, 1'755'611'952'345 * kMillisecond);
  EXPECT_EQ(get("service").as_text(), "next");
  EXPECT_EQ(get("route").as_text(), "POST /api/chat");
  EXPECT_EQ(get("status").as_int(), 200);
  EXPECT_EQ(get("latencyMs").as_double(), 842);
  EXPECT_EQ(get("first_token_ms").as_double(), 620);
  EXPECT_EQ(get("stream_duration_ms").as_double(), 1780);
  EXPECT_EQ(get("stream_disconnect"), event::Value::boolean(false));
  EXPECT_EQ(get("userIdHash").as_text(), "u:7e8a…");
  ASSERT_EQ(b.json(kCall), Verdict::kAccepted);
  EXPECT_EQ(get("tokensIn").as_int(), 1184);
  EXPECT_EQ(get("tokensOut").as_int(), 362);
  EXPECT_EQ(get("costCents").as_double(), 2.1);
  EXPECT_EQ(get("modelId").as_text(), "gpt-4o-mini");
  EXPECT_EQ(get("status").as_text(), "ok") << "text here, a number there";
  ASSERT_EQ(b.json(kJob), Verdict::kAccepted);
  EXPECT_EQ(get("rubricVersion").as_text(), "v1");
  EXPECT_EQ(get("groupId").as_text(), "grp_1");
  ASSERT_EQ(b.json(kRetry), Verdict::kAccepted);
  EXPECT_EQ(b.event.level, Level::kWarn);
  EXPECT_EQ(get("error_type").as_text(), "timeout");
  EXPECT_EQ(get("retry_backoff_ms").as_double(), 800);
  ASSERT_EQ(b.json(kFunction), Verdict::kAccepted);
  EXPECT_EQ(get("items").as_int(), 25);
  EXPECT_TRUE(get("indexed").as_bool());
  ASSERT_EQ(b.json(kBeacon), Verdict::kAccepted);
  EXPECT_EQ(get("web_lcp_ms").as_double(), 1600);
  EXPECT_EQ(get("web_cls").as_double(), 0.02);
  EXPECT_EQ(get("sse_stalls"), event::Value::integer(0));
}

// S1-F02 to F08 with the shipped packs.
TEST_F(SeedsTest, EveryActivityLineIsReadWhole) {
  for (const auto* line :
       {"[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5",
        "[METRIC] [user@example.com] tool_call tool_name=calculator",
        "[METRIC] [user@example.com] file_upload file_size=1024 content_type=application/pdf",
        "[METRIC] [user@example.com] error error_type=rate_limit",
        "[METRIC] [user@example.com] llm_call model=gpt-4 message_count=5 tool_count=2",
        "[METRIC] [user@example.com] tool_error tool_name=file_reader",
        ("[METRIC] [user@example.com] file_stored file_size=2048 content_type=image/png "
         "category=uploads")}) {
    ASSERT_EQ(b.line(line), Verdict::kAccepted) << line;
    EXPECT_NE(b.type(), "_other") << line;
    EXPECT_EQ(b.notes.unknown_fields, 0u) << line;
    EXPECT_EQ(get("user_id").as_text(), "user@example.com") << line;
  }
}

}  // namespace
}  // namespace sightglass::codec
