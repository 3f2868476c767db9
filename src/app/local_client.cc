#include "app/local_client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "net/http1.h"

namespace sightglass::app {
namespace {

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  int fd_;
};

int connect_to(const LocalTarget& target) {
  if (!target.unix_path.empty()) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (target.unix_path.size() >= sizeof address.sun_path) return -1;
    std::memcpy(address.sun_path, target.unix_path.data(), target.unix_path.size());
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
    ::close(fd);
    return -1;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(target.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

Status send_all(int fd, std::string_view data) {
  while (!data.empty()) {
    const auto n = ::send(fd, data.data(), data.size(), MSG_NOSIGNAL);
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) return fail(Code::kUnavailable, "the server closed the connection");
    data.remove_prefix(static_cast<std::size_t>(n));
  }
  return {};
}

// Appends what comes; false at the peer's end.
Result<bool> receive(int fd, std::string& in, Nanos until_ns, const Clock& clock) {
  const Nanos left = until_ns - clock.monotonic_ns();
  pollfd poll_fd{fd, POLLIN, 0};
  if (left <= 0 || ::poll(&poll_fd, 1, static_cast<int>(left / kMillisecond) + 1) == 0) {
    return fail(Code::kTimeout, "the server did not answer in time");
  }
  char buffer[64 << 10];
  const auto n = ::recv(fd, buffer, sizeof buffer, 0);
  if (n < 0) return fail(Code::kUnavailable, "the connection broke");
  in.append(buffer, static_cast<std::size_t>(n));
  return n > 0;
}

}  // namespace

Result<LocalAnswer> local_request(const LocalTarget& target, std::string_view method,
                                  std::string_view path, std::string_view body,
                                  const std::vector<std::pair<std::string, std::string>>& headers,
                                  Nanos timeout_ns) {
  const SystemClock clock;
  const Nanos until = clock.monotonic_ns() + timeout_ns;
  const Socket socket(connect_to(target));
  if (socket.fd() < 0) return fail(Code::kUnavailable, "no server answers there; is it running?");

  std::string request(method);
  request.append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost");
  if (target.unix_path.empty()) request += ":" + std::to_string(target.port);
  request += "\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n";
  for (const auto& [name, value] : headers)
    request.append(name).append(": ").append(value).append("\r\n");
  request.append("\r\n").append(body);
  SG_TRY(send_all(socket.fd(), request));

  std::string in;
  net::HeadParser parser;
  net::ResponseHead head;
  std::size_t consumed = 0;
  while (true) {
    const auto state = parser.response(in, false, head, consumed);
    if (state == net::ParseState::kDone) break;
    if (state == net::ParseState::kBad) return fail(Code::kInvalid, "the answer is not HTTP");
    SG_ASSIGN(const bool more, receive(socket.fd(), in, until, clock));
    if (!more) return fail(Code::kUnavailable, "the server closed the connection");
  }
  LocalAnswer answer;
  answer.status = head.status;
  answer.retry_after = head.headers.get("retry-after");
  net::BodyDecoder decoder;
  decoder.start(head.body, head.content_length);
  in.erase(0, consumed);
  while (!decoder.complete()) {
    std::string_view rest = in;
    while (true) {
      const auto before = rest.size();
      answer.body.append(decoder.next(rest));
      if (rest.size() == before) break;
    }
    in.erase(0, in.size() - rest.size());
    if (decoder.failed()) return fail(Code::kInvalid, "the answer's framing is broken");
    if (decoder.complete()) break;
    SG_ASSIGN(const bool more, receive(socket.fd(), in, until, clock));
    if (!more) decoder.end_of_input();
    if (!more && !decoder.complete()) return fail(Code::kUnavailable, "the answer was cut short");
  }
  return answer;
}

}  // namespace sightglass::app
