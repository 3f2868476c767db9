#include "gateway/record_writer.h"

#include <algorithm>

namespace sightglass::gateway {
namespace {

using event::Value;

// Of the line's `route` field: a pattern, never the path itself.
std::string_view route_of(Endpoint endpoint) {
  switch (endpoint) {
    case Endpoint::kChatCompletions:
      return "/v1/chat/completions";
    case Endpoint::kCompletions:
      return "/v1/completions";
    case Endpoint::kResponses:
      return "/v1/responses";
    case Endpoint::kEmbeddings:
      return "/v1/embeddings";
    case Endpoint::kMessages:
      return "/v1/messages";
    case Endpoint::kCountTokens:
      return "/v1/messages/count_tokens";
    case Endpoint::kModels:
      return "/v1/models";
    case Endpoint::kAudio:
      return "/v1/audio";
    case Endpoint::kPassthrough:
      return "/providers/:id";
    case Endpoint::kUnknown:
      break;
  }
  return "";
}

std::string_view unpriced_name(price::Unpriced unpriced) {
  return unpriced == price::Unpriced::kNoTier ? "no_tier" : "no_price";
}

}  // namespace

FieldIds::FieldIds(const event::Catalogue& c)
    : request_id(c.field("request_id")),
      trace_id(c.field("trace_id")),
      span_id(c.field("span_id")),
      endpoint(c.field("endpoint")),
      method(c.field("method")),
      provider(c.field("provider")),
      model_requested(c.field("model_requested")),
      model_upstream(c.field("model_upstream")),
      model_response(c.field("model_response")),
      model(c.field("model")),
      key(c.field("key")),
      client(c.field("client")),
      user_id(c.field("user_id")),
      session_id(c.field("session_id")),
      focus_id(c.field("focus_id")),
      group_id(c.field("group_id")),
      provider_hint(c.field("provider_hint")),
      model_hint(c.field("model_hint")),
      outcome(c.field("outcome")),
      error_type(c.field("error_type")),
      status_code(c.field("status_code")),
      upstream_status(c.field("upstream_status")),
      is_streaming(c.field("is_streaming")),
      input_tokens(c.field("input_tokens")),
      cache_read_tokens(c.field("cache_read_tokens")),
      cache_write_5m_tokens(c.field("cache_write_5m_tokens")),
      cache_write_1h_tokens(c.field("cache_write_1h_tokens")),
      output_tokens(c.field("output_tokens")),
      reasoning_tokens(c.field("reasoning_tokens")),
      total_tokens(c.field("total_tokens")),
      usage_state(c.field("usage_state")),
      usage_unknown_reason(c.field("usage_unknown_reason")),
      cost_nanousd(c.field("cost_nanousd")),
      price_version(c.field("price_version")),
      unpriced_reason(c.field("unpriced_reason")),
      reserved_nanousd(c.field("reserved_nanousd")),
      latency_us(c.field("latency_us")),
      first_event_us(c.field("first_event_us")),
      first_content_us(c.field("first_content_us")),
      longest_stall_us(c.field("longest_stall_us")),
      upstream_us(c.field("upstream_us")),
      overhead_us(c.field("overhead_us")),
      start_time_ns(c.field("start_time_ns")),
      request_bytes(c.field("request_bytes")),
      response_bytes(c.field("response_bytes")),
      chunks(c.field("chunks")),
      message_count(c.field("message_count")),
      max_tokens(c.field("max_tokens")),
      tool_count(c.field("tool_count")),
      tool_uses(c.field("tool_uses")),
      tool_results(c.field("tool_results")),
      tool_calls(c.field("tool_calls")),
      attempts(c.field("attempts")),
      companions(c.field("companions")),
      error_length(c.field("error_length")),
      service(c.field("service")),
      env(c.field("env")),
      route(c.field("route")),
      attempt(c.field("attempt")),
      backoff_ms(c.field("backoff_ms")),
      count(c.field("count")),
      tool_name(c.field("tool_name")),
      file_size(c.field("file_size")),
      content_type(c.field("content_type")) {}

RecordWriter::RecordWriter(Parts parts)
    : parts_(std::move(parts)),
      ids_(parts_.door.catalogue()),
      door_version_(parts_.door.version()) {
  event_.fields.reserve(64);
}

void RecordWriter::begin(std::string_view event_type) {
  const auto& catalogue = parts_.door.catalogue();
  if (door_version_ != parts_.door.version()) {
    ids_ = FieldIds(catalogue);
    door_version_ = parts_.door.version();
  }
  event_.type = catalogue.event_type(event_type);
  event_.level =
      event_.type == event::kOtherEvent ? Level::kInfo : catalogue.event_types()[event_.type].level;
  event_.time_ns = parts_.clock.wall_ns();
  event_.meters.clear();
  event_.fields.clear();
  text(ids_.service, parts_.service);
  text(ids_.env, parts_.environment);
}

void RecordWriter::commit() {
  payload_.clear();
  parts_.door.pass(event_, payload_);
  static_cast<void>(parts_.producer.offer(journal::RecordKind::kEvent, payload_));
}

void RecordWriter::text(event::FieldId field, std::string_view value) {
  if (field != event::kNoField && !value.empty()) {
    event_.fields.push_back({field, Value::text(value)});
  }
}
void RecordWriter::number(event::FieldId field, std::int64_t value) {
  if (field != event::kNoField) event_.fields.push_back({field, Value::integer(value)});
}
void RecordWriter::some(event::FieldId field, std::int64_t value) {
  if (value != 0) number(field, value);
}
void RecordWriter::micros(event::FieldId field, Nanos ns) {
  if (ns > 0) number(field, std::max<Nanos>((ns + 500) / 1000, 1));
}

void RecordWriter::whose(const Story& story) {
  text(ids_.user_id, story.user_id);
  text(ids_.session_id, story.session_id);
  text(ids_.focus_id, story.focus_id);
  text(ids_.group_id, story.group_id);
}

void RecordWriter::identity(const Story& story) {
  text(ids_.request_id, story.request_id);
  text(ids_.trace_id, story.trace_id);
  text(ids_.span_id, story.span_id);
  text(ids_.endpoint, endpoint_name(story.operation.endpoint));
  text(ids_.method, story.method);
  text(ids_.route, route_of(story.operation.endpoint));
  text(ids_.provider, story.provider);
  text(ids_.model_requested, story.model_requested);
  text(ids_.model_upstream, story.model_upstream);
  text(ids_.model, story.model_label);
  text(ids_.key, story.key);
  text(ids_.client, story.client);
  whose(story);
  text(ids_.provider_hint, story.provider_hint);
  text(ids_.model_hint, story.model_hint);
  if (ids_.is_streaming != event::kNoField) {
    event_.fields.push_back({ids_.is_streaming, Value::boolean(story.streaming)});
  }
  number(ids_.start_time_ns, story.start_wall_ns);
  number(ids_.request_bytes, story.request_bytes);
}

void RecordWriter::shape(const Story& story) {
  some(ids_.message_count, story.message_count);
  some(ids_.tool_count, story.tool_count);
  some(ids_.tool_uses, story.tool_uses);
  some(ids_.tool_results, story.tool_results);
  if (story.max_tokens) number(ids_.max_tokens, *story.max_tokens);
}

void RecordWriter::start(const Story& story) {
  begin(event_names(story.operation.endpoint).start);
  identity(story);
  shape(story);
  if (story.reserved_nanousd) number(ids_.reserved_nanousd, *story.reserved_nanousd);
  commit();
}

void RecordWriter::tools(const Story& story, Companion companion) {
  begin(companion_name(companion));
  text(ids_.request_id, story.request_id);
  text(ids_.trace_id, story.trace_id);
  whose(story);
  text(ids_.provider, story.provider);
  text(ids_.model, story.model_label);
  if (companion == Companion::kTools) number(ids_.tool_count, story.tool_count);
  commit();
}

void RecordWriter::attempt_failed(const Story& story, std::int64_t attempt, ErrorType error) {
  begin(companion_name(Companion::kRequestError));
  text(ids_.request_id, story.request_id);
  text(ids_.trace_id, story.trace_id);
  whose(story);
  text(ids_.provider, story.provider);
  text(ids_.error_type, error_type_name(error));
  number(ids_.attempt, attempt);
  commit();
}

void RecordWriter::retry(const Story& story, std::int64_t attempt, Nanos backoff_ns) {
  begin(companion_name(Companion::kRetryBackoff));
  text(ids_.request_id, story.request_id);
  text(ids_.trace_id, story.trace_id);
  whose(story);
  text(ids_.provider, story.provider);
  number(ids_.attempt, attempt);
  number(ids_.backoff_ms, backoff_ns / kMillisecond);
  commit();
}

void RecordWriter::usage(const Story& story) {
  text(ids_.usage_state, usage_state_name(story.usage));
  if (story.usage == UsageState::kNone) {
    number(ids_.cost_nanousd, 0);
    return;
  }
  text(ids_.usage_unknown_reason, usage_gap_name(story.gap));
  if (story.usage == UsageState::kUnknown) {
    text(ids_.unpriced_reason, "no_usage");
    return;
  }
  const auto& tokens = story.tokens;
  number(ids_.input_tokens, tokens.input);
  number(ids_.cache_read_tokens, tokens.cache_read);
  number(ids_.cache_write_5m_tokens, tokens.cache_write_5m);
  number(ids_.cache_write_1h_tokens, tokens.cache_write_1h);
  number(ids_.output_tokens, tokens.output);
  number(ids_.reasoning_tokens, tokens.reasoning);
  number(ids_.total_tokens, tokens.total());
  if (story.cost.unpriced == price::Unpriced::kPriced) {
    number(ids_.cost_nanousd, story.cost.nanousd);
    text(ids_.price_version, story.price_version);
  } else {
    text(ids_.unpriced_reason, unpriced_name(story.cost.unpriced));
  }
}

void RecordWriter::times(const Story& story) {
  number(ids_.latency_us, (story.latency_ns + 500) / 1000);
  micros(ids_.first_event_us, story.first_event_ns);
  micros(ids_.first_content_us, story.first_content_ns);
  micros(ids_.longest_stall_us, story.longest_stall_ns);
  micros(ids_.upstream_us, story.upstream_ns);
  micros(ids_.overhead_us, std::max<Nanos>(story.latency_ns - story.upstream_open_ns, 1));
}

std::string_view RecordWriter::terminal_name(const Story& story) {
  const auto& names = event_names(story.operation.endpoint);
  switch (story.outcome) {
    case Outcome::kOk:
      return story.streaming ? names.stream_success : names.success;
    case Outcome::kClientGone:
      return "client_disconnected";
    case Outcome::kRejected:
      return "request_rejected";
    case Outcome::kInterrupted:
      return "request_interrupted";
    case Outcome::kError:
    case Outcome::kTimeout:
      break;
  }
  // A stream's error is one that came after the stream had begun.
  const bool in_stream = story.streaming && story.upstream_status == 200;
  return in_stream ? names.stream_error : names.error;
}

void RecordWriter::terminal(const Story& story) {
  begin(terminal_name(story));
  text(ids_.outcome, outcome_name(story.outcome));
  text(ids_.error_type, error_type_name(story.error));
  identity(story);
  text(ids_.model_response, story.model_response);
  some(ids_.status_code, story.status);
  some(ids_.upstream_status, story.upstream_status);
  usage(story);
  times(story);
  shape(story);
  number(ids_.response_bytes, story.response_bytes);
  some(ids_.chunks, story.chunks);
  some(ids_.tool_calls, story.tool_calls);
  number(ids_.attempts, story.attempts);
  some(ids_.error_length, story.error_length);
  text(ids_.companions, story.companions);
  commit();
}

void RecordWriter::tool_call(const Story& story, std::string_view name) {
  begin("tool_call");
  if (event_.type == event::kOtherEvent) return;
  text(ids_.request_id, story.request_id);
  text(ids_.trace_id, story.trace_id);
  whose(story);
  text(ids_.tool_name, name);
  commit();
}

void RecordWriter::file_upload(const Story& story) {
  begin("file_upload");
  if (event_.type == event::kOtherEvent) return;
  text(ids_.request_id, story.request_id);
  text(ids_.trace_id, story.trace_id);
  whose(story);
  number(ids_.file_size, story.upload_bytes);
  text(ids_.content_type, story.upload_type);
  commit();
}

void RecordWriter::auth_failures(std::int64_t count) {
  begin("api_key_validation_failed");
  number(ids_.count, count);
  commit();
}

}  // namespace sightglass::gateway
