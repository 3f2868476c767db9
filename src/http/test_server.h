// For tests: a server on loops of its own, and a client that writes bytes as told.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/text.h"
#include "http/server.h"

namespace sightglass::http {

// Lets everybody in as told; keeps what it heard.
class OpenGate : public Gatekeeper {
 public:
  Verdict admit(const Approach&) override { return {}; }
};

class TestClient {
 public:
  explicit TestClient(std::uint16_t port) : fd_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
    const int one = 1;
    setsockopt(fd_, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  }
  explicit TestClient(const std::string& unix_path)
      : fd_(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, unix_path.c_str(), sizeof address.sun_path - 1);
    connected_ = connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~TestClient() { close(); }
  TestClient(const TestClient&) = delete;
  TestClient& operator=(const TestClient&) = delete;

  bool connected() const { return connected_; }
  int fd() const { return fd_; }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }
  void reset() {
    const linger now{1, 0};
    setsockopt(fd_, SOL_SOCKET, SO_LINGER, &now, sizeof now);
    close();
  }
  void shut_write() { shutdown(fd_, SHUT_WR); }

  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // Reads what comes, up to the wait; false at the end or when nothing came.
  bool receive_some(int wait_ms = 120'000) {
    pollfd waiting{fd_, POLLIN, 0};
    if (poll(&waiting, 1, wait_ms) <= 0) return false;
    char buffer[65536];
    const auto n = recv(fd_, buffer, sizeof buffer, 0);
    if (n <= 0) {
      ended_ = true;
      return false;
    }
    received_.append(buffer, static_cast<std::size_t>(n));
    return true;
  }
  bool wait_for(std::string_view text, int wait_ms = 120'000) {
    while (received_.find(text) == std::string::npos) {
      if (!receive_some(wait_ms)) return false;
    }
    return true;
  }
  std::string receive_all() {
    while (receive_some()) {
    }
    return std::exchange(received_, {});
  }
  // Whether the server has closed the connection.
  bool at_end() {
    while (!ended_ && receive_some()) {
    }
    return ended_;
  }
  std::string& received() { return received_; }

  // One answer with Content-Length (or none) off the front of what was received.
  struct Answer {
    int status = 0;
    std::string head, body;
    std::string field(std::string_view name) const {
      std::string_view left = head;
      while (!left.empty()) {
        const auto end = std::min(left.find("\r\n"), left.size());
        const auto line = left.substr(0, end);
        left.remove_prefix(std::min(end + 2, left.size()));
        const auto colon = line.find(':');
        if (colon != std::string_view::npos && equals_ignoring_case(line.substr(0, colon), name)) {
          return std::string(trim(line.substr(colon + 1)));
        }
      }
      return {};
    }
  };
  Answer answer(bool to_head = false) {
    Answer out;
    if (!wait_for("\r\n\r\n")) return out;
    const auto end = received_.find("\r\n\r\n") + 4;
    out.head = received_.substr(0, end);
    received_.erase(0, end);
    out.status = static_cast<int>(parse_int(std::string_view(out.head).substr(9, 3)).value_or(0));
    if (out.field("transfer-encoding") == "chunked") {
      if (!to_head) read_chunks(out.body);
      return out;
    }
    const auto length =
        static_cast<std::size_t>(parse_int(out.field("content-length")).value_or(0));
    if (to_head) return out;
    while (received_.size() < length && receive_some()) {
    }
    out.body = received_.substr(0, length);
    received_.erase(0, length);
    return out;
  }
  Answer ask(std::string_view request) {
    send(request);
    return answer();
  }

 private:
  void read_chunks(std::string& body) {
    for (;;) {
      if (!wait_for("\r\n")) return;
      const auto line = received_.find("\r\n");
      const auto size = std::stoul(received_.substr(0, line), nullptr, 16);
      while (received_.size() < line + 2 + size + 2 && receive_some()) {
      }
      body += received_.substr(line + 2, size);
      received_.erase(0, std::min(received_.size(), line + 2 + size + 2));
      if (size == 0) return;
    }
  }
  int fd_;
  bool connected_ = false;
  bool ended_ = false;
  std::string received_;
};

inline std::string get(std::string_view path, std::string_view more = {},
                       std::string_view method = "GET") {
  std::string out(method);
  out.append(" ").append(path).append(" HTTP/1.1\r\nHost: localhost\r\n").append(more);
  return out.append("\r\n");
}
inline std::string post(std::string_view path, std::string_view body, std::string_view more = {}) {
  return get(path, "Content-Length: " + std::to_string(body.size()) + "\r\n" + std::string(more),
             "POST") +
         std::string(body);
}

template <typename T>
T must(Result<T> result) {
  if (result) return std::move(*result);
  std::fprintf(stderr, "%s\n", result.error().message.c_str());
  std::abort();
}

class TestServer {
 public:
  TestServer(std::vector<Route> routes, ServerOptions options = {}, Gatekeeper* gate = nullptr,
             std::size_t workers = 1) {
    router_ = std::make_unique<Router>(must(Router::build(std::move(routes))));
    if (options.listens.empty()) options.listens.push_back({{"127.0.0.1", 0}, {}, {}});
    std::vector<net::Loop*> raw;
    for (std::size_t i = 0; i < workers; ++i) {
      loops_.push_back(must(net::Loop::make(clock_)));
      raw.push_back(loops_.back().get());
    }
    server_ = must(
        Server::make(std::move(options), *router_, gate ? *gate : open_, raw, telemetry_, log_));
    for (auto* loop : raw) threads_.emplace_back([loop] { loop->run(); });
    server_->start();
  }
  ~TestServer() { stop(); }
  void stop() {
    if (threads_.empty()) return;
    server_->stop();
    for (auto& loop : loops_) loop->stop();
    for (auto& thread : threads_) thread.join();
    threads_.clear();
    server_.reset();
  }

  Server& operator*() { return *server_; }
  Server* operator->() { return server_.get(); }
  std::uint16_t port(std::size_t listen = 0) const { return server_->port(listen); }
  net::Loop& loop(std::size_t worker = 0) { return *loops_[worker]; }
  std::vector<net::Loop*> loops() {
    std::vector<net::Loop*> out;
    for (auto& loop : loops_) out.push_back(loop.get());
    return out;
  }
  Telemetry& telemetry() { return telemetry_; }
  double rejections(std::string_view reason) {
    for (const auto& family : telemetry_.collect()) {
      if (family.name != "sightglass_http_rejections_total") continue;
      for (const auto& sample : family.samples) {
        if (sample.labels[0].second == reason) return sample.value;
      }
    }
    return -1;
  }

 private:
  SystemClock clock_;
  Telemetry telemetry_;
  NullLog log_;
  OpenGate open_;
  std::unique_ptr<Router> router_;
  std::vector<std::unique_ptr<net::Loop>> loops_;
  std::unique_ptr<Server> server_;
  std::vector<std::thread> threads_;
};

// Waits for what another thread brings about; false after two minutes.
template <typename Condition>
bool eventually(Condition condition) {
  for (int i = 0; i < 120'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return condition();
}

inline Route open_route(std::string method, std::string pattern, HandlerFactory make,
                        Realm realm = Realm::kOpen) {
  Route route;
  route.method = std::move(method);
  route.pattern = std::move(pattern);
  route.realm = realm;
  route.make = std::move(make);
  return route;
}

}  // namespace sightglass::http
