// Requests as points of InfluxDB's line protocol.
// Source: InfluxDB v2 documentation, "Line protocol"; what version 1.6 takes is the same.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "export/own_requests.h"
#include "export/sink.h"

namespace sightglass::exporting {

// Writes one point for each terminal event of the gateway's own.
//
// Tags say which gateway, provider, model, key, client, endpoint, outcome, status and error type;
// none of them is a person, a session or a request. Fields are numbers; what is unknown is absent.
// The timestamp is the event's millisecond, and below it the last six digits of its journal
// position: the same event always gives the same point, so that sending it again overwrites it, and
// two events of a series share one only when a million records lie between them in one millisecond.
class PointWriter final : public Writer {
 public:
  PointWriter(std::string measurement, std::string gateway);
  void use(const std::shared_ptr<const event::Catalogue>& catalogue) override;
  // Appends the point of this record, if it is such an event. Cost: about 1 µs.
  void append(Bytes payload, journal::Position position, Nanos accept_ns, Points& out) override;

 private:
  struct Column {
    const char* name;
    event::FieldId field = event::kNoField;
  };
  void tags(const event::Event& event, std::string& line) const;
  void fields(const event::Event& event, std::string& line) const;

  const std::string prefix_;  // measurement and the gateway's tag, escaped
  OwnRequests requests_;
  event::FieldId latency_ = event::kNoField, first_content_ = event::kNoField,
                 cost_ = event::kNoField;
  std::vector<Column> tags_, counts_;
};

}  // namespace sightglass::exporting
