// For tests: what a gateway has to talk to a real redis-server, on a loop and thread of its own.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "redis/limits.h"
#include "redis/real_redis.h"

namespace sightglass::redis {

inline bool eventually(const std::function<bool()>& condition) {
  for (int i = 0; i < 3'000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

inline Options options_at(std::uint16_t port) {
  Options out;
  out.host = "127.0.0.1";
  out.port = port;
  out.timeout_ns = 10 * kSecond;
  return out;
}

// Ownership: destroy what runs on its loop after end().
class RealSite {
 public:
  RealSite(std::uint16_t port, std::string gateway)
      : memory(options_at(port), "t:", std::move(gateway), limiter_, clock_, telemetry, log_),
        loop(std::move(*net::Loop::make(clock_))) {}
  ~RealSite() { end(); }
  void begin(std::function<void()> first) {
    thread_ = std::thread([this] { loop->run(); });
    loop->post(std::move(first));
  }
  void end() {
    if (!thread_.joinable()) return;
    loop->stop();
    thread_.join();
  }
  std::uint64_t counted(const std::string& name, const Labels& labels = {}) {
    return telemetry.counter(name, "", labels).value();
  }

 private:
  SystemClock clock_;
  NullLog log_;
  control::Limiter limiter_;

 public:
  Telemetry telemetry;
  Memory memory;
  std::unique_ptr<net::Loop> loop;

 private:
  std::thread thread_;
};

}  // namespace sightglass::redis
