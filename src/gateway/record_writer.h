// From a request's story to the journal: the start record, its companions, the one terminal record.
#pragma once

#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/telemetry.h"
#include "event/event.h"
#include "gateway/story.h"
#include "guard/door.h"
#include "journal/journal.h"

namespace sightglass::gateway {

// The pack's names as ids of the catalogue in force, looked up once. A name that the catalogue
// lacks is kNoField, and its value is then left out.
struct FieldIds {
  explicit FieldIds(const event::Catalogue& catalogue);
  event::FieldId request_id, trace_id, span_id, endpoint, method, provider, model_requested,
      model_upstream, model_response, model, key, client, user_id, session_id, focus_id, group_id,
      provider_hint, model_hint, outcome, error_type, status_code, upstream_status, is_streaming,
      input_tokens, cache_read_tokens, cache_write_5m_tokens, cache_write_1h_tokens, output_tokens,
      reasoning_tokens, total_tokens, usage_state, usage_unknown_reason, cost_nanousd,
      price_version, unpriced_reason, reserved_nanousd, latency_us, first_event_us,
      first_content_us, longest_stall_us, upstream_us, overhead_us, start_time_ns, request_bytes,
      response_bytes, chunks, message_count, max_tokens, tool_count, tool_uses, tool_results,
      tool_calls, attempts, companions, error_length, service, env, route, attempt, backoff_ms,
      count, tool_name, file_size, content_type;
};

// Threads: one worker's. Every record passes the door, so that what it removes never gets further.
// Cost: the terminal record is built in about 100 ns beside the door's own work; no allocation in
// the steady state. A record that the journal does not take is counted there, by reason.
class RecordWriter {
 public:
  struct Parts {
    guard::Door& door;
    journal::Producer& producer;
    const Clock& clock;
    std::string service;
    std::string environment;
  };
  explicit RecordWriter(Parts parts);

  void start(const Story& story);
  void tools(const Story& story, Companion companion);
  void attempt_failed(const Story& story, std::int64_t attempt, ErrorType error);
  void retry(const Story& story, std::int64_t attempt, Nanos backoff_ns);
  void terminal(const Story& story);
  // What the Activity seed tells beside the call itself, in the words of its pack; nothing where no
  // pack knows them. `name`: of the tool, or "".
  void tool_call(const Story& story, std::string_view name);
  void file_upload(const Story& story);
  void auth_failures(std::int64_t count);  // one delta record

  // The event type that `story` ends with.
  static std::string_view terminal_name(const Story& story);

 private:
  void begin(std::string_view event_type);
  void identity(const Story& story);
  void whose(const Story& story);
  void usage(const Story& story);
  void times(const Story& story);
  void shape(const Story& story);
  void commit();

  void text(event::FieldId field, std::string_view value);  // "" is left out
  void number(event::FieldId field, std::int64_t value);
  void some(event::FieldId field, std::int64_t value);  // 0 is left out
  void micros(event::FieldId field, Nanos ns);          // 0 is left out

  Parts parts_;
  FieldIds ids_;
  std::uint64_t door_version_;  // that ids_ are of
  event::Event event_;
  std::string payload_;
};

}  // namespace sightglass::gateway
