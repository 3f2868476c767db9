// The mock upstream of the benchmarks: one thread, epoll, fixed answers in OpenAI's format. It does
// as little as possible, so that what is measured is what stands in front of it.
//   upstream --port 9101 [--chunks 20] [--gap-us 0]
// A request whose body holds "stream":true gets an SSE stream of so many chunks, a usage chunk and
// [DONE]; each chunk is a write of its own.
#include <sys/epoll.h>

#include <queue>
#include <unordered_map>
#include <vector>

#include "bench_io.h"

namespace {

using bench::now_ns;

struct Connection {
  std::string in;
  int chunk = -1;  // the next chunk of a running stream; -1: none
};

std::string plain_answer() {
  std::string body =
      R"({"id":"chatcmpl-bench000000000000000000000000","object":"chat.completion","created":1760000000,)"
      R"("model":"gpt-4o-mini-2024-07-18","choices":[{"index":0,"message":{"role":"assistant","content":")";
  while (body.size() < 380) body += "word ";
  body +=
      R"(","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":57,)"
      R"("completion_tokens":40,"total_tokens":97,"prompt_tokens_details":{"cached_tokens":0,"audio_tokens":0},)"
      R"("completion_tokens_details":{"reasoning_tokens":0,"audio_tokens":0}},"system_fingerprint":"fp_bench"})";
  return "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

std::string chunked(std::string_view data) {
  char size[16];
  std::snprintf(size, sizeof size, "%zx\r\n", data.size());
  return size + std::string(data) + "\r\n";
}

std::vector<std::string> stream_pieces(int chunks) {
  const std::string head =
      R"(data: {"id":"chatcmpl-bench000000000000000000000000","object":"chat.completion.chunk","created":1760000000,)"
      R"("model":"gpt-4o-mini-2024-07-18","system_fingerprint":"fp_bench","choices":[)";
  std::vector<std::string> out;
  for (int i = 0; i < chunks; ++i) {
    std::string piece = chunked(
        head +
        R"({"index":0,"delta":{"content":" word"},"logprobs":null,"finish_reason":null}],"usage":null})"
        "\n\n");
    if (i == 0)
      piece.insert(0,
                   "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: "
                   "chunked\r\n\r\n");
    out.push_back(std::move(piece));
  }
  out.push_back(
      chunked(head + R"(],"usage":{"prompt_tokens":57,"completion_tokens":20,"total_tokens":77}})"
                     "\n\n"));
  out.push_back(chunked("data: [DONE]\n\n") + "0\r\n\r\n");
  return out;
}

class Upstream {
 public:
  Upstream(int port, int chunks, std::int64_t gap_ns)
      : answer_(plain_answer()), pieces_(stream_pieces(chunks)), gap_ns_(gap_ns) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    const int one = 1;
    setsockopt(listener_, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    auto address = bench::loopback(port);
    if (bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      bench::die("bind");
    listen(listener_, 4096);
    fcntl(listener_, F_SETFL, O_NONBLOCK);
    epoll_ = epoll_create1(0);
    watch(listener_);
  }

  [[noreturn]] void run() {
    epoll_event events[512];
    while (true) {
      const int n = epoll_wait(epoll_, events, 512, timeout_ms());
      for (int i = 0; i < n; ++i) {
        if (events[i].data.fd == listener_)
          accept_all();
        else
          read_from(events[i].data.fd);
      }
      play_due();
    }
  }

 private:
  struct Due {
    std::int64_t at;
    int fd;
    bool operator<(const Due& other) const { return at > other.at; }
  };

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }
  int timeout_ms() const {
    if (due_.empty()) return -1;
    const auto left = due_.top().at - now_ns();
    return left <= 0 ? 0 : static_cast<int>(left / 1'000'000 + 1);
  }
  void accept_all() {
    int fd;
    while ((fd = accept(listener_, nullptr, nullptr)) >= 0) {
      bench::tune(fd);
      connections_[fd];
      watch(fd);
    }
  }
  void read_from(int fd) {
    char buffer[64 << 10];
    const auto n = read(fd, buffer, sizeof buffer);
    auto& connection = connections_[fd];
    if (n <= 0) {
      connections_.erase(fd);
      close(fd);
      return;
    }
    connection.in.append(buffer, static_cast<std::size_t>(n));
    while (serve(fd, connection)) {
    }
  }
  // One whole request at the front of the buffer, if there is one.
  bool serve(int fd, Connection& connection) {
    const auto end = connection.in.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    std::size_t length = 0;
    for (const char* name : {"\r\ncontent-length:", "\r\nContent-Length:"}) {
      const auto at = connection.in.find(name);
      if (at != std::string::npos && at < end)
        length = std::strtoul(connection.in.c_str() + at + 17, nullptr, 10);
    }
    if (connection.in.size() < end + 4 + length) return false;
    const bool stream =
        std::string_view(connection.in).substr(end + 4, length).find("\"stream\":true") !=
        std::string_view::npos;
    connection.in.erase(0, end + 4 + length);
    if (!stream) {
      send_all(fd, answer_);
      return true;
    }
    connection.chunk = 0;
    play(fd, connection);
    return false;
  }
  void play(int fd, Connection& connection) {
    do {
      send_all(fd, pieces_[static_cast<std::size_t>(connection.chunk++)]);
      if (connection.chunk == static_cast<int>(pieces_.size())) {
        connection.chunk = -1;
        return;
      }
    } while (gap_ns_ == 0);
    due_.push({now_ns() + gap_ns_, fd});
  }
  void play_due() {
    while (!due_.empty() && due_.top().at <= now_ns()) {
      const int fd = due_.top().fd;
      due_.pop();
      const auto found = connections_.find(fd);
      if (found != connections_.end() && found->second.chunk >= 0) play(fd, found->second);
    }
  }
  static void send_all(int fd, std::string_view data) {
    while (!data.empty()) {
      const auto n = send(fd, data.data(), data.size(), MSG_NOSIGNAL);
      if (n <= 0)
        return;  // a slow or gone reader loses its connection's rest; not what is measured
      data.remove_prefix(static_cast<std::size_t>(n));
    }
  }

  int listener_ = -1;
  int epoll_ = -1;
  std::string answer_;
  std::vector<std::string> pieces_;
  std::int64_t gap_ns_;
  std::unordered_map<int, Connection> connections_;
  std::priority_queue<Due> due_;
};

}  // namespace

int main(int argc, char** argv) {
  const auto number = [&](const char* name, const char* otherwise) {
    return std::atoll(bench::option(argc, argv, name, otherwise).c_str());
  };
  Upstream(static_cast<int>(number("port", "9101")), static_cast<int>(number("chunks", "20")),
           number("gap-us", "0") * 1000)
      .run();
}
