// Room-internal: one request's way through the gateway.
//
// The way: begin → (body) → choose → send → relay → finish. request.cc reads it from the client and
// decides where it goes, upstream.cc sends it and tries again where that is safe, relay.cc brings
// the answer back, terminal.cc tells how it ended. The client's side and the provider's side end
// independently; when both have, there is one terminal record and the object is free again.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "gateway/answer_meter.h"
#include "gateway/conventions.h"
#include "gateway/credentials.h"
#include "gateway/request_scan.h"
#include "gateway/splice.h"
#include "gateway/story.h"
#include "gateway/trace_context.h"
#include "gateway/worker.h"
#include "http/exchange.h"
#include "net/client.h"
#include "net/loop.h"

namespace sightglass::gateway {

// How a request came in: under /v1, or under /providers/{id}/{rest}.
struct Entry {
  std::string_view provider_id;  // "": under /v1
  std::string_view rest;         // below /providers/{id}
};

// Threads: its worker's. Reused: begin() starts anew.
class Request final : public net::CallHandler {
 public:
  explicit Request(Worker& worker);

  // The client's side.
  void begin(http::Exchange& exchange, const Entry& entry);
  void client_body(std::string_view content);
  void client_body_end();
  void client_writable();
  void client_refused(int status);
  void client_closed(bool gone);

  // The provider's side.
  void on_sent() override;
  void on_drained() override;
  void on_head(const net::ResponseHead& head) override;
  void on_body(std::string_view content) override;
  void on_end() override;
  void on_error(net::CallError error, bool response_started, bool request_sent) override;

  void interrupt(ErrorType why);
  bool active() const { return active_; }
  const std::string& id() const { return story_.request_id; }

 private:
  // request.cc
  void clear();
  void forget_body();
  void describe(const Entry& entry);
  void grow_body(std::string_view content);
  void proceed();  // the body is there
  void note_upload();
  bool read_body();
  bool choose();
  bool choose_provider();
  bool choose_key();
  void reject(ErrorType why);
  void refuse_identity();
  void answer_error(ErrorType why);

  // limits.cc
  bool admit();
  bool ask_others(control::SharedLimits& others);
  void on_decided(std::optional<control::Refusal> refusal);
  bool take_decision();
  void charge_since_limited(std::int64_t tokens, std::int64_t nanousd);
  std::optional<control::Estimate> estimate() const;
  std::int64_t estimated_input() const;
  std::int64_t estimated_output() const;
  void write_refusal(http::Response& response) const;
  void settle_limits();

  // upstream.cc
  enum class BodyForm : std::uint8_t { kBuffered, kStreamed };
  enum class UsageQuestion : std::uint8_t { kLeave, kAsk };
  void prepare(UsageQuestion question);
  void tell(Companion companion);
  void write_head();
  void send(BodyForm form);
  void attempt();
  void stream_body(std::string_view content);
  void go_on_streaming();
  bool try_again(ErrorType why, net::CallError error, bool response_started, bool request_sent);
  bool ask_again_without_usage(int status);
  bool ask_again_with_another_key(const net::ResponseHead& head);
  void fail(ErrorType why);
  void close_call();
  void on_timer();

  // relay.cc
  void relay(std::string_view content);
  void write(std::string_view content);
  void update_live(Nanos now_ns);
  void start_live();
  void leave();  // the client has left: read on, or not

  // terminal.cc
  void finish_if_done();
  void finish();
  void tell_activities();
  void settle_outcome();
  void settle_usage();
  void settle_times();
  Nanos now_ns() const;
  Nanos since_start(Nanos at_ns) const { return at_ns == 0 ? 0 : at_ns - first_byte_ns_; }

  Worker& worker_;
  net::Timer timer_;  // the next attempt, or the end of a drain
  std::shared_ptr<const Settings> settings_;
  http::Exchange* exchange_ = nullptr;  // null once the client's side is over
  net::Call* call_ = nullptr;           // null before, between and after attempts

  Story story_;
  RequestScan scan_;
  Splice splice_;
  TraceContext trace_;
  Conventions conventions_;  // views into the exchange's head
  AnswerMeter meter_;
  Credentials credentials_;
  control::Ticket ticket_;  // what this request holds of its client's limits
  control::Estimate estimate_;
  std::optional<control::Refusal> refusal_;
  const Provider* provider_ = nullptr;
  const ProviderKey* key_ = nullptr;
  live::Requests::Table::Handle live_row_ = live::Requests::Table::kNone;

  std::string body_;    // buffered, with room for kJsonPadding behind it
  std::string head_;    // to the provider; kept for another attempt
  std::string target_;  // path and query at the provider

  enum class Side : std::uint8_t { kReading, kStreaming, kServing, kAnswered };
  Side side_ = Side::kReading;
  bool active_ = false;
  bool recorded_ = true;         // false: no identity, no record
  bool fixed_provider_ = false;  // named by the path
  bool large_ = false;           // streams through unread
  bool upload_streams_ = false;  // a file whose end was not seen
  bool asks_for_usage_ = false;
  bool asked_in_vain_ = false;
  bool body_paused_ = false;
  bool call_paused_ = false;
  bool waiting_ = false;  // for the next attempt
  bool asking_ = false;   // whether limits shared with other gateways have room
  bool admitting_ = false;
  bool draining_ = false;  // reading on without a client
  bool body_ended_ = false;
  bool sent_ = false;
  bool upstream_complete_ = false;
  bool client_gone_ = false;
  ErrorType error_ = ErrorType::kNone;
  Nanos first_byte_ns_ = 0;
  Nanos call_begin_ns_ = 0;
  Nanos head_ns_ = 0;
  Nanos live_updated_ns_ = 0;
  std::uint64_t drained_bytes_ = 0;
};

}  // namespace sightglass::gateway
