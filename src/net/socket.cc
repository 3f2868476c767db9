#include "net/socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <optional>
#include <utility>

namespace sightglass::net {
namespace {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

std::optional<SocketAddress> numeric_address(const std::string& host, std::uint16_t port) {
  SocketAddress out;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&out.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    out.size = sizeof *v4;
    return out;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&out.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    out.size = sizeof *v6;
    return out;
  }
  return std::nullopt;
}

// Closes unless released.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int get() const { return fd_; }
  int release() { return std::exchange(fd_, -1); }

 private:
  int fd_;
};

void set_flag(int fd, int level, int option, int value) {
  setsockopt(fd, level, option, &value, sizeof value);
}

class PlainStream final : public Stream {
 public:
  explicit PlainStream(int fd) : fd_(fd) {}
  int fd() const override { return fd_.get(); }
  IoResult read(char* out, std::size_t size) override { return receive(fd_.get(), out, size); }
  IoResult write(const iovec* parts, int count) override {
    return transmit(fd_.get(), parts, count);
  }
  IoResult handshake() override { return {}; }
  bool secure() const override { return false; }
  void shutdown_write() override { shutdown(fd_.get(), SHUT_WR); }

 private:
  Descriptor fd_;
};

}  // namespace

IoResult receive(int fd, char* out, std::size_t size) {
  for (;;) {
    const auto n = recv(fd, out, size, 0);
    if (n > 0) return {IoState::kOk, static_cast<std::size_t>(n)};
    if (n == 0) return {IoState::kEnd, 0};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? IoState::kAgain : IoState::kError, 0};
  }
}

IoResult transmit(int fd, const iovec* parts, int count) {
  for (;;) {
    ssize_t n = 0;
    if (count == 1) {
      n = send(fd, parts->iov_base, parts->iov_len, MSG_NOSIGNAL);
    } else {
      msghdr message{};
      message.msg_iov = const_cast<iovec*>(parts);  // sendmsg() only reads it
      message.msg_iovlen = static_cast<std::size_t>(std::clamp(count, 0, IOV_MAX));
      n = sendmsg(fd, &message, MSG_NOSIGNAL);
    }
    if (n >= 0) return {IoState::kOk, static_cast<std::size_t>(n)};
    if (errno == EINTR) continue;
    return {errno == EAGAIN ? IoState::kAgain : IoState::kError, 0};
  }
}

void set_no_delay(int fd) { set_flag(fd, IPPROTO_TCP, TCP_NODELAY, 1); }

std::unique_ptr<Stream> plain_stream(int fd) {
  set_no_delay(fd);
  return std::make_unique<PlainStream>(fd);
}

Result<int> listen_tcp(const Address& address, bool reuse_port, int backlog) {
  const bool every = address.host.empty();
  const std::string host = every ? "::" : address.host == "localhost" ? "127.0.0.1" : address.host;
  auto numeric = numeric_address(host, address.port);
  if (!numeric) return fail(Code::kInvalid, "the address to listen on must be numeric");
  int family = numeric->storage.ss_family;
  int raw = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (raw < 0 && every && errno == EAFNOSUPPORT) {  // a machine without IPv6
    family = AF_INET;
    numeric = numeric_address("0.0.0.0", address.port);
    raw = socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  }
  Descriptor fd(raw);
  if (fd.get() < 0) return fail_errno("socket", errno);
  set_flag(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1);
  if (reuse_port) set_flag(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1);
  if (family == AF_INET6) set_flag(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, every ? 0 : 1);
  set_no_delay(fd.get());  // accepted sockets inherit it
  if (bind(fd.get(), numeric->get(), numeric->size) != 0 || listen(fd.get(), backlog) != 0) {
    if (errno == EADDRINUSE) return fail(Code::kExists, "the port is in use");
    if (errno == EACCES) return fail(Code::kDenied, "the port needs privileges");
    return fail_errno("listen", errno);
  }
  return fd.release();
}

Result<int> listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return fail(Code::kInvalid, "the socket's path is empty or too long");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);

  struct stat status{};
  if (lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) return fail(Code::kExists, "the path is not a socket");
    // Somebody answers: it is not stale.
    const Descriptor probe(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (connect(probe.get(), generic, sizeof address) == 0 || errno == EAGAIN) {
      return fail(Code::kExists, "the socket is in use");
    }
    unlink(path.c_str());
  }
  Descriptor fd(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail_errno("socket", errno);
  // The mode is set on the descriptor's file before it can be connected to: bind() makes it with
  // the mode of the unconnected socket, and listen() comes last.
  if (fchmod(fd.get(), 0600) != 0 || bind(fd.get(), generic, sizeof address) != 0 ||
      chmod(path.c_str(), 0600) != 0 || listen(fd.get(), 128) != 0) {
    if (errno == EADDRINUSE) return fail(Code::kExists, "the socket is in use");
    return fail_errno("listen", errno);
  }
  return fd.release();
}

Result<int> connect_tcp(const Address& numeric) {
  const auto address = numeric_address(numeric.host, numeric.port);
  if (!address) return fail(Code::kInvalid, "the address to connect to must be numeric");
  Descriptor fd(socket(address->storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (fd.get() < 0) return fail_errno("socket", errno);
  set_no_delay(fd.get());
  if (connect(fd.get(), address->get(), address->size) != 0 && errno != EINPROGRESS) {
    return fail_errno("connect", errno);
  }
  return fd.release();
}

Result<int> accept_connection(int listener) {
  for (;;) {
    const int fd = accept4(listener, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0) return fd;
    switch (errno) {
      case EINTR:
      case ECONNABORTED:  // this one has left; there may be more
      case EPROTO:
        continue;
      case EAGAIN:
        return fail(Code::kBusy, "no connection waits");
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return fail(Code::kUnavailable, "descriptors or memory are short");
      default:
        return fail_errno("accept", errno);
    }
  }
}

std::string peer_address(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return {};
  char text[INET6_ADDRSTRLEN] = {};
  if (storage.ss_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(&storage)->sin_addr, text, sizeof text);
  } else if (storage.ss_family == AF_INET6) {
    const auto& address = reinterpret_cast<sockaddr_in6*>(&storage)->sin6_addr;
    // On a listener of both families an IPv4 peer is mapped; it is shown as what it is.
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      inet_ntop(AF_INET, address.s6_addr + 12, text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &address, text, sizeof text);
    }
  }
  return text;
}

std::uint16_t local_port(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return 0;
  if (storage.ss_family == AF_INET) {
    return ntohs(reinterpret_cast<sockaddr_in*>(&storage)->sin_port);
  }
  if (storage.ss_family == AF_INET6) {
    return ntohs(reinterpret_cast<sockaddr_in6*>(&storage)->sin6_port);
  }
  return 0;
}

bool is_numeric_host(const std::string& host) { return numeric_address(host, 0).has_value(); }

bool is_loopback(const std::string& numeric_host) {
  const auto address = numeric_address(numeric_host, 0);
  if (!address) return false;
  if (address->storage.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in*>(&address->storage)->sin_addr;
    return ntohl(v4.s_addr) >> 24 == 127;
  }
  const auto& v6 = reinterpret_cast<const sockaddr_in6*>(&address->storage)->sin6_addr;
  return IN6_IS_ADDR_LOOPBACK(&v6) || (IN6_IS_ADDR_V4MAPPED(&v6) && v6.s6_addr[12] == 127);
}

}  // namespace sightglass::net
