// Events as the Activity seed's lines: `[METRIC] [user] event_type key=value …`.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/catalogue.h"
#include "event/event.h"
#include "event/plain_names.h"

namespace sightglass::logs {

enum class ActivityForm : std::uint8_t {
  kPrinted,  // as the seed prints it: values as they are, which may hold blanks and `=`
  kStrict,  // values with a blank, `=`, a quote or a backslash stand in quotes, with `\` before the
            // latter two
};

// Lines come from the six events of the `atlas` pack, with their fields in the event's order; and
// from the gateway's terminal events: `llm_call` for a call to a model that went well (with
// `tool_count`, the calls in its answer, only where tools were offered), `error` for a request that
// did not end well, with its type in the seed's words. (The calls of tools in an answer, and files
// that go up, are events of their own.)
//
// The user is one token without blanks or brackets: the pseudonym, or what it stood for where
// `names` knows it; `[unknown]` where there is none. Control characters are deleted, as the
// original does, so one line is one event. Nothing precedes `[METRIC]`, nothing follows the last
// pair. Threads: one.
class ActivityWriter {
 public:
  ActivityWriter(std::shared_ptr<const event::Catalogue> catalogue, ActivityForm form,
                 const event::PlainNames* names);

  // Appends what the event makes, if anything; gives the number of lines.
  std::size_t append(const event::Event& event, std::string& out) const;

 private:
  void begin(const event::Event& event, std::string_view event_type, std::string& out) const;
  void pair(std::string_view key, const event::Value& value, std::string& out) const;
  std::size_t append_activity(const event::Event& event, std::string& out) const;
  std::size_t append_terminal(const event::Event& event, std::string& out) const;

  std::shared_ptr<const event::Catalogue> catalogue_;
  ActivityForm form_;
  const event::PlainNames* names_;
  std::vector<bool> activities_;  // by EventTypeId
  std::vector<bool> is_pair_;     // by FieldId
  event::FieldId user_id_, outcome_, endpoint_, error_type_, model_requested_, model_,
      message_count_, tool_count_, tool_calls_;
};

// The seed's word for a gateway's error type; words of applications stay as they are.
std::string_view activity_error(std::string_view error_type);

}  // namespace sightglass::logs
