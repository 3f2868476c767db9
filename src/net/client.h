// The HTTP/1.1 client: pooled keep-alive connections to upstreams, one pool per loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "base/telemetry.h"
#include "net/http1.h"
#include "net/loop.h"
#include "net/stream.h"

namespace sightglass::net {

// Where to. The authority always comes from configuration.
struct Origin {
  bool tls = false;
  Address address = {};
  std::string authority = {};  // for Host: "api.openai.com" or "127.0.0.1:9101"
};
// From "https://api.openai.com/v1": the origin and the path prefix ("/v1", "" for none; a slash at
// the end is dropped). http and https only; no user, query or fragment.
struct OriginAndPath {
  Origin origin;
  std::string path;
};
Result<OriginAndPath> parse_url(std::string_view url);

enum class CallError : std::uint8_t {
  kResolve,
  kConnect,
  kTls,
  kTimeoutConnect,
  kTimeoutHead,
  kTimeoutIdle,
  kReset,
  kBadResponse,
  kTruncated,
  kCancelled
};
std::string_view call_error_name(CallError error);

// What a call tells its owner, always on the loop's thread, never from inside a method of Call or
// Client. After on_end or on_error nothing more comes and the Call is gone. A callback may send,
// cancel and pause; it must not destroy the client.
class CallHandler {
 public:
  virtual ~CallHandler() = default;
  virtual void on_sent() {}     // the whole request was written
  virtual void on_drained() {}  // of a streamed body: all that was handed over so far was written
  // Interim answers (1xx) are skipped. `head` and its views stay valid until on_end or on_error
  // has returned, or cancel().
  virtual void on_head(const ResponseHead& head) = 0;
  virtual void on_body(std::string_view content) = 0;  // framing taken off; valid for the call
  virtual void on_end() = 0;
  // `response_started`: bytes of the answer had come. `request_sent`: something had been written.
  virtual void on_error(CallError error, bool response_started, bool request_sent) = 0;
};

// One request on its way. Owned by the client; dead after on_end/on_error/cancel().
class Call {
 public:
  virtual ~Call() = default;
  virtual void cancel() = 0;  // closes the connection; no further callback
  virtual void pause() = 0;   // stop reading: the other side is slow; no timeout meanwhile
  virtual void resume() = 0;  // what waits is delivered after the loop's current round
  // For bodies that are streamed: more content, then finish. The head must have said
  // Transfer-Encoding: chunked (framed here) or the exact Content-Length.
  virtual void write_body(std::string_view content) = 0;
  virtual void finish_body() = 0;
  virtual std::size_t unsent_bytes() const = 0;
};

struct Timeouts {
  Nanos connect_ns = 10 * kSecond;
  Nanos head_ns = 600 * kSecond;  // from sent to the answer's head
  Nanos idle_ns = 300 * kSecond;  // between two reads of the body
  // A failure this long after the request was sent is the peer's answer to it rather than news of a
  // connection that had been closed before; sending again could do the work twice.
  Nanos again_ns = kSecond;
};

// Threads: one loop's. A request that fails within again_ns on a reused connection before any byte
// of an answer is sent again once on a new one (the peer closed while idle), unless its body was
// streamed. A connection is not reused after an answer that came before the request was written,
// with bytes behind it, or with `Connection: close`; an idle one that hears anything is dropped.
// Ownership: destroying the client closes everything; calls get no further callback.
// Bounds: `max_idle` idle connections per origin (kept 60 s), 64 KiB of read buffer each while
// active; resolving happens on a helper thread and is cached for 30 s.
// Cost: on a reused connection one write and one read, and no allocation once the objects exist;
// blank_request() gives the strings of earlier requests back.
class Client {
 public:
  struct Options {
    std::size_t max_idle = 256;
    Timeouts timeouts = {};
    std::shared_ptr<TlsContext> tls = nullptr;  // null: https fails with kTls
    // Numeric addresses of a host name, none when it does not resolve. Runs on the helper thread;
    // empty: the system's resolver.
    std::function<std::vector<std::string>(const std::string& host)> resolve = nullptr;
  };
  static std::unique_ptr<Client> make(Loop& loop, Options options, Telemetry& telemetry);
  virtual ~Client() = default;

  // `head`: the whole head text, CRLF CRLF included. `body`: pieces borrowed until on_sent or the
  // call's end. `streamed`: more follows through write_body(). `is_head`: method HEAD.
  struct Request {
    std::string head = {};
    std::vector<std::string_view> body = {};
    bool streamed = false;
    bool is_head = false;
  };
  virtual Request blank_request() = 0;
  virtual Call* send(const Origin& origin, Request request, CallHandler* handler) = 0;
  virtual std::size_t open_connections() const = 0;
};

}  // namespace sightglass::net
