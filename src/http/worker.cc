#include "http/worker.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <ctime>

#include "http/connection.h"

namespace sightglass::http {
namespace {

constexpr std::string_view kReasonNames[] = {
    "bad_host",        "bad_path",          "not_found",
    "bad_method",      "foreign_origin",    "embedding",
    "unauthenticated", "forbidden",         "rate_limited",
    "draining",        "header_timeout",    "body_timeout",
    "body_too_large",  "connections",       "connections_per_address",
    "descriptors",     "foreign_user",      "tls_failed",
    "tls_timeout",     "write_timeout",     "write_overflow",
    "length_mismatch", "bad_response_field"};
static_assert(std::size(kReasonNames) == static_cast<std::size_t>(Reason::kCount));

constexpr Nanos kAcceptRetryNs = 100 * kMillisecond;
constexpr std::size_t kSpareConnections = 1024;  // per worker

Counter& rejection(Telemetry& telemetry, std::string_view reason) {
  return telemetry.counter("sightglass_http_rejections_total",
                           "Requests and connections turned away, by reason.",
                           {{"reason", std::string(reason)}});
}

// Numeric, without the port; IPv4 that came through an IPv6 socket is IPv4. "" for Unix sockets.
std::string numeric(const sockaddr_storage& address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    inet_ntop(AF_INET, &v4.sin_addr, text, sizeof text);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      inet_ntop(AF_INET, v6.sin6_addr.s6_addr + 12, text, sizeof text);
    } else {
      inet_ntop(AF_INET6, &v6.sin6_addr, text, sizeof text);
    }
  }
  return text;
}

// Whether the other end of a Unix socket is this user, or root, who can be this user anyway.
bool is_same_user(int fd) {
  ucred peer{};
  socklen_t size = sizeof peer;
  if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0) return false;
  return peer.uid == geteuid() || peer.uid == 0;
}

}  // namespace

Rejections::Rejections(Telemetry& telemetry) {
  for (std::size_t i = 0; i < reasons_.size(); ++i) {
    reasons_[i] = &rejection(telemetry, kReasonNames[i]);
  }
  for (std::size_t i = 1; i < parse_errors_.size(); ++i) {
    parse_errors_[i] =
        &rejection(telemetry, net::parse_error_name(static_cast<net::ParseError>(i)));
  }
  parse_errors_[0] = parse_errors_[1];
}

bool AddressCounts::enter(const std::string& address, std::size_t limit) {
  const std::scoped_lock lock(mutex_);
  auto& count = counts_[address];
  if (count >= limit) return false;
  ++count;
  return true;
}

void AddressCounts::leave(const std::string& address) {
  const std::scoped_lock lock(mutex_);
  const auto found = counts_.find(address);
  if (found != counts_.end() && --found->second == 0) counts_.erase(found);
}

Shared::Shared(ServerOptions o, const Router& r, Gatekeeper& g, Telemetry& telemetry, Log& l)
    : options(std::move(o)),
      router(r),
      gatekeeper(g),
      log(l),
      rejections(telemetry),
      accepted(telemetry.counter("sightglass_http_connections_total", "Connections accepted.")),
      open_connections(telemetry.gauge("sightglass_http_connections", "Connections open now.")) {}

Response Shared::error(std::string_view path, int status, std::string_view type,
                       std::string_view sentence, std::string_view request_id) const {
  if (options.error_shape) return options.error_shape(path, status, type, sentence, request_id);
  return error_response(status, type, sentence, request_id);
}

// One listening socket of one worker.
class Worker::Acceptor final : public net::IoHandler {
 public:
  Acceptor(Worker& worker, int fd, const Door& door)
      : worker_(worker), fd_(fd), door_(door), retry_(worker.loop_, [this] { on_io(EPOLLIN); }) {}
  ~Acceptor() override { ::close(fd_); }
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;

  Status start() { return worker_.loop_.add(fd_, EPOLLIN, this); }
  void stop() {
    on_io(EPOLLIN);  // who waits in the queue would be reset by the close
    worker_.loop_.remove(fd_);
  }

  void on_io(std::uint32_t) override {
    for (;;) {
      sockaddr_storage address{};
      socklen_t size = sizeof address;
      const int fd =
          accept4(fd_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        worker_.welcome(fd, door_, numeric(address));
        continue;
      }
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        if (worker_.relieve(fd_)) continue;
        retry_.arm(kAcceptRetryNs);  // no new edge comes for who waits already
      }
      return;
    }
  }

 private:
  Worker& worker_;
  int fd_;
  const Door& door_;
  net::Timer retry_;
};

Worker::Worker(Shared& shared, net::Loop& loop, std::size_t index, Telemetry& telemetry)
    : shared_(shared),
      loop_(loop),
      index_(index),
      random_(shared.options.random ? shared.options.random() : std::make_unique<SystemRandom>()),
      requests_(telemetry.counter("sightglass_http_requests_total", "Requests whose head was read.",
                                  {{"worker", std::to_string(index)}})),
      scratch_(std::make_unique_for_overwrite<char[]>(kScratchBytes)),
      recycle_(loop, [this] { recycle(); }),
      spare_fd_(::open("/dev/null", O_RDONLY | O_CLOEXEC)) {}

