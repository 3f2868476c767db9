// For tests: a server that plays bytes, one script per connection, on 127.0.0.1.
#pragma once

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "base/text.h"
#include "net/stream.h"

namespace sightglass::net {

// The server's end of one connection, blocking.
class ScriptedPeer {
 public:
  explicit ScriptedPeer(std::unique_ptr<Stream> stream) : stream_(std::move(stream)) {}

  bool handshake() {
    for (;;) {
      const auto result = stream_->handshake();
      if (result.state == IoState::kOk) return true;
      if (result.state != IoState::kAgain || !wait(POLLIN)) return false;
    }
  }
  // Up to the empty line and, with Content-Length, the body's end; "" when the client has gone.
  std::string read_request() {
    for (;;) {
      const auto end = received_.find("\r\n\r\n");
      if (end != std::string::npos) {
        std::size_t size = end + 4;
        const auto field = to_lower(received_.substr(0, end)).find("content-length: ");
        if (field != std::string::npos) size += std::stoul(received_.substr(field + 16, 20));
        if (received_.size() >= size) {
          auto request = received_.substr(0, size);
          received_.erase(0, size);
          return request;
        }
      }
      if (!receive_more()) return {};
    }
  }
  // Reads until what was received ends so.
  std::string read_until(std::string_view ending) {
    while (!received_.ends_with(ending) && receive_more()) {
    }
    return std::exchange(received_, {});
  }
  // Reads until the client closes, and gives what came.
  std::string read_to_end() {
    while (receive_more()) {
    }
    return std::exchange(received_, {});
  }
  bool send(std::string bytes) {  // a copy: the test may be over before send() has returned
    std::string_view text = bytes;
    while (!text.empty()) {
      const iovec part{const_cast<char*>(text.data()), text.size()};
      const auto result = stream_->write(&part, 1);
      if (result.state == IoState::kOk) {
        text.remove_prefix(result.bytes);
      } else if (result.state != IoState::kAgain || !wait(POLLOUT)) {
        return false;
      }
    }
    return true;
  }
  void shutdown_write() { stream_->shutdown_write(); }
  void reset() {  // RST instead of FIN
    const linger now{1, 0};
    setsockopt(stream_->fd(), SOL_SOCKET, SO_LINGER, &now, sizeof now);
    stream_.reset();
  }

 private:
  bool wait(short events) const {
    pollfd one{stream_->fd(), events, 0};
    return poll(&one, 1, 120'000) == 1;
  }
  bool receive_more() {
    char buffer[4096];
    for (;;) {
      const auto result = stream_->read(buffer, sizeof buffer);
      if (result.state == IoState::kOk) {
        received_.append(buffer, result.bytes);
        return true;
      }
      if (result.state != IoState::kAgain || !wait(POLLIN)) return false;
    }
  }
  std::unique_ptr<Stream> stream_;
  std::string received_;
};

// Accepts as many connections as there are scripts and plays each on a thread of its own; the
// connection closes at its script's end.
class ScriptedServer {
 public:
  using Script = std::function<void(ScriptedPeer&)>;

  explicit ScriptedServer(std::vector<Script> scripts, TlsContext* tls = nullptr)
      : scripts_(std::move(scripts)), listener_(*listen_tcp({"127.0.0.1", 0}, false)) {
    acceptor_ = std::jthread([this, tls](const std::stop_token& stop) { run(stop, tls); });
  }
  ~ScriptedServer() {
    acceptor_.request_stop();
    acceptor_.join();
    players_.clear();
    close(listener_);
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  std::uint16_t port() const { return local_port(listener_); }

 private:
  void run(const std::stop_token& stop, TlsContext* tls) {
    for (const auto& script : scripts_) {
      Result<int> fd = fail(Code::kBusy, "");
      while (!fd) {
        if (stop.stop_requested()) return;
        pollfd one{listener_, POLLIN, 0};
        poll(&one, 1, 10);
        fd = accept_connection(listener_);
      }
      players_.emplace_back([fd = *fd, tls, &script] {
        ScriptedPeer peer(tls ? *tls->wrap(fd, "") : plain_stream(fd));
        if (peer.handshake()) script(peer);
      });
    }
  }

  const std::vector<Script> scripts_;
  const int listener_;
  std::vector<std::jthread> players_;
  std::jthread acceptor_;
};

}  // namespace sightglass::net
