// A blocking HTTP request to a server on this machine: by its Unix socket, or on loopback.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sightglass::app {

struct LocalTarget {
  std::string unix_path;   // used when not empty
  std::uint16_t port = 0;  // else 127.0.0.1:port
};

struct LocalAnswer {
  int status = 0;
  std::string body;
  std::string retry_after;  // the header; "" without it
};

// Errors: kUnavailable when nobody listens, kTimeout, kInvalid when the answer is not HTTP.
Result<LocalAnswer> local_request(const LocalTarget& target, std::string_view method,
                                  std::string_view path, std::string_view body,
                                  const std::vector<std::pair<std::string, std::string>>& headers,
                                  Nanos timeout_ns);

}  // namespace sightglass::app
