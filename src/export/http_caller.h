// One HTTP call at a time, waited for, on the calling thread's own loop.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "net/client.h"

namespace sightglass::exporting {

// What was answered, as far as anybody looks at it.
struct HttpAnswer {
  int status = 0;
  std::string retry_after;  // the field as it came
  std::string body;         // its first 32 KiB
};

struct HttpFailure {
  net::CallError error = net::CallError::kConnect;
  bool request_sent = false;  // some of it had been written
};

// Threads: call() from one; stop_by() from any.
class HttpCaller {
 public:
  // kKept: a connection stays for the next call; where it broke meanwhile, the request is sent once
  // more on another. kFresh: each call has its own, and no request is ever sent twice.
  enum class Connection : std::uint8_t { kKept, kFresh };
  // `url`: "http://host:8086/prefix". `ca_file`: instead of the system's authorities; empty: those.
  // Errors: kInvalid for the URL or the file.
  static Result<std::unique_ptr<HttpCaller>> make(const std::string& url,
                                                  const std::string& ca_file, const Clock& clock,
                                                  Connection connection = Connection::kKept);
  ~HttpCaller();

  // `target` follows the URL's prefix. `fields`: further header lines, each with its CRLF.
  std::expected<HttpAnswer, HttpFailure> post(std::string_view target, std::string_view fields,
                                              std::string_view body, Nanos timeout_ns);
  // Calls end by then (a monotonic time), also the one that runs.
  void stop_by(Nanos monotonic_ns);

 private:
  class Exchange;
  HttpCaller(net::OriginAndPath where, const Clock& clock)
      : where_(std::move(where)), clock_(clock) {}
  Nanos left_ns(Nanos timeout_ns) const;

  const net::OriginAndPath where_;
  const Clock& clock_;
  Telemetry telemetry_;  // its connections are not the providers'
  std::unique_ptr<net::Loop> loop_;
  std::unique_ptr<net::Client> client_;
  Exchange* running_ = nullptr;       // the loop's thread's
  std::atomic<Nanos> stop_by_ns_{0};  // 0: never
};

}  // namespace sightglass::exporting
