// Reads over the shoulder of one answer while its bytes go to the client: usage, first content,
// stalls. The client's bytes are touched only where our own question for usage must not show.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "gateway/answer_reader.h"
#include "gateway/inflate.h"
#include "gateway/json_scratch.h"
#include "gateway/stream_relay.h"

namespace sightglass::gateway {

// Why usage is not known; the pack's values.
enum class UsageGap : std::uint8_t {
  kNone,
  kNotSent,
  kClientGone,
  kUpstreamBroken,
  kInflateLimit,
  kBodyTooLarge,
  kUnparsable,
  kInterrupted,
};
std::string_view usage_gap_name(UsageGap gap);  // kNone: ""

// Bounds: 64 MiB of a body that is not streamed, 1 MiB of an error's; one event as SseScanner says.
// Reuse one object for many answers.
class AnswerMeter {
 public:
  enum class Form : std::uint8_t { kStream, kBody, kError };
  struct Answer {
    Dialect dialect = Dialect::kNone;
    Form form = Form::kBody;
    ContentCoding coding = ContentCoding::kIdentity;
    HideUsage hide = HideUsage::kNo;
  };
  void start(const Answer& answer);

  // Whether the client gets exactly what comes. Then write first and feed afterwards; else write
  // what feed() and finish() return. Where the chunk to hide lies in a compressed stream, the
  // client gets the stream decoded.
  bool transparent() const { return answer_.hide == HideUsage::kNo; }

  // Returns what the client gets now; valid until the next call and as long as `in`.
  std::string_view feed(std::string_view in, Nanos now_ns, JsonScratch& scratch);
  std::string_view finish(JsonScratch& scratch);  // the answer is complete, or broke off

  const AnswerReader& reader() const { return reader_; }
  UsageGap gap() const;                                         // kNone when usage was reported
  bool undecodable() const;                                     // and the client needs it decoded
  Nanos first_event_ns() const { return first_event_ns_; }      // 0: none yet
  Nanos first_content_ns() const { return first_content_ns_; }  // 0: none yet
  Nanos longest_stall_ns() const { return longest_stall_ns_; }  // between two reads with events
  std::int64_t chunks() const { return chunks_; }               // events with data, less "[DONE]"
  std::size_t hidden() const { return relay_.hidden(); }

 private:
  std::string_view stream(std::string_view in, Nanos now_ns, JsonScratch& scratch);
  void keep(std::string_view in);

  Answer answer_;
  AnswerReader reader_;
  StreamRelay relay_;
  Inflater inflater_;
  std::string decoded_;
  std::string body_;
  UsageGap gap_ = UsageGap::kNone;
  Nanos first_event_ns_ = 0;
  Nanos first_content_ns_ = 0;
  Nanos last_event_ns_ = 0;
  Nanos longest_stall_ns_ = 0;
  std::int64_t chunks_ = 0;
};

}  // namespace sightglass::gateway
