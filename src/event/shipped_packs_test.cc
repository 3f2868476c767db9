// The packs that are shipped: that they join, and that they know every name their seeds print.
#include <algorithm>
#include <map>
#include <set>

#include "event/event_test_support.h"

namespace sightglass::event {
namespace {

std::shared_ptr<const Catalogue> shipped() {
  static const auto catalogue = [] {
    std::vector<PackFile> files;
    for (const auto* const name :
         {"gateway", "coo-llm", "atlas", "coachup", "morpheus", "vandamme"}) {
      const auto path = "packs/" + std::string(name) + ".yaml";
      files.push_back({path, source_file(path)});
    }
    auto parsed = Catalogue::parse(files);
    if (!parsed) {
      ADD_FAILURE() << parsed.error().message;
      std::abort();
    }
    return *parsed;
  }();
  return catalogue;
}

const Pack& pack_named(std::string_view name) {
  for (const auto& pack : shipped()->packs()) {
    if (pack.name == name) return pack;
  }
  ADD_FAILURE() << name;
  std::abort();
}

// The field that a raw record of this type means by `name`; null where none.
const Field* read_as(std::string_view type, std::string_view name) {
  const auto& catalogue = *shipped();
  const auto& event_type = catalogue.event_types()[catalogue.event_type(type)];
  const auto id = catalogue.field(name, event_type.names);
  return id == kNoField ? nullptr : &catalogue.fields()[id];
}

bool never_passes(std::string_view name) {
  const auto* const field = read_as("_other", name);
  return field != nullptr && !passes(field->field_class);
}

struct Printed {
  std::string_view id;  // of the seed's row
  std::string_view event;
  Level level;
  std::vector<std::string_view> fields;
};

// Seed 000's tables, with the names that the code of its day used where they differ.
const std::vector<Printed>& events_seed() {
  static const std::vector<Printed> rows = {
      {"S0-E01",
       "automated_session_creation_start",
       Level::kInfo,
       {"user_id", "api_key_id", "requested_model", "session_duration"}},
      {"S0-E02",
       "proxy_session_creation_start",
       Level::kInfo,
       {"target_model", "blockchain_id", "requested_model", "user_id", "api_key_id"}},
      {"S0-E03", "proxy_session_response", Level::kInfo, {"session_id", "response_data"}},
      {"S0-E04",
       "session_created",
       Level::kInfo,
       {"session_id", "model", "expires_at", "target_model"}},
      {"S0-E05", "active_session_found", Level::kInfo, {"session_id", "session_model"}},
      {"S0-E06", "existing_session_reused", Level::kInfo, {"session_id"}},
      {"S0-E07", "session_model_match", Level::kInfo, {"session_id", "model_id"}},
      {"S0-E08",
       "session_model_mismatch",
       Level::kInfo,
       {"session_id", "current_model", "requested_model_id"}},
      {"S0-E09", "proxy_session_closed", Level::kInfo, {"session_id"}},
      {"S0-E10", "session_marked_inactive", Level::kInfo, {"session_id"}},
      {"S0-E11", "session_not_found_for_close", Level::kWarn, {"session_id"}},
      {"S0-E12",
       "chat_completion_request_start",
       Level::kInfo,
       {"user_id", "model", "stream_requested", "request_id"}},
      {"S0-E13", "chat_request_processing", Level::kInfo, {"user_id", "api_key_id"}},
      {"S0-E14", "chat_request_config", Level::kInfo, {"client_stream_requested", "has_tools"}},
      {"S0-E15",
       "stream_generator_start",
       Level::kInfo,
       {"session_id", "user_id", "requested_model"}},
      {"S0-E16", "stream_request_start", Level::kInfo, {"session_id"}},
      {"S0-E17",
       "chat_completions_start",
       Level::kInfo,
       {"session_id", "proxy_router_url", "message_count"}},
      {"S0-E18", "stream_chunk_received", Level::kInfo, {"session_id", "chunk_count"}},
      {"S0-E19", "stream_completed", Level::kInfo, {"session_id", "chunk_count", "total_chunks"}},
      {"S0-E20", "chat_completion_success", Level::kInfo, {"session_id", "request_id"}},
      {"S0-E21", "tools_detected", Level::kInfo, {"tool_count", "request_id"}},
      {"S0-E22", "tool_choice_detected", Level::kInfo, {"tool_choice", "request_id"}},
      {"S0-E23",
       "tool_calling_request_details",
       Level::kInfo,
       {"has_tools", "tool_count", "tool_message_count", "request_body"}},
      {"S0-E24", "tool_content_detected", Level::kInfo, {"has_tool_messages", "has_tool_calls"}},
      {"S0-E25",
       "embeddings_request_start",
       Level::kInfo,
       {"session_id", "input_length", "model", "input_type", "dimensions"}},
      {"S0-E26", "embeddings_request_error", Level::kError, {"error", "error_type"}},
      {"S0-E27", "stream_session_expired_detected", Level::kWarn, {"session_id"}},
      {"S0-E28", "session_retry_start", Level::kInfo, {"new_session_id", "original_session_id"}},
      {"S0-E29",
       "stream_retry_completed",
       Level::kInfo,
       {"new_session_id", "original_session_id", "session_id"}},
      {"S0-E30", "stream_retry_proxy_error", Level::kError, {"error", "error_type"}},
      {"S0-E31", "session_close_error", Level::kError, {"session_id", "error"}},
      {"S0-E32", "chat_completions_error", Level::kError, {"error", "error_type", "status_code"}},
      {"S0-E33", "stream_generator_error", Level::kError, {"error", "chunk_count"}},
      {"S0-E34", "proxy_request_error", Level::kWarn, {"error", "attempt_number", "attempt"}},
      {"S0-E35", "stream_proxy_error", Level::kError, {"status_code", "error_text"}},
      {"S0-E36", "api_key_validation_failed", Level::kError, {"key_prefix"}},
      {"S0-E37", "api_key_user_error", Level::kError, {"error"}},
      {"S0-E38", "jwt_validation_error", Level::kError, {"error"}},
      {"S0-E39", "local_testing_bypass", Level::kInfo, {"user_id"}},
      {"S0-E40", "model_service_init_success", Level::kInfo, {"model_count", "cache_duration"}},
      {"S0-E41", "cache_hit", Level::kDebug, {"cache_expires_in_seconds"}},
      {"S0-E42", "cache_miss", Level::kDebug, {}},
      {"S0-E43", "cache_refresh", Level::kDebug, {"model_count", "cache_expiry"}},
      {"S0-E44", "automation_enabled", Level::kInfo, {"user_id", "session_duration"}},
      {"S0-E45", "automation_disabled", Level::kInfo, {"user_id"}},
      {"S0-E46", "automation_settings_created", Level::kInfo, {"user_id"}},
      {"S0-E47", "user_creation", Level::kInfo, {"cognito_user_id", "email", "user_email"}},
      {"S0-E48",
       "api_key_created",
       Level::kInfo,
       {"user_id", "api_key_id", "key_prefix", "key_name"}},
      {"S0-E49", "api_key_deleted", Level::kInfo, {"user_id", "api_key_id", "key_id"}},
      {"S0-E50", "private_key_stored", Level::kInfo, {"user_id"}},
      {"S0-E51",
       "user_deletion_complete",
       Level::kInfo,
       {"user_id", "deleted_data", "cognito_deletion_success"}},
  };
  return rows;
}

TEST(ShippedPacks, JoinWithoutAWarning) {
  const auto plan = must_compile(shipped());
  EXPECT_TRUE(plan->warnings().empty()) << plan->warnings().front();
  EXPECT_EQ(shipped()->packs().size(), 6u);
  for (const auto& pack : shipped()->packs()) {
    const bool awake = pack.name == "gateway" || pack.name == "coo-llm";
    EXPECT_EQ(pack.awake, awake) << pack.name;
    for (const auto id : pack.meters) {
      const auto& meter = shipped()->meters()[id];
      EXPECT_EQ(meter.at_zero, awake) << meter.name;
    }
  }
}

// S0-B01: 356 types of the first list, 488 of the second, one of the seed's own.
TEST(ShippedPacks, MorpheusHasEveryEventTypeOfBothLists) {
  std::size_t morpheus = 0;
  const auto text = source_file("packs/morpheus.yaml");
  const auto events = text.substr(text.find("\nevents:"));
  for (std::size_t at = 0; (at = events.find("{ level: ", at)) != std::string::npos; ++at)
    ++morpheus;
  EXPECT_EQ(morpheus, 631u);
  EXPECT_GE(pack_named("morpheus").event_types.size(), 600u) << "some are the gateway's, too";
  // S0-B02: the old name is an unknown type.
  EXPECT_NE(shipped()->event_type("stream_completed"), kOtherEvent);
  EXPECT_EQ(shipped()->event_type("stream_complete"), kOtherEvent);
}

TEST(ShippedPacks, EveryEventThatTheEventsSeedPrintsIsKnownWithItsFields) {  // S0-E01 … S0-E51
  std::set<std::string_view> ids;
  for (const auto& row : events_seed()) {
    ids.insert(row.id);
    const auto type = shipped()->event_type(row.event);
    EXPECT_NE(type, kOtherEvent) << row.id << " " << row.event;
    EXPECT_EQ(shipped()->event_types()[type].level, row.level) << row.id << " " << row.event;
    for (const auto field : row.fields) {
      EXPECT_NE(read_as(row.event, field), nullptr) << row.id << " " << field;
    }
    EXPECT_EQ(shipped()->event_type(std::string(row.event) + "d"), kOtherEvent) << row.id;
  }
  EXPECT_EQ(ids.size(), 51u);
}

TEST(ShippedPacks, StandardFieldsHaveTheirClass) {  // S0-F03, S0-F04
  EXPECT_EQ(read_as("cache_hit", "logger")->field_class, FieldClass::kCategory);
  EXPECT_EQ(read_as("cache_hit", "caller")->field_class, FieldClass::kSourcePosition);
  EXPECT_EQ(read_as("cache_hit", "no_such_field"), nullptr);
}

TEST(ShippedPacks, TheSeedsOwnNamesAreAliasesOfOneField) {
  const auto same = [](std::string_view a, std::string_view b) {
    EXPECT_EQ(read_as("session_created", a), read_as("session_created", b)) << a << " " << b;
    EXPECT_NE(read_as("session_created", a), nullptr) << a;
  };
  same("target_model", "model");                     // S0-E04
  same("attempt", "attempt_number");                 // S0-E34
  same("user_email", "email");                       // S0-E47
  same("key_id", "api_key_id");                      // S0-E49
  same("cache_duration", "cache_duration_seconds");  // S0-E40
  same("error_text", "error");                       // S0-E35
}

TEST(ShippedPacks, NumbersThatTheSeedAveragesAreNumeric) {
  for (const auto* const name :
       {"session_duration", "total_chunks", "chunk_count", "tool_count", "tool_message_count",
        "input_length", "attempt_number", "model_count", "cache_duration",
        "cache_expires_in_seconds", "message_count", "backoff_time", "tokens_total"}) {
    const auto* const field = read_as("_other", name);
    ASSERT_NE(field, nullptr) << name;
    EXPECT_TRUE(field->kind == Kind::kInt || field->kind == Kind::kDouble) << name;
    EXPECT_TRUE(passes(field->field_class)) << name;
  }
}

TEST(ShippedPacks, ContentFreeTextAndSecretsNeverPass) {
  for (const auto* const name : {"error",
                                 "error_message",
                                 "error_text",
                                 "cognito_error",
                                 "message",
                                 "event",
                                 "exception",
                                 "reason",
                                 "failure_reason",
                                 "traceback",
                                 "request_body",
                                 "response",
                                 "response_data",
                                 "response_text",
                                 "response_headers",
                                 "error_response",
                                 "bid_data",
                                 "session_data",
                                 "status_data",
                                 "deleted_data",
                                 "nested_tool_choice",
                                 "original_tool_choice",
                                 "url",
                                 "models_url",
                                 "source_url",
                                 "provider_url",
                                 "proxy_router_url",
                                 "redis_url",
                                 "key_prefix",
                                 "api_key_prefix",
                                 "key_name",
                                 "token_preview",
                                 "kms_key_id",
                                 "args",
                                 "file_name",
                                 "prompt",
                                 "content",
                                 "error.message",
                                 "path",
                                 "transcript",
                                 "api_key",
                                 "authorization"}) {
    EXPECT_TRUE(never_passes(name)) << name;
  }
  EXPECT_FALSE(never_passes("error_type"));
}

TEST(ShippedPacks, PeoplePassAsPseudonymsThatJoin) {
  const auto kind = [](std::string_view name) {
    const auto* const field = read_as("_other", name);
    return field != nullptr && field->field_class == FieldClass::kIdentifier
               ? field->identifier_kind
               : std::string("none");
  };
  for (const auto* const name : {"user_id", "userIdHash", "cognito_user_id", "email", "user_email",
                                 "old_email", "test_user_id", "subject", "user"}) {
    EXPECT_EQ(kind(name), "u") << name;
  }
  for (const auto* const name :
       {"session_id", "sessionIdHash", "new_session_id", "original_session_id"}) {
    EXPECT_EQ(kind(name), "s") << name;  // S0-E28
  }
  for (const auto* const name : {"focus", "focusIdHash", "trackedSkill", "trackedSkillIdHash"}) {
    EXPECT_EQ(kind(name), "f") << name;  // S3-F08
  }
  EXPECT_EQ(kind("groupId"), "g");  // S3-F09
  EXPECT_EQ(kind("api_key_id"), "k");
  EXPECT_EQ(kind("wallet_address"), "w");
  EXPECT_EQ(kind("model_id"), "none");
}

// Every name that either list of the original's events carries, and the seed's own: 313 names of
// 293 fields, each with a class.
TEST(ShippedPacks, MorpheusGivesEveryFieldAClass) {
  const auto text = source_file("packs/morpheus.yaml");
  const auto fields = text.substr(0, text.find("\nevents:"));
  std::size_t classes = 0;
  for (std::size_t at = 0; (at = fields.find(", class: ", at)) != std::string::npos; ++at)
    ++classes;
  EXPECT_EQ(classes, 293u);
}

TEST(ShippedPacks, TheActivitySeedsEventsAndKeysAreKnown) {  // S1-E01 … S1-E06, S1-F09 … S1-F19
  const std::vector<Printed> rows = {
      {"S1-E01", "llm_call", Level::kInfo, {"user", "model", "message_count", "tool_count"}},
      {"S1-E02", "tool_call", Level::kInfo, {"user", "tool_name"}},
      {"S1-E03", "tool_error", Level::kError, {"user", "tool_name"}},
      {"S1-E04", "file_upload", Level::kInfo, {"user", "file_size", "content_type"}},
      {"S1-E05", "file_stored", Level::kInfo, {"user", "file_size", "content_type", "category"}},
      {"S1-E06", "error", Level::kError, {"user", "error_type"}},
  };
  for (const auto& row : rows) {
    const auto type = shipped()->event_type(row.event);
    ASSERT_NE(type, kOtherEvent) << row.id;
    EXPECT_EQ(shipped()->event_types()[type].level, row.level) << row.id;
    for (const auto name : row.fields) {
      const auto* const field = read_as(row.event, name);
      ASSERT_NE(field, nullptr) << row.id << " " << name;
      EXPECT_TRUE(passes(field->field_class)) << row.id << " " << name;
    }
  }
  EXPECT_EQ(read_as("file_upload", "file_size")->kind, Kind::kInt);
}

TEST(ShippedPacks, TheLiveSeedsNamesAreKnown) {  // S2-F01 … S2-F28
  for (const auto* const name : {"request_id",
                                 "start_time",
                                 "end_time",
                                 "claude_model",
                                 "openai_model",
                                 "provider",
                                 "input_tokens",
                                 "output_tokens",
                                 "cache_read_tokens",
                                 "cache_creation_tokens",
                                 "is_streaming",
                                 "error",
                                 "error_type",
                                 "duration_ms",
                                 "total_requests",
                                 "total_errors",
                                 "total_input_tokens",
                                 "total_output_tokens",
                                 "total_duration_ms",
                                 "streaming_requests",
                                 "streaming_errors",
                                 "non_streaming_requests",
                                 "non_streaming_errors"}) {
    EXPECT_NE(read_as("request_completed", name), nullptr) << name;
  }
}

struct Metric {
  std::string_view name;
  MeterType type;
};

const Meter* meter_named(std::string_view dotted) {
  for (const auto& meter : shipped()->meters()) {
    if (meter.dotted == dotted) return &meter;
  }
  return nullptr;
}

TEST(ShippedPacks, EveryMetricOfThePropagationSeedHasItsNameAndType) {  // S3-M01 … S3-M37
  constexpr auto kC = MeterType::kCounter;
  constexpr auto kH = MeterType::kHistogram;
  const Metric all[] = {{"next.request.count", kC},       {"next.request.errors", kC},
                        {"next.request.latency_ms", kH},  {"next.sse.first_token_ms", kH},
                        {"next.stream.duration_ms", kH},  {"next.stream.disconnects", kC},
                        {"next.provider.tokens_in", kC},  {"next.provider.tokens_out", kC},
                        {"next.provider.cost_cents", kC}, {"next.provider.latency_ms", kH},
                        {"next.provider.errors", kC},     {"py.request.count", kC},
                        {"py.request.errors", kC},        {"py.request.latency_ms", kH},
                        {"py.upstream.latency_ms", kH},   {"py.upstream.errors", kC},
                        {"py.retries.count", kC},         {"py.backoff.count", kC},
                        {"py.provider.tokens_in", kC},    {"py.provider.tokens_out", kC},
                        {"py.provider.cost_cents", kC},   {"convex.function.latency_ms", kH},
                        {"convex.function.errors", kC},   {"convex.query.items_returned", kH},
                        {"convex.rate_limit.events", kC}, {"web.vitals.lcp_ms", kH},
                        {"web.vitals.inp_ms", kH},        {"web.vitals.cls", kH},
                        {"web.vitals.ttfb_ms", kH},       {"web.sse.stalls", kC},
                        {"web.audio.start_ms", kH},       {"provider.request.count", kC},
                        {"provider.request.errors", kC},  {"provider.request.latency_ms", kH},
                        {"provider.tokens_in", kC},       {"provider.tokens_out", kC},
                        {"provider.cost_cents", kC}};
  EXPECT_EQ(std::size(all), 37u);
  for (const auto& metric : all) {
    const auto dotted = "coachup." + std::string(metric.name);
    const auto* const meter = meter_named(dotted);
    ASSERT_NE(meter, nullptr) << dotted;
    EXPECT_EQ(meter->type, metric.type) << dotted;
    std::string exposed = dotted;
    std::replace(exposed.begin(), exposed.end(), '.', '_');
    EXPECT_EQ(meter->name, exposed);
    ASSERT_FALSE(meter->labels.empty()) << dotted;
    EXPECT_EQ(meter->labels[0].name, "env") << "S3-F01";
    for (const auto& label : meter->labels) {
      EXPECT_NE(shipped()->fields()[label.field].field_class, FieldClass::kIdentifier)
          << dotted << ": S3-F06, no pseudonym is a label";
    }
  }
}

TEST(ShippedPacks, EveryPathOfThePropagationSeedsLinesIsKnown) {  // S3-J01 … S3-J06
  for (const auto* const name : {"service",          "env",
                                 "requestId",        "route",
                                 "method",           "status",
                                 "latencyMs",        "userIdHash",
                                 "sessionIdHash",    "focusIdHash",
                                 "sse.firstTokenMs", "sse.streamDurationMs",
                                 "sse.disconnect",   "span",
                                 "provider",         "modelId",
                                 "tokensIn",         "tokensOut",
                                 "costCents",        "job",
                                 "groupId",          "rubricVersion",
                                 "interactions",     "error.type",
                                 "error.message",    "retry.attempt",
                                 "retry.max",        "retry.backoffMs",
                                 "function",         "items",
                                 "indexed",          "page",
                                 "webVitals.lcpMs",  "webVitals.inpMs",
                                 "webVitals.cls",    "webVitals.ttfbMs",
                                 "sse.stalls"}) {
    EXPECT_NE(read_as("_other", name), nullptr) << name;
  }
  EXPECT_EQ(read_as("_other", "status")->kind, Kind::kNull) << "S3-J02: number or text";
}

using Line = std::vector<std::pair<std::string_view, Value>>;

// The coachup meters that a line of the seed feeds, without their prefix.
std::set<std::string> fed_by(const Line& line, Level level = Level::kInfo) {
  static const auto plan = must_compile(shipped());
  Event event;
  event.level = level;
  for (const auto& [name, value] : line) {
    const auto id = shipped()->field(name);
    EXPECT_NE(id, kNoField) << name;
    event.fields.push_back({id, value});
  }
  MatchPlan::Scratch scratch;
  plan->match(event, scratch);
  std::set<std::string> out;
  for (const auto& hit : event.meters) {
    if (hit.meter >= shipped()->meters().size()) continue;
    const auto& dotted = shipped()->meters()[hit.meter].dotted;
    if (dotted.starts_with("coachup.")) out.insert(dotted.substr(8));
  }
  return out;
}

using Names = std::set<std::string>;

TEST(ShippedPacks, TheNextLineFeedsItsMetrics) {  // S3-J01, S3-B03, S3-M01 … S3-M06
  Line line = {{"service", Value::text("next")},
               {"env", Value::text("production")},
               {"requestId", Value::text("b7c1a5f9-2b2e-4ac6-9f0d-9f6d2e0b7a6e")},
               {"route", Value::text("POST /api/chat")},
               {"method", Value::text("POST")},
               {"status", Value::integer(200)},
               {"latencyMs", Value::integer(842)},
               {"sse.firstTokenMs", Value::integer(620)},
               {"sse.streamDurationMs", Value::integer(1780)},
               {"sse.disconnect", Value::boolean(false)}};
  EXPECT_EQ(fed_by(line), (Names{"next.request.count", "next.request.latency_ms",
                                 "next.sse.first_token_ms", "next.stream.duration_ms"}));
  line[5].second = Value::integer(503);
  line[9].second = Value::boolean(true);
  EXPECT_TRUE(fed_by(line).contains("next.request.errors"));
  EXPECT_TRUE(fed_by(line).contains("next.stream.disconnects"));
  line[5].second = Value::integer(404);
  EXPECT_FALSE(fed_by(line).contains("next.request.errors")) << "a 4xx is the caller's";
  EXPECT_TRUE(fed_by(line, Level::kError).contains("next.request.errors"));
}

TEST(ShippedPacks, TheProviderLineFeedsItsServiceAndTheRollUp) {  // S3-J02, S3-B04, S3-B07
  Line line = {{"service", Value::text("py")},          {"env", Value::text("production")},
               {"span", Value::text("provider.chat")},  {"provider", Value::text("openai")},
               {"modelId", Value::text("gpt-4o-mini")}, {"latencyMs", Value::integer(721)},
               {"tokensIn", Value::integer(1184)},      {"tokensOut", Value::integer(362)},
               {"costCents", Value::number(2.1)},       {"status", Value::text("ok")}};
  EXPECT_EQ(
      fed_by(line),
      (Names{"py.upstream.latency_ms", "py.provider.tokens_in", "py.provider.tokens_out",
             "py.provider.cost_cents", "provider.request.count", "provider.request.latency_ms",
             "provider.tokens_in", "provider.tokens_out", "provider.cost_cents"}));
  line[0].second = Value::text("next");
  EXPECT_EQ(
      fed_by(line),
      (Names{"next.provider.tokens_in", "next.provider.tokens_out", "next.provider.cost_cents",
             "next.provider.latency_ms", "provider.request.count", "provider.request.latency_ms",
             "provider.tokens_in", "provider.tokens_out", "provider.cost_cents"}));
  line[9].second = Value::text("error");
  EXPECT_TRUE(fed_by(line).contains("next.provider.errors"));
  EXPECT_TRUE(fed_by(line).contains("provider.request.errors"));
}

TEST(ShippedPacks, TheJobLineFeedsNoRequestMetric) {  // S3-J03
  EXPECT_EQ(fed_by({{"service", Value::text("py")},
                    {"job", Value::text("assessment.multi_turn")},
                    {"groupId", Value::text("grp_1")},
                    {"rubricVersion", Value::text("v1")},
                    {"interactions", Value::integer(3)},
                    {"latencyMs", Value::integer(4920)},
                    {"status", Value::text("ok")}}),
            Names{"py.job.latency_ms"});
}

TEST(ShippedPacks, TheRetryLineFeedsErrorsRetriesAndBackoff) {  // S3-J04, S3-M16 … S3-M18
  Line line = {{"service", Value::text("py")},
               {"span", Value::text("provider.stt")},
               {"provider", Value::text("deepgram")},
               {"modelId", Value::text("nova-2")},
               {"error.type", Value::text("timeout")},
               {"error.message", Value::text("upstream read timeout")},
               {"retry.attempt", Value::integer(2)},
               {"retry.max", Value::integer(3)},
               {"retry.backoffMs", Value::integer(800)},
               {"status", Value::text("retrying")}};
  EXPECT_EQ(fed_by(line, Level::kWarn),
            (Names{"py.upstream.errors", "py.retries.count", "py.backoff.count",
                   "provider.request.count", "provider.request.errors", "provider.unpriced"}));
  line[8].second = Value::integer(0);
  EXPECT_FALSE(fed_by(line, Level::kWarn).contains("py.backoff.count"));
}

TEST(ShippedPacks, TheConvexAndBrowserLinesFeedTheirMetrics) {  // S3-J05, S3-J06, S3-M22 … S3-M31
  Line convex = {
      {"service", Value::text("convex")}, {"function", Value::text("assessments.listByFocus")},
      {"latencyMs", Value::integer(62)},  {"items", Value::integer(25)},
      {"indexed", Value::boolean(true)},  {"status", Value::text("ok")}};
  EXPECT_EQ(fed_by(convex), (Names{"convex.function.latency_ms", "convex.query.items_returned"}));
  convex[5].second = Value::integer(429);
  EXPECT_TRUE(fed_by(convex).contains("convex.rate_limit.events"));
  EXPECT_TRUE(fed_by(convex).contains("convex.function.errors"));
  EXPECT_EQ(fed_by({{"service", Value::text("web")},
                    {"page", Value::text("/chat")},
                    {"webVitals.lcpMs", Value::integer(1600)},
                    {"webVitals.inpMs", Value::integer(90)},
                    {"webVitals.cls", Value::number(0.02)},
                    {"webVitals.ttfbMs", Value::integer(120)},
                    {"sse.stalls", Value::integer(0)},
                    {"sse.firstTokenMs", Value::integer(700)},
                    {"audio.startMs", Value::integer(90)}}),
            (Names{"web.vitals.lcp_ms", "web.vitals.inp_ms", "web.vitals.cls", "web.vitals.ttfb_ms",
                   "web.sse.stalls", "web.audio.start_ms"}));
}

// What the plan gives the coachup meters of an event, by their name without the prefix.
std::map<std::string, double> carried_by(const Line& line) {
  static const auto plan = must_compile(shipped());
  Event event;
  for (const auto& [name, value] : line) event.fields.push_back({shipped()->field(name), value});
  MatchPlan::Scratch scratch;
  plan->match(event, scratch);
  std::map<std::string, double> out;
  for (const auto& hit : event.meters) {
    if (hit.meter >= shipped()->meters().size() || !hit.has_value) continue;
    const auto& dotted = shipped()->meters()[hit.meter].dotted;
    if (dotted.starts_with("coachup.")) out.emplace(dotted.substr(8), hit.value);
  }
  return out;
}

TEST(ShippedPacks, TheGatewaysOwnCallsFeedTheProviderRollUp) {  // S3-B07, S3-J02, S3-M32 … S3-M37
  const Line line = {
      {"provider", Value::text("openai")},          {"outcome", Value::text("ok")},
      {"input_tokens", Value::integer(1184)},       {"output_tokens", Value::integer(362)},
      {"cost_nanousd", Value::integer(21'000'001)}, {"latency_us", Value::integer(721'500)}};
  EXPECT_EQ(fed_by(line),
            (Names{"provider.request.count", "provider.request.latency_ms", "provider.tokens_in",
                   "provider.tokens_out", "provider.cost_cents"}));
  EXPECT_EQ(carried_by(line), (std::map<std::string, double>{{"provider.request.latency_ms", 721.5},
                                                             {"provider.cost_cents", 2.1000001}}));
  EXPECT_EQ(fed_by({{"provider", Value::text("openai")},
                    {"outcome", Value::text("timeout")},
                    {"input_tokens", Value::integer(3)}}),
            (Names{"provider.request.count", "provider.request.errors", "provider.tokens_in",
                   "provider.unpriced"}))
      << "an unpriced call adds nothing to the cost, and is counted";
  EXPECT_EQ(fed_by({{"provider", Value::text("openai")},
                    {"outcome", Value::text("rejected")},
                    {"latency_us", Value::integer(50)},
                    {"cost_nanousd", Value::integer(0)}}),
            Names{})
      << "it never went to a provider";
}

TEST(ShippedPacks, WhatALineSaysItselfGoesBeforeTheOtherUnit) {  // S3-M34, S3-M37
  EXPECT_TRUE(carried_by({{"provider", Value::text("openai")},
                          {"span", Value::text("provider.chat")},
                          {"latencyMs", Value::integer(721)},
                          {"latency_us", Value::integer(1)},
                          {"costCents", Value::number(2.1)},
                          {"cost_nanousd", Value::integer(1)}})
                  .empty());
}

TEST(ShippedPacks, TheAdministrationSeedsElevenMetricsHaveTheirLabels) {  // S4-M01 … S4-M11
  struct Row {
    std::string_view name;
    MeterType type;
    std::vector<std::string> labels;
  };
  const std::vector<Row> rows = {
      {"coo_llm_requests_total", MeterType::kCounter, {"provider", "model", "key"}},
      {"coo_llm_tokens_total", MeterType::kCounter, {"provider", "key"}},
      {"coo_llm_cost_total", MeterType::kCounter, {"provider", "key"}},
      {"coo_llm_latency_seconds", MeterType::kHistogram, {"provider", "model", "key"}},
      {"coo_llm_errors_total", MeterType::kCounter, {"provider", "model", "key"}},
      {"coo_llm_rate_limits_total", MeterType::kCounter, {"key"}},
      {"coo_llm_admin_requests_total", MeterType::kCounter, {"endpoint"}},
      {"coo_llm_admin_rate_limits_total", MeterType::kCounter, {}},
      {"coo_llm_client_requests_total", MeterType::kCounter, {"client_id"}},
      {"coo_llm_client_tokens_total", MeterType::kCounter, {"client_id"}},
      {"coo_llm_client_cost_total", MeterType::kCounter, {"client_id"}},
  };
  for (const auto& row : rows) {
    const auto* const meter = meter_named(row.name);
    ASSERT_NE(meter, nullptr) << row.name;
    EXPECT_EQ(meter->type, row.type) << row.name;
    std::vector<std::string> labels;
    for (const auto& label : meter->labels) labels.push_back(label.name);
    EXPECT_EQ(labels, row.labels) << row.name;
    const auto& own = pack_named("coo-llm").meters;
    const auto id = static_cast<MeterId>(meter - shipped()->meters().data());
    EXPECT_NE(std::find(own.begin(), own.end(), id), own.end()) << row.name;
  }
  EXPECT_NE(meter_named("coo_llm_errors_by_type_total"), nullptr);
}

}  // namespace
}  // namespace sightglass::event
