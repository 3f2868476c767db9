// One client's connection and the exchange that runs on it. Not for other rooms.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/exchange.h"
#include "http/gatekeeper.h"
#include "http/output_queue.h"
#include "http/worker.h"
#include "net/http1.h"
#include "net/stream.h"

namespace sightglass::http {

// The state machine of a connection; it is its own Exchange, since HTTP/1.1 has one at a time.
// Pipelined requests wait until the one before them is answered.
//
// Input is read into the worker's scratch; only the head (which views point into until the
// exchange ends) and what cannot be used yet are copied. So an idle connection holds little memory
// and one read takes head and body together.
//
// No handler dies on its own stack: whatever ends an exchange only notes it, and settle() ends it
// when control is back in the connection's own entry points (or in a deferred task).
//
// Ownership: the worker's, which uses it again after it closed. Threads: the worker's.
class Connection final : public net::IoHandler, public Exchange {
 public:
  explicit Connection(Worker& worker);
  ~Connection() override;

  // Takes over a connected stream.
  Status open(std::unique_ptr<net::Stream> stream, const Door& door, std::string peer);
  void cut();  // the server stops

  void on_io(std::uint32_t events) override;

  std::size_t slot = 0;  // the worker's: where it stands in the list of open connections
  void set_counted(bool counted) { counted_ = counted; }  // in AddressCounts
  bool counted() const { return counted_; }
  const std::string& peer() const { return peer_; }
  const Door& door() const { return *door_; }

  // Exchange:
  const net::RequestHead& request() const override { return head_; }
  const std::string& request_id() const override { return request_id_; }
  std::string_view remote_address() const override { return remote_; }
  bool on_loopback_listener() const override { return door_->loopback; }
  Nanos first_byte_ns() const override { return first_byte_ns_; }
  net::Loop& loop() override { return worker_.loop(); }
  std::size_t worker() const override { return worker_.index(); }
  std::string_view actor() const override { return actor_; }
  bool secure() const override { return secure_; }
  void set_body_limit(std::uint64_t bytes) override { body_limit_ = bytes; }
  void pause_body() override { paused_ = true; }
  void resume_body() override;
  void respond(Response response) override;
  void start(std::string head, std::optional<std::uint64_t> length) override;
  void write(std::string_view content) override;
  void write_shared(std::shared_ptr<const std::string> content) override;
  void end() override;
  void abort() override;
  bool started() const override { return started_; }
  bool writable() const override { return !over_bound_; }
  void set_write_bound(std::size_t bytes) override { write_bound_ = bytes; }
  std::uint64_t bytes_written() const override { return written_; }

 private:
  enum class State : std::uint8_t {
    kClosed,
    kHandshake,  // TLS
    kHead,       // waiting for a request, or inside its head
    kBody,       // an exchange runs, its body still comes
    kAnswer,     // an exchange runs, its request is complete
    kDiscard,    // the exchange is over, the rest of its body is read and dropped
    kLinger,     // our side is shut; reading until the client has seen the answer
  };
  enum class Framing : std::uint8_t { kNone, kLength, kChunked, kUntilClose };
  // Marks that control is inside the connection's own code, so that settling can wait for it.
  class Entry;

  // connection.cc: input, time and ends
  void shake_hands();
  void pump();
  bool wants_input() const;
  void feed(std::string_view& in);
  void feed_head(std::string_view& in);
  void feed_body(std::string_view& in);
  void body_complete();
  void end_of_input();
  void notice_departure();
  void lost();
  void schedule_end(bool client_gone);
  void settle();
  void come_back();
  void on_later();
  void leave();
  void next_head();
  void linger_or_close();
  void close_now();
  void on_timer();
  void on_input_timeout(Nanos now_ns);
  void set_input_deadline(Nanos after_ns);
  void set_output_deadline();
  void arm();

  // dispatch.cc: from a head to its handler
  void begin_exchange();
  void dispatch();
  void take_request_id();
  bool find_route();
  bool check_origin();
  bool check_credentials();
  void answer_options();
  const std::vector<std::string>& origins_of(const Route& route) const;
  void refuse(Reason reason, int status, std::string_view type, std::string_view sentence);
  // `path`: what the request line seems to name, for the shape of the answer alone.
  void refuse_unparsed(int status, std::string_view sentence, std::string_view path = {});
  void refuse_for_handler(int status, std::string_view type, std::string_view sentence);
  void send_continue();
  AdminRequest admin_request();
  std::string audit_path_;
  void audit_done();

  // answer.cc: output
  bool decide_persistence();
  void append_own_fields(std::string& head);
  void append_framing(std::string& head, std::optional<std::uint64_t> length);
  std::size_t send(const iovec* parts, int count, std::size_t total);
  void after_send();
  void note_level();
  void flush();
  void write_content(std::string_view content, const std::shared_ptr<const std::string>* shared);

  Worker& worker_;
  Shared& shared_;
  const Limits& limits_;
  net::Timer timer_;
  net::Later later_;
  Nanos timer_deadline_ns_ = 0;
  Nanos input_deadline_ns_ = 0;   // 0: none; what it means depends on the state
  Nanos output_deadline_ns_ = 0;  // 0: nothing unsent

  // The connection.
  std::unique_ptr<net::Stream> stream_;
  const Door* door_ = nullptr;
  std::string peer_;
  bool peer_trusted_ = false;
  bool counted_ = false;
  State state_ = State::kClosed;
  int depth_ = 0;
  bool readable_ = false;        // the socket may hold input
  bool end_seen_ = false;        // the client has shut its sending side
  bool reset_seen_ = false;      // it is gone altogether
  bool blocked_ = false;         // the socket took less than offered
  bool flush_waits_ = false;     // a head is held back until the round's end
  bool writable_waits_ = false;  // the handler is to hear that it may write again
  std::string host_seen_;        // the last Host that was allowed: rarely changes
  std::string rest_;             // input that came too early
  std::size_t rest_used_ = 0;
  OutputQueue out_;

  // The exchange.
  net::HeadParser parser_;
  net::BodyDecoder decoder_;
  std::string head_text_;  // what head_ views into
  bool head_begun_ = false;
  net::RequestHead head_;
  std::vector<std::string> parameters_;
  std::unique_ptr<Handler> handler_;
  const Route* route_ = nullptr;
  std::string request_id_;
  std::string_view remote_;
  std::string actor_;
  std::string_view refusal_;  // why it was not let in, a fixed word
  std::string cors_origin_;
  Nanos first_byte_ns_ = 0;
  bool in_exchange_ = false;
  bool audited_ = false;
  bool secure_ = false;
  bool paused_ = false;
  bool continue_waits_ = false;  // the client waits for 100
  bool parsed_ = false;          // the head was understood
  std::uint64_t body_limit_ = 0;
  std::uint64_t body_seen_ = 0;
  std::uint64_t window_bytes_ = 0;  // of the body, in the current window of the rate
  bool window_open_ = false;

  // The answer.
  bool started_ = false;
  bool ended_ = false;
  bool persist_ = false;
  bool bodiless_ = false;  // HEAD, 204, 304
  bool cut_ = false;
  bool end_pending_ = false;
  bool end_gone_ = false;
  bool over_bound_ = false;
  Framing framing_ = Framing::kNone;
  int status_ = 0;
  std::uint64_t length_left_ = 0;
  std::uint64_t written_ = 0;
  std::size_t write_bound_ = 0;
};

}  // namespace sightglass::http
