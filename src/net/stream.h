// A connected byte stream, plain or TLS, non-blocking.
#pragma once

#include <sys/uio.h>

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"

namespace sightglass::net {

enum class IoState : std::uint8_t {
  kOk,     // `bytes` were moved
  kAgain,  // wait for the descriptor
  kEnd,    // the peer closed its side in an orderly way
  kError,  // reset, TLS failure, …
};

struct IoResult {
  IoState state = IoState::kOk;
  std::size_t bytes = 0;
};

// Ownership: closes its descriptor. Threads: one loop's. TCP_NODELAY is always on; nothing is
// corked, so what write() took is on its way.
// A failed stream stays failed; its errors carry no text on purpose.
class Stream {
 public:
  virtual ~Stream() = default;
  virtual int fd() const = 0;
  // kOk means at least one byte. A plain stream that gives less than `size` is drained for now: no
  // further read() is needed before the next edge, unless the event said EPOLLRDHUP or EPOLLHUP.
  virtual IoResult read(char* out, std::size_t size) = 0;
  // May take less than offered; then offer the rest, at least as much of it, when the descriptor is
  // writable. SIGPIPE is never raised. `count` may be over IOV_MAX.
  virtual IoResult write(const iovec* parts, int count) = 0;
  // Goes on with the TLS handshake; kOk when established (plain: at once).
  virtual IoResult handshake() = 0;
  // TLS holds decrypted bytes that epoll cannot see: read until kAgain.
  virtual bool secure() const = 0;
  virtual void shutdown_write() = 0;  // orderly: with TLS, says so first
};

// A TLS side: certificates and verification, shared by its streams. TLS 1.2 and up, ALPN http/1.1.
// The client side remembers a session per name (64 names) and resumes it.
// Ownership: must outlive its streams. Threads: wrap() from any. Errors: wrap() leaves the
// descriptor open when it fails.
class TlsContext {
 public:
  virtual ~TlsContext() = default;
  struct ServerOptions {
    std::string certificate_file, key_file;  // PEM
  };
  struct ClientOptions {
    std::string ca_file;  // empty: the system's store. Verification cannot be switched off.
  };
  static Result<std::unique_ptr<TlsContext>> server(const ServerOptions& options);
  static Result<std::unique_ptr<TlsContext>> client(const ClientOptions& options);
  // `name`: for SNI and verification (client side); a host name or a numeric address.
  virtual Result<std::unique_ptr<Stream>> wrap(int fd, const std::string& name) = 0;
};

std::unique_ptr<Stream> plain_stream(int fd);

struct Address {
  std::string host = {};  // name, IPv4, or IPv6 without brackets
  std::uint16_t port = 0;
};

// A listening socket, non-blocking, SO_REUSEADDR and, when asked, SO_REUSEPORT. The host is
// numeric, "localhost", or empty for every address of both families. kExists: the port is in use.
Result<int> listen_tcp(const Address& address, bool reuse_port, int backlog = 1024);
Result<int> listen_unix(const std::string& path);  // replaces a stale socket; mode 0600
// Starts to connect to a resolved numeric address; completion shows as EPOLLOUT.
Result<int> connect_tcp(const Address& numeric);
// Takes one connection off a listener, non-blocking; kBusy when there is none, kUnavailable when
// descriptors or memory are short (EMFILE, ENFILE, ENOBUFS, ENOMEM).
Result<int> accept_connection(int listener);
std::uint16_t local_port(int fd);  // 0 for Unix sockets
bool is_numeric_host(const std::string& host);
std::string peer_address(int fd);  // numeric, without the port; "" for Unix sockets
bool is_loopback(const std::string& numeric_host);  // 127/8, ::1, and ::ffff:127/104

}  // namespace sightglass::net
