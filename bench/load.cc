// The load generator of the benchmarks: one thread, epoll, keep-alive.
//   load --port 9100 --connections 32 --seconds 4 [--rate 1000] [--stream 1] [--header "K: v"]
// Without a rate: closed loop, each connection sends again when it was answered. With a rate: open
// loop; requests are due at fixed times whether or not earlier ones are done, and latency counts
// from when a request was due, so that a stall is charged to every request it delayed.
// Prints one JSON object: requests, errors, seconds, rps, latency and time-to-first-byte
// percentiles in µs.
#include <sys/epoll.h>

#include <algorithm>
#include <deque>
#include <vector>

#include "bench_io.h"

namespace {

using bench::now_ns;

struct Connection {
  int fd = -1;
  bool busy = false;
  std::int64_t due = 0;
  std::int64_t first_byte = 0;
  std::string in;
  bool head_done = false;
  bool chunked = false;
  std::size_t need = 0;  // of the whole message, when its length is known
};

class Load {
 public:
  Load(int port, int connections, double seconds, double rate, bool stream,
       const std::string& header)
      : port_(port),
        seconds_(seconds),
        rate_(rate),
        connections_(static_cast<std::size_t>(connections)) {
    std::string body =
        R"({"model":"gpt-4o-mini","messages":[{"role":"system","content":"You are terse."},{"role":"user","content":")";
    while (body.size() < 240) body += "word ";
    body += R"("}],"max_tokens":64)";
    if (stream) body += R"(,"stream":true,"stream_options":{"include_usage":true})";
    body += "}";
    request_ = "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1:" + std::to_string(port) +
               "\r\nContent-Type: application/json\r\n" + (header.empty() ? "" : header + "\r\n") +
               "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    epoll_ = epoll_create1(0);
    for (std::size_t i = 0; i < connections_.size(); ++i) open(i);
  }

  void run() {
    const auto began = now_ns();
    const auto until = began + static_cast<std::int64_t>(seconds_ * 1e9);
    if (rate_ == 0) {
      for (std::size_t i = 0; i < connections_.size(); ++i) send_on(i, now_ns());
    } else {
      for (std::size_t i = 0; i < connections_.size(); ++i) idle_.push_back(i);
    }
    std::int64_t next_due = began;
    const std::int64_t step = rate_ == 0 ? 0 : static_cast<std::int64_t>(1e9 / rate_);
    epoll_event events[512];
    while (true) {
      const auto now = now_ns();
      if (now >= until) break;
      if (rate_ > 0) {
        while (next_due <= now) {
          waiting_.push_back(next_due);
          next_due += step;
        }
        while (!waiting_.empty() && !idle_.empty()) {
          const auto index = idle_.front();
          idle_.pop_front();
          send_on(index, waiting_.front());
          waiting_.pop_front();
        }
      }
      const int timeout =
          rate_ > 0 ? 0 : 100;  // open loop spins: a timer would add its own wake-up
      const int n = epoll_wait(epoll_, events, 512, timeout);
      for (int i = 0; i < n; ++i) read_on(static_cast<std::size_t>(events[i].data.u64), until);
    }
    print(static_cast<double>(now_ns() - began) / 1e9);
  }

 private:
  void open(std::size_t index) {
    auto& c = connections_[index];
    c = Connection{};
    c.fd = socket(AF_INET, SOCK_STREAM, 0);
    auto address = bench::loopback(port_);
    if (connect(c.fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0)
      bench::die("connect");
    bench::tune(c.fd);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.u64 = index;
    epoll_ctl(epoll_, EPOLL_CTL_ADD, c.fd, &event);
  }
  void send_on(std::size_t index, std::int64_t due) {
    auto& c = connections_[index];
    c.busy = true;
    c.due = due;
    c.first_byte = 0;
    c.head_done = false;
    c.in.clear();
    if (write(c.fd, request_.data(), request_.size()) != static_cast<ssize_t>(request_.size()))
      ++errors_;
  }
  void read_on(std::size_t index, std::int64_t until) {
    auto& c = connections_[index];
    char buffer[64 << 10];
    const auto n = read(c.fd, buffer, sizeof buffer);
    if (n <= 0) {
      ++errors_;
      close(c.fd);
      open(index);
      return next(index, until);
    }
    if (c.first_byte == 0) c.first_byte = now_ns();
    c.in.append(buffer, static_cast<std::size_t>(n));
    if (!complete(c)) return;
    const auto now = now_ns();
    if (c.in.compare(9, 3, "200") != 0) ++errors_;
    total_us_.push_back(static_cast<double>(now - c.due) / 1e3);
    first_us_.push_back(static_cast<double>(c.first_byte - c.due) / 1e3);
    c.busy = false;
    next(index, until);
  }
  void next(std::size_t index, std::int64_t until) {
    if (rate_ > 0)
      idle_.push_back(index);
    else if (now_ns() < until)
      send_on(index, now_ns());
  }
  static bool complete(Connection& c) {
    if (!c.head_done) {
      const auto end = c.in.find("\r\n\r\n");
      if (end == std::string::npos) return false;
      c.head_done = true;
      std::string head = c.in.substr(0, end + 2);
      std::transform(head.begin(), head.end(), head.begin(),
                     [](char x) { return x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x; });
      c.chunked = head.find("\r\ntransfer-encoding: chunked") != std::string::npos;
      const auto at = head.find("\r\ncontent-length:");
      c.need = end + 4 +
               (at == std::string::npos ? 0 : std::strtoul(head.c_str() + at + 17, nullptr, 10));
    }
    return c.chunked ? c.in.ends_with("0\r\n\r\n") : c.in.size() >= c.need;
  }
  static double at(std::vector<double>& values, double share) {
    if (values.empty()) return 0;
    const auto index = std::min(
        values.size() - 1, static_cast<std::size_t>(share * static_cast<double>(values.size())));
    std::nth_element(values.begin(), values.begin() + static_cast<std::ptrdiff_t>(index),
                     values.end());
    return values[index];
  }
  void print(double seconds) {
    std::printf(
        "{\"requests\":%zu,\"errors\":%llu,\"seconds\":%.3f,\"rps\":%.1f,\"p50_us\":%.1f,\"p99_"
        "us\":%.1f,"
        "\"first_p50_us\":%.1f,\"first_p99_us\":%.1f}\n",
        total_us_.size(), static_cast<unsigned long long>(errors_), seconds,
        static_cast<double>(total_us_.size()) / seconds, at(total_us_, .5), at(total_us_, .99),
        at(first_us_, .5), at(first_us_, .99));
  }

  int port_;
  double seconds_, rate_;
  int epoll_ = -1;
  std::string request_;
  std::vector<Connection> connections_;
  std::deque<std::size_t> idle_;
  std::deque<std::int64_t> waiting_;
  std::vector<double> total_us_, first_us_;
  std::uint64_t errors_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const auto text = [&](const char* name, const char* otherwise) {
    return bench::option(argc, argv, name, otherwise);
  };
  Load(std::atoi(text("port", "9100").c_str()), std::atoi(text("connections", "32").c_str()),
       std::atof(text("seconds", "4").c_str()), std::atof(text("rate", "0").c_str()),
       text("stream", "0") == "1", text("header", ""))
      .run();
}
