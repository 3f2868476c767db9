// Host names to addresses, off the loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "net/loop.h"

namespace sightglass::net {

using Addresses =
    std::shared_ptr<const std::vector<std::string>>;  // numeric, in order; never empty

// Asks on a helper thread of its own, started with the first name. Answers are kept for 30 s; when
// a later question fails, the old answer serves for another 30 s. Failures are kept for a second.
// Ownership: the thread cannot be interrupted inside getaddrinfo(), so that it is not waited for:
// it owns what it touches and ends by itself. Threads: the loop's. Bounds: 1024 names remembered.
class Resolver {
 public:
  using Lookup = std::function<std::vector<std::string>(const std::string& host)>;
  using Done = std::function<void(Addresses)>;  // null: it does not resolve

  Resolver(Loop& loop, Lookup lookup, Telemetry& telemetry);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // The answer at once where it is known (`done` is dropped then), or null and `done` later.
  Addresses resolve(const std::string& host, Done done);

  static std::vector<std::string> system_lookup(const std::string& host);

 private:
  struct Thread;
  struct Entry {
    Addresses addresses;
    Nanos expires_ns = 0;
    bool asking = false;
    std::vector<Done> waiting;
  };
  void answer(const std::string& host, std::vector<std::string> addresses);
  void refuse_later(Done done);
  void forget_expired();

  Loop& loop_;
  Lookup lookup_;
  Counter& resolved_;
  Counter& failed_;
  Counter& stale_;
  std::map<std::string, Entry> entries_;
  std::shared_ptr<Thread> thread_;
};

}  // namespace sightglass::net
