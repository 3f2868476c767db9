// One request's story: everything its records say, as plain values.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/answer_meter.h"
#include "gateway/endpoint.h"
#include "gateway/error_type.h"
#include "gateway/usage.h"
#include "price/price_book.h"

namespace sightglass::gateway {

enum class UsageState : std::uint8_t {
  kExact,
  kPartial,  // the answer broke off after some usage had been reported
  kUnknown,
  kNone,  // nothing that is billed took place
};
std::string_view usage_state_name(UsageState state);

// What happened on the way; each has a record of its own and a mention in the terminal one.
enum class Companion : std::uint8_t { kTools, kToolChoice, kRequestError, kRetryBackoff };
inline constexpr std::size_t kCompanions = 4;
std::string_view companion_name(Companion companion);

// Ownership: its own strings, reused from request to request. Times are 0 where nothing happened.
struct Story {
  std::string request_id, trace_id, span_id;
  Operation operation;
  std::string method;
  std::string provider;  // "unknown" until one is chosen
  std::string key;       // "none" where no key went along
  std::string client;    // "anonymous" for callers with their own keys
  std::string model_requested, model_upstream, model_response;
  std::string model_label;  // a known name, else "other"; "" where no model was named
  // Raw: the door makes pseudonyms of them.
  std::string user_id, session_id, focus_id, group_id;
  std::string provider_hint, model_hint;  // what the caller's x-provider and x-model-id say
  bool streaming = false;

  Outcome outcome = Outcome::kOk;
  ErrorType error = ErrorType::kNone;
  int status = 0;           // what the client was sent; 0: nothing
  int upstream_status = 0;  // 0: none came
  std::int64_t error_length = 0;

  Tokens tokens;
  UsageState usage = UsageState::kNone;
  UsageGap gap = UsageGap::kNone;
  price::Cost cost;
  std::string price_version;
  std::optional<std::int64_t> reserved_nanousd;  // against the client's money limits

  Nanos start_wall_ns = 0;
  Nanos latency_ns = 0;
  Nanos first_event_ns = 0;    // since the first byte of the request
  Nanos first_content_ns = 0;  // the same
  Nanos longest_stall_ns = 0;
  Nanos upstream_ns = 0;       // of the last attempt
  Nanos upstream_open_ns = 0;  // of all attempts

  std::int64_t request_bytes = 0, response_bytes = 0, chunks = 0;
  std::int64_t message_count = 0, tool_count = 0, tool_uses = 0, tool_results = 0, tool_calls = 0;
  std::int64_t attempts = 0;
  std::int64_t upload_bytes = -1;  // of the file in a request to a files path; -1: it is none
  std::string upload_type;         // its MIME type
  std::optional<std::int64_t> max_tokens;

  // "tools_detected@0+proxy_retry_backoff@104": names and milliseconds since the start. Bounds: 8
  // entries, then "+…" is not written any more.
  std::string companions;
  std::size_t companion_count = 0;
  void mention(Companion companion, Nanos since_start_ns);

  void clear();  // keeps the strings' memory
};

}  // namespace sightglass::gateway
