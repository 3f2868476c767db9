// Events as the lines that people read on the console.
#pragma once

#include <memory>
#include <vector>

#include "event/catalogue.h"
#include "event/event.h"
#include "logs/logs.h"

namespace sightglass::logs {

// Per request `START | …`, then `SUCCESS | …` or `ERROR | …` (other outcomes under their own
// names); companions by name; `[AUDIT] …` for admin requests as the Administration seed prints
// them. Threads: one.
class ConsoleWriter {
 public:
  explicit ConsoleWriter(std::shared_ptr<const event::Catalogue> catalogue);

  void append(const event::Event& event, std::vector<ConsoleLine>& out) const;
  bool is_summary(const event::Event& event) const { return event.type == summary_; }
  std::int64_t summary_requests(const event::Event& event) const;

 private:
  std::string_view text(const event::Event& event, event::FieldId field) const {
    return event.get(field).as_text();
  }
  std::string start_text(const event::Event& event) const;
  std::string end_text(const event::Event& event) const;
  std::string audit_text(const event::Event& event) const;

  std::shared_ptr<const event::Catalogue> catalogue_;
  event::EventTypeId summary_, admin_request_start_, admin_request_;
  event::FieldId request_id_, provider_, model_requested_, model_upstream_, is_streaming_,
      message_count_, max_tokens_, request_bytes_, response_bytes_, tool_count_, tool_uses_,
      tool_results_, tool_calls_, latency_, input_, output_, outcome_, error_type_, method_, path_,
      address_, summary_requests_, logger_;
};

}  // namespace sightglass::logs