Worker::~Worker() {
  if (spare_fd_ >= 0) ::close(spare_fd_);
}

void Worker::listen(int fd, const Door& door) {
  acceptors_.push_back(std::make_unique<Acceptor>(*this, fd, door));
}

void Worker::start() {
  for (const auto& acceptor : acceptors_) {
    if (!acceptor->start()) {
      shared_.log.error("http", "A listener could not be added to its event loop.");
    }
  }
}

void Worker::stop_accepting() {
  for (const auto& acceptor : acceptors_) acceptor->stop();
  acceptors_.clear();
}

void Worker::close_all() {
  stop_accepting();
  while (!open_.empty()) open_.back()->cut();
}

bool Worker::relieve(int listener) {
  shared_.rejections.add(Reason::kDescriptors);
  if (spare_fd_ < 0) return false;
  ::close(spare_fd_);
  const int fd = accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
  if (fd >= 0) ::close(fd);
  spare_fd_ = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  return fd >= 0 && spare_fd_ >= 0;
}

void Worker::turn_away(int fd, const Door& door, Reason reason) {
  shared_.rejections.add(reason);
  if (!door.tls && reason != Reason::kForeignUser) {
    static constexpr std::string_view kAnswer =
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nRetry-After: 1\r\n"
        "Connection: close\r\n\r\n";
    [[maybe_unused]] const auto n =
        ::send(fd, kAnswer.data(), kAnswer.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  }
  ::close(fd);
}

void Worker::welcome(int fd, const Door& door, std::string peer) {
  const auto& limits = shared_.options.limits;
  if (door.is_unix && !is_same_user(fd)) return turn_away(fd, door, Reason::kForeignUser);
  if (shared_.connections.fetch_add(1, std::memory_order_relaxed) >= limits.connections) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    return turn_away(fd, door, Reason::kConnections);
  }
  const bool counted = !door.is_unix && !net::is_loopback(peer) && !shared_.trusted.contains(peer);
  if (counted && !shared_.addresses.enter(peer, limits.connections_per_address)) {
    shared_.connections.fetch_sub(1, std::memory_order_relaxed);
    return turn_away(fd, door, Reason::kConnectionsPerAddress);
  }
  std::unique_ptr<net::Stream> stream;
  if (door.tls) {
    auto wrapped = door.tls->wrap(fd, "");
    if (!wrapped) {
      shared_.connections.fetch_sub(1, std::memory_order_relaxed);
      if (counted) shared_.addresses.leave(peer);
      return turn_away(fd, door, Reason::kTlsFailed);
    }
    stream = std::move(*wrapped);
  } else {
    stream = net::plain_stream(fd);
  }
  shared_.accepted.add();
  shared_.open_connections.add(1);
  if (spare_.empty()) {
    open_.push_back(std::make_unique<Connection>(*this));
  } else {
    open_.push_back(std::move(spare_.back()));
    spare_.pop_back();
  }
  auto& connection = *open_.back();
  connection.slot = open_.size() - 1;
  connection.set_counted(counted);
  if (!connection.open(std::move(stream), door, std::move(peer))) {
    shared_.rejections.add(Reason::kDescriptors);
    connection.cut();
  }
}

void Worker::closed(Connection* connection) {
  shared_.connections.fetch_sub(1, std::memory_order_relaxed);
  shared_.open_connections.add(-1);
  if (connection->counted()) shared_.addresses.leave(connection->peer());
  auto owned = std::move(open_[connection->slot]);
  if (connection->slot + 1 != open_.size()) {
    open_[connection->slot] = std::move(open_.back());
    open_[connection->slot]->slot = connection->slot;
  }
  open_.pop_back();
  // It may be on the stack: it is used again, or dies, after the round.
  retired_.push_back(std::move(owned));
  recycle_.schedule();
}

void Worker::recycle() {
  for (auto& connection : retired_) {
    if (spare_.size() < kSpareConnections) spare_.push_back(std::move(connection));
  }
  retired_.clear();
}

std::string_view Worker::date_line() {
  const auto second = loop_.clock().wall_ns() / kSecond;
  if (second != date_second_) {
    date_second_ = second;
    const std::time_t time = second;
    std::tm utc{};
    gmtime_r(&time, &utc);
    // RFC 9110 section 5.6.7; the names are ours, since strftime's depend on the locale.
    static constexpr const char* kDays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static constexpr const char* kMonths[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                              "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    date_length_ = static_cast<std::size_t>(std::snprintf(
        date_line_, sizeof date_line_, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n",
        kDays[utc.tm_wday], utc.tm_mday, kMonths[utc.tm_mon], utc.tm_year + 1900, utc.tm_hour,
        utc.tm_min, utc.tm_sec));
  }
  return {date_line_, date_length_};
}

}  // namespace sightglass::http
