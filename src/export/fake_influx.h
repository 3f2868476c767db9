// For tests: what an InfluxDB does to its clients on a bad day, on 127.0.0.1.
#pragma once

#include <zlib.h>

#include <atomic>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/scripted_server.h"

namespace sightglass::exporting {

inline std::string unpacked(std::string_view packed) {
  z_stream stream{};
  if (inflateInit2(&stream, 15 + 16) != Z_OK) return {};
  std::string out(256u << 10, '\0');  // a test's batch is small
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(packed.data()));
  stream.avail_in = static_cast<uInt>(packed.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  const bool done = inflate(&stream, Z_FINISH) == Z_STREAM_END;
  out.resize(done ? stream.total_out : 0);
  inflateEnd(&stream);
  return out;
}

// Takes lines as InfluxDB does: a point of the same series and time replaces the one before.
class FakeInflux {
 public:
  struct Request {
    int number = 0;  // 1, 2, 3, …
    std::string head;
    std::string lines;
  };
  // What to do with a request: an answer ("HTTP/1.1 204 …"), empty to hang up.
  struct Act {
    bool take = true;
    std::string answer = "HTTP/1.1 204 No Content\r\n\r\n";
    std::chrono::milliseconds wait{0};  // before the answer
  };
  using Behaviour = std::function<Act(const Request&)>;

  explicit FakeInflux(Behaviour behaviour = nullptr) : behaviour_(std::move(behaviour)) {
    std::vector<net::ScriptedServer::Script> scripts(
        2'000, [this](net::ScriptedPeer& peer) { talk(peer); });
    server_ = std::make_unique<net::ScriptedServer>(std::move(scripts));
  }

  std::string url() const { return "http://127.0.0.1:" + std::to_string(server_->port()); }
  std::map<std::string, std::string> points() const {  // fields by series and time
    const std::scoped_lock lock(mutex_);
    return points_;
  }
  std::int64_t sum(std::string_view field) const {
    std::int64_t total = 0;
    const std::string key = std::string(field) + "=";
    for (const auto& [where, fields] : points()) {
      const auto at = ("," + fields).find("," + key);
      if (at != std::string::npos) total += std::stoll(fields.substr(at + key.size()));
    }
    return total;
  }
  std::vector<std::string> heads() const {
    const std::scoped_lock lock(mutex_);
    return heads_;
  }
  int requests() const { return requests_; }

  static std::string answer(int status, const std::string& body = "",
                            const std::string& fields = "") {
    return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + fields +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }

 private:
  void talk(net::ScriptedPeer& peer) {
    for (;;) {
      const auto text = peer.read_request();
      if (text.empty()) return;
      const auto end = text.find("\r\n\r\n") + 4;
      Request request{++requests_, text.substr(0, end),
                      unpacked(std::string_view(text).substr(end))};
      const Act act = behaviour_ ? behaviour_(request) : Act{};
      {
        const std::scoped_lock lock(mutex_);
        heads_.push_back(request.head);
        if (act.take) take(request.lines);
      }
      std::this_thread::sleep_for(act.wait);
      if (act.answer.empty() || !peer.send(act.answer)) return;
    }
  }
  void take(std::string_view lines) {
    while (!lines.empty()) {
      const auto line = lines.substr(0, lines.find('\n'));
      lines.remove_prefix(std::min(lines.size(), line.size() + 1));
      const auto time = line.rfind(' ');
      const auto fields = line.rfind(' ', time - 1);
      points_[std::string(line.substr(0, fields)) + std::string(line.substr(time))] =
          line.substr(fields + 1, time - fields - 1);
    }
  }

  const Behaviour behaviour_;
  std::atomic<int> requests_{0};
  mutable std::mutex mutex_;
  std::map<std::string, std::string> points_;
  std::vector<std::string> heads_;
  std::unique_ptr<net::ScriptedServer> server_;
};

}  // namespace sightglass::exporting
