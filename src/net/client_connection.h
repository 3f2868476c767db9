// The two halves of a call on its way: what was asked, and the connection that carries it.
// Internal to the room.
#pragma once

#include <array>
#include <optional>
#include <vector>

#include "net/client.h"
#include "net/resolver.h"

namespace sightglass::net {

class ClientConnection;
class ClientCore;

// The idle connections of one origin.
struct ClientPool {
  Origin origin;
  std::vector<ClientConnection*> idle;  // the one used last at the back
};

// What was asked. Objects come from the core's free list and return to it at the end of the round
// in which the call ended, so that a pointer held across a callback never means another call.
class ClientCall final : public Call {
 public:
  explicit ClientCall(ClientCore& core) : core_(core) {}
  void cancel() override;
  void pause() override;
  void resume() override;
  void write_body(std::string_view content) override;
  void finish_body() override;
  std::size_t unsent_bytes() const override;

  void begin(Client::Request request, CallHandler* handler, ClientPool* pool);
  void rewind();  // everything is to be written once more
  void take(std::size_t bytes);
  bool all_written() const { return next_part == parts.size() && body_finished; }
  bool retry_allowed(Nanos now_ns, Nanos window_ns) const;

  Client::Request request;
  CallHandler* handler = nullptr;
  ClientPool* pool = nullptr;
  ClientConnection* connection = nullptr;  // null when the call is over
  std::vector<iovec> parts;                // what is written, from next_part on
  std::size_t next_part = 0;
  std::string streamed;  // framed content that waits; the last of the parts while it is written
  bool chunked = false;
  bool body_finished = true;
  bool sent = false;
  bool report_sent = false;
  bool report_drained = false;
  bool request_sent = false;  // a byte was written, on whichever connection
  bool response_started = false;
  bool reused = false;
  bool retried = false;
  bool paused = false;
  Nanos started_ns = 0;

 private:
  void append(std::string_view a, std::string_view b, std::string_view c);
  ClientCore& core_;
};

class ClientConnection final : public IoHandler {
 public:
  enum class Phase : std::uint8_t { kFree, kResolving, kConnecting, kHandshaking, kActive, kIdle };

  ClientConnection(ClientCore& core, Loop& loop);

  void open_for(ClientCall& call);   // a new connection for the call
  void reuse_for(ClientCall& call);  // from idle
  void close();                      // to the free list, without a word to anybody
  void flush();                      // writes what the socket takes
  void set_paused(bool paused);
  void release_buffer();

  bool open() const { return stream_ != nullptr; }
  std::size_t idle_index = 0;  // where it stands in its pool

 private:
  static constexpr std::size_t kBufferBytes = 64 << 10;
  static constexpr int kReadsPerTurn = 8;
  static constexpr int kMaxInterim = 16;

  void attach(ClientCall& call);
  void on_io(std::uint32_t events) override;
  void on_timer();
  void pump();
  void on_addresses(Addresses addresses);
  void open_next_address();
  void on_connected();
  void go_on_with_handshake();
  void activate();
  void read_answer();
  bool take_answer();  // false when the call or the connection is over
  bool take_head();
  std::string_view gather();
  bool take_body();
  bool report();
  void finish();
  void on_idle_io(std::uint32_t events);
  void on_end_of_input(IoState state);
  void lost(CallError error);  // sends again where that is allowed, else fails
  void fail(CallError error);
  void fail_later(CallError error);

  ClientCore& core_;
  Loop& loop_;
  Timer timer_;
  Later pump_;  // what must not happen inside a method of Call or Client
  std::unique_ptr<Stream> stream_;
  ClientCall* call_ = nullptr;
  ClientPool* pool_ = nullptr;
  Addresses addresses_;
  std::size_t next_address_ = 0;
  std::unique_ptr<char[]> buffer_;  // the head stays at its front until the call's end
  std::size_t begin_ = 0;           // received and not yet taken: [begin_, end_)
  std::size_t end_ = 0;
  std::size_t body_start_ = 0;
  HeadParser parser_;
  ResponseHead head_;
  BodyDecoder decoder_;
  std::uint64_t serial_ = 0;
  std::optional<CallError> pending_error_;
  Phase phase_ = Phase::kFree;
  int interim_ = 0;
  bool head_done_ = false;
  bool hung_up_ = false;  // an event said so: read to the end, and do not reuse
  bool write_failed_ = false;
  bool read_soon_ = false;
};

// What connections and calls share: pools, free lists, counters.
class ClientCore final : public Client {
 public:
  ClientCore(Loop& loop, Options options, Telemetry& telemetry);
  ~ClientCore() override;
  Request blank_request() override;
  Call* send(const Origin& origin, Request request, CallHandler* handler) override;
  std::size_t open_connections() const override;

  ClientConnection* take_connection();  // from the free list
  void retire(ClientConnection* connection);
  void retire(ClientCall* call);
  std::unique_ptr<char[]> take_buffer(std::size_t bytes);
  void return_buffer(std::unique_ptr<char[]> buffer);
  bool make_idle(ClientConnection* connection, ClientPool& pool);  // false: the pool is full
  void leave_idle(ClientConnection* connection, ClientPool& pool);

  Loop& loop;
  const Options options;
  Resolver resolver;
  Counter& opened;
  Counter& retried;
  Counter& idle_expired;
  Counter& idle_closed;
  Counter& idle_talked;
  Counter& idle_full;
  Gauge& open_gauge;
  std::array<Counter*, 10> errors{};  // by CallError

 private:
  ClientPool& pool_of(const Origin& origin);
  void recycle();

  std::vector<std::unique_ptr<ClientPool>> pools_;
  std::vector<std::unique_ptr<ClientConnection>> connections_;
  std::vector<ClientConnection*> free_connections_;
  std::vector<ClientConnection*> retired_connections_;
  std::vector<std::unique_ptr<ClientCall>> calls_;
  std::vector<ClientCall*> free_calls_;
  std::vector<ClientCall*> retired_calls_;
  std::vector<std::unique_ptr<char[]>> buffers_;
  std::vector<Request> requests_;
  Later recycle_;
};

}  // namespace sightglass::net
