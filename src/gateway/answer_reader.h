// Reads what a provider's answer says about itself: usage, model, tool calls, errors. Content is
// looked at only to tell whether there is any.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "gateway/endpoint.h"
#include "gateway/error_type.h"
#include "gateway/json_scratch.h"
#include "gateway/usage.h"

namespace sightglass::gateway {

// What one event of a stream was.
struct EventMarks {
  bool content = false;     // its delta has text, reasoning, or a tool's arguments
  bool usage_only = false;  // OpenAI's chunk with usage and without choices
  bool end = false;         // "[DONE]", message_stop, response.completed, …
};

// One answer's reading. Reuse one object for many; it then allocates nothing in the steady state.
//
// OpenAI: usage on any chunk counts, the last that is not null wins. Anthropic: message_start is
// the base, message_delta replaces field by field. /v1/responses: completed, incomplete, failed.
// Gemini: every chunk, the last wins.
//
// Cost: once content has been seen, an event without usage, tools or an error costs a few memmem.
class AnswerReader {
 public:
  void start(Dialect dialect);

  EventMarks event(std::string_view data, JsonScratch& scratch);  // one event's data
  void body(std::string_view json, JsonScratch& scratch);         // a whole answer, not streamed
  void error_body(std::string_view json, JsonScratch& scratch);   // of a status of 400 and above

  bool has_usage() const { return !usage_.empty(); }
  Tokens tokens() const;
  const std::string& model() const { return model_; }                // "" when not said
  const std::string& service_tier() const { return service_tier_; }  // the answer's, not the wish
  std::int64_t tool_calls() const;
  // The tools' names of the first kMaxNamed calls, in the order of the answer; "" where one has
  // none or a longer one than kMaxToolName. The caller tells which of them may be told.
  static constexpr std::size_t kMaxNamed = 128, kMaxToolName = 128;
  std::size_t named_calls() const { return named_calls_; }
  std::string_view tool_name(std::size_t call) const { return calls_by_name_[call].name; }
  ErrorType error() const { return error_; }  // kNone while all is well
  std::int64_t error_length() const { return error_length_; }
  bool ended() const { return ended_; }
  std::size_t unparsable() const { return unparsable_; }  // events or bodies that were not JSON

 private:
  friend class AnswerVisitor;
  bool may_skip(std::string_view data) const;
  void name_call(std::size_t choice, std::int64_t index, std::string_view name);

  Dialect dialect_ = Dialect::kNone;
  UsageReport usage_;
  std::string model_;
  std::string service_tier_;
  std::array<std::int64_t, 8> calls_by_choice_{};  // choices past the eighth share its place
  std::int64_t calls_ = 0;
  struct NamedCall {
    std::size_t choice = 0;
    std::int64_t index = 0;
    std::string name;
  };
  std::vector<NamedCall> calls_by_name_;  // the first named_calls_ of them are this answer's
  std::size_t named_calls_ = 0;
  ErrorType error_ = ErrorType::kNone;
  std::int64_t error_length_ = 0;
  std::size_t unparsable_ = 0;
  bool content_seen_ = false;
  bool ended_ = false;
};

// Whether `json` has a member `"name":` with a value other than null somewhere: a cheap first look,
// never wrong when it says no.
bool may_have_member(std::string_view json, std::string_view quoted_name);

}  // namespace sightglass::gateway
