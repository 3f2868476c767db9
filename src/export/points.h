// Requests as points of InfluxDB's line protocol.
// Source: InfluxDB v2 documentation, "Line protocol"; what version 1.6 takes is the same.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "event/event.h"
#include "journal/record.h"

namespace sightglass::exporting {

// Lines that are sent together.
struct Points {
  std::string text;
  std::vector<std::size_t> ends;  // of each line in `text`, behind its line feed
  std::size_t count() const { return ends.size(); }
  void clear() { text.clear(), ends.clear(); }
  // The lines from `first` up to `last`, that one not.
  std::string_view range(std::size_t first, std::size_t last) const {
    const auto begin = first == 0 ? 0 : ends[first - 1];
    return first == last ? std::string_view()
                         : std::string_view(text).substr(begin, ends[last - 1] - begin);
  }
};

// Writes one point for each terminal event of the gateway's own.
//
// Tags say which gateway, provider, model, key, client, endpoint, outcome, status and error type;
// none of them is a person, a session or a request. Fields are numbers; what is unknown is absent.
// The timestamp is the event's millisecond, and below it the last six digits of its journal
// position: the same event always gives the same point, so that sending it again overwrites it, and
// two events of a series share one only when a million records lie between them in one millisecond.
class PointWriter {
 public:
  PointWriter(std::string measurement, std::string gateway);
  void use(const std::shared_ptr<const event::Catalogue>& catalogue);  // in force from here on
  // Appends the point of this record, if it is such an event. Cost: about 1 µs.
  void append(Bytes payload, journal::Position position, Points& out);

 private:
  struct Column {
    const char* name;
    event::FieldId field = event::kNoField;
  };
  void tags(std::string& line) const;
  void fields(std::string& line) const;

  const std::string prefix_;  // measurement and the gateway's tag, escaped
  std::shared_ptr<const event::Catalogue> catalogue_;
  event::FieldId ingested_ = event::kNoField, latency_ = event::kNoField,
                 first_content_ = event::kNoField, cost_ = event::kNoField;
  std::vector<Column> tags_, counts_;
  event::Event event_;  // reused
};

}  // namespace sightglass::exporting
