// One request and its answer: what the server hands to whoever serves a route.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "net/http1.h"
#include "net/loop.h"

namespace sightglass::http {

struct Limits {
  net::Limits head;
  std::uint64_t body_bytes = 64ull << 20;  // a route may allow less or more
  Nanos header_time_ns = 10 * kSecond;
  Nanos body_grace_ns = 10 * kSecond;    // then at least body_rate
  std::uint64_t body_rate_bytes = 1024;  // a second
  Nanos idle_ns = 75 * kSecond;          // also: how long unsent output may stand still
  Nanos tls_handshake_ns = 5 * kSecond;
  std::size_t connections = 16 << 10;
  std::size_t connections_per_address = 64;  // off loopback
  std::size_t write_buffer_bytes = 1 << 20;  // per exchange; past it `writable()` is false
};

struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

class Exchange;

// What serves one request; made by its route, owned by the exchange. All calls on the worker's
// thread, never from inside a call into the exchange. A handler may keep the Exchange& until
// on_close; it answers whenever it likes.
class Handler {
 public:
  virtual ~Handler() = default;
  // The head is there; nothing of the body yet.
  virtual void on_request(Exchange& exchange) = 0;
  // Not called any more once the answer has ended.
  virtual void on_body(Exchange& exchange, std::string_view content) = 0;
  virtual void on_body_end(Exchange& exchange) = 0;
  // The output fell to half of the write buffer's bound or below after having been over it.
  virtual void on_writable(Exchange& exchange) { (void)exchange; }
  // The server answers in the handler's place: the body broke its framing (400), came too slowly
  // (408) or passed its limit (413). on_close follows, with client_gone false.
  virtual void on_refused(Exchange& exchange, int status) { (void)exchange, (void)status; }
  // The exchange is over. `client_gone`: the client left before the answer's end was written.
  // Last call; the handler dies after it.
  virtual void on_close(Exchange& exchange, bool client_gone) = 0;
};

// One request and its answer on a connection. Valid from on_request to on_close.
//
// A client that closes its sending side while its request is being served has left, and on_close
// says so at once; unless the request said that no other follows (`Connection: close`, HTTP/1.0):
// then the half-closed connection is still answered, and only a reset shows that it is gone.
class Exchange {
 public:
  virtual ~Exchange() = default;
  virtual const net::RequestHead& request() const = 0;
  virtual const std::string& request_id() const = 0;    // accepted from x-request-id, or made
  virtual std::string_view remote_address() const = 0;  // by the trusted-proxy rule; "" for Unix
  virtual bool on_loopback_listener() const = 0;
  virtual Nanos first_byte_ns() const = 0;  // monotonic, when the request's first byte was read
  virtual net::Loop& loop() = 0;
  virtual std::size_t worker() const = 0;
  // Who was authenticated: "admin", a login's id, "scrape", "local"; "" when the route is open.
  virtual std::string_view actor() const { return {}; }
  virtual bool secure() const { return false; }  // TLS here or at a trusted proxy

  virtual void set_body_limit(std::uint64_t bytes) = 0;
  virtual void pause_body() = 0;  // stop reading the client: upstream is slow
  virtual void resume_body() = 0;

  // A whole answer at once. x-request-id, Date, Content-Length and nosniff are added here.
  virtual void respond(Response response) = 0;
  // Or in parts. `head`: status line and fields as text with the last CRLF of a field but without
  // the empty line; the framing field is added here: Content-Length when `length` is given, else
  // chunked (HTTP/1.0: until close). Framing, Connection and x-request-id fields in `head` are
  // replaced by ours.
  virtual void start(std::string head, std::optional<std::uint64_t> length) = 0;
  // Written at once when the socket takes it; the rest is copied and queued. Past four times the
  // write buffer's bound the connection is cut, and that is counted: ask writable().
  virtual void write(std::string_view content) = 0;
  // The same without a copy, for what many viewers share.
  virtual void write_shared(std::shared_ptr<const std::string> content) { write(*content); }
  virtual void end() = 0;
  virtual void abort() = 0;  // cut the connection: the answer cannot be completed honestly
  virtual bool started() const = 0;
  virtual bool writable() const = 0;
  virtual void set_write_bound(std::size_t bytes) { (void)bytes; }  // in place of the limit's
  virtual std::uint64_t bytes_written() const = 0;                  // of the answer's content
};

// An error body in the admin API's own shape:
// {"error":{"message":…,"type":…,"code":…,"request_id":…}}
Response error_response(int status, std::string_view type, std::string_view message,
                        std::string_view request_id);

std::string_view status_reason(int status);  // "Not Found"; "" when unknown

// The value of one cookie in a Cookie field (RFC 6265 section 5.4), "" when absent.
std::string_view cookie_value(std::string_view cookies, std::string_view name);

}  // namespace sightglass::http
