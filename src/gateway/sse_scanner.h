// Finds the events of a server-sent event stream as its bytes go by.
//
// By the HTML standard's event stream format: lines end in LF, CRLF or CR; a blank line ends an
// event; its `data` lines are joined by LF; comments and other fields are passed over.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace sightglass::gateway {

// Bounds: an event's data is kept up to `max_event_bytes`; a longer one is reported with empty
// data and counted in oversized(). Cost: two memchr passes; an event that lies whole in one read,
// with one data line, is not copied.
class SseScanner {
 public:
  explicit SseScanner(std::size_t max_event_bytes = 4u << 20) : max_event_bytes_(max_event_bytes) {}

  // Consumes from the front of `in` to just behind the next blank line, and true with the event's
  // data (empty when it had none); or consumes everything, and false. `data` is valid until the
  // next call, and as long as `in`.
  bool next(std::string_view& in, std::string_view& data);

  // Whether the last event ended in a CR whose LF may be the next byte.
  bool owes_lf() const { return skip_lf_; }
  std::size_t oversized() const { return oversized_; }
  void reset();

 private:
  void line(std::string_view text);
  void add_data(std::string_view value);
  bool end_event(std::string_view& data);

  std::size_t max_event_bytes_;
  std::string line_;         // a line that began in an earlier read
  std::string data_;         // data lines joined, where one view does not do
  std::string_view single_;  // the only data line so far, in the present read
  std::size_t data_lines_ = 0;
  std::size_t oversized_ = 0;
  bool too_long_ = false;
  bool skip_lf_ = false;
  bool first_line_ = true;
};

}  // namespace sightglass::gateway
