// A stream's bytes on their way from the provider to the client: all of them, at once, except the
// one chunk that only our own question brought forth.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "gateway/sse_scanner.h"

namespace sightglass::gateway {

enum class HideUsage : std::uint8_t { kNo, kYes };

// Without hiding, bytes pass untouched and events are only pointed out. With it, an event that the
// caller names as the injected usage chunk is left out; every other byte comes out in order.
//
// An unfinished event is held only as long as it could still turn out to be that chunk: until it
// is seen to have a choice ("choices":[ and then anything but ]), until it is complete, or until
// it exceeds kMaxHeldBytes. Nothing complete is ever held. Since a client acts on whole events, no
// event reaches it later than its last byte did.
class StreamRelay {
 public:
  static constexpr std::size_t kMaxHeldBytes = 16u << 10;

  void start(HideUsage hide);

  // Calls `on_event(data)` for each event that ends in `in`; true from it means: hide this one.
  // Returns what the client gets now: a view into `in` or into this object, valid until the next
  // call.
  template <typename OnEvent>
  std::string_view feed(std::string_view in, OnEvent&& on_event) {
    begin(in);
    std::string_view rest = in;
    std::string_view data;
    while (scanner_.next(rest, data)) {
      end_event(rest, on_event(data) && hide_ == HideUsage::kYes);
    }
    return finish_read();
  }
  // The stream is over: what was still held is the client's.
  std::string_view finish();

  std::size_t hidden() const { return hidden_; }
  std::size_t oversized() const { return scanner_.oversized(); }

 private:
  void begin(std::string_view in);
  void end_event(std::string_view rest, bool hide_this);
  std::string_view finish_read();
  void emit(std::string_view piece);
  bool may_be_usage_only() const;

  SseScanner scanner_;
  HideUsage hide_ = HideUsage::kNo;
  std::string held_;             // an unfinished event, whole so far
  std::string out_;              // assembled output, where one view into `in` does not do
  std::string_view in_;          // the present read
  std::size_t event_begin_ = 0;  // of the present event, in in_
  std::string_view run_;         // contiguous output within in_
  bool let_go_ = false;          // the present event's beginning was passed on already
  bool hid_last_ = false;        // the event before was hidden
  bool owed_lf_ = false;         // the last read ended in that event's CR
  std::size_t hidden_ = 0;
};

}  // namespace sightglass::gateway
