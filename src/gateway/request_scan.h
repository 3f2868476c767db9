// One pass over a request's body for the few members that matter. Nothing else of it is kept.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/endpoint.h"
#include "gateway/json_scratch.h"

namespace sightglass::gateway {

// A piece of the original bytes, by offset.
struct Span {
  std::size_t begin = 0;
  std::size_t size = 0;
};

// What the client said about usage in streams.
enum class UsageWish : std::uint8_t {
  kOpen,      // nothing, or null
  kExplicit,  // true, false, or something that is not ours to touch
};

// Reuse one object for many requests; scanning then allocates nothing in the steady state.
struct RequestScan {
  std::string model;  // at most 256 bytes; "" when absent or longer
  std::string user_id;
  std::string session_id;
  std::string service_tier;
  bool stream = false;
  bool tool_choice = false;
  std::optional<std::int64_t> max_tokens;
  std::int64_t message_count = 0;  // system blocks included
  std::int64_t tool_count = 0;     // tools offered
  // Of the tools' names, a hash each: what an answer calls by another name is not told of.
  // Bounds: the first kMaxTools.
  std::vector<std::uint64_t> tool_names;
  static constexpr std::size_t kMaxTools = 256;
  bool offers(std::string_view tool_name) const;
  std::int64_t tool_uses = 0;  // calls among the messages
  std::int64_t tool_results = 0;

  // Where a splice would go, in the bytes as they came.
  Span model_token;              // the string with its quotes; size 0: absent
  std::size_t object_begin = 0;  // of the top level's '{'
  UsageWish usage_wish = UsageWish::kOpen;
  Span usage_null;                       // "include_usage": null: what would be replaced
  Span stream_options_null;              // "stream_options": null
  std::size_t stream_options_begin = 0;  // of its '{'; 0: there is none
  bool stream_options_empty = false;

  void clear();
};

// False: the body is no JSON object, or is malformed where it was read (what lies unvisited is
// judged by the provider). Duplicate members: the last wins. The body must be readable for
// kJsonPadding bytes past its end.
// Cost: about 1 ns a byte of small bodies, less of large ones.
bool scan_request(std::string_view body, Dialect dialect, JsonScratch& scratch, RequestScan& out);

}  // namespace sightglass::gateway
