// The requests in flight of all gateways over Redis: what this one tells, what it hears, and ending
// a request that runs on another one.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <thread>

#include "base/log.h"
#include "live/elsewhere.h"
#include "live/requests.h"
#include "redis/board.h"
#include "redis/cancels.h"

namespace sightglass::app {

// On a thread and with links of its own, so that no request waits for any of it: a server that is
// slow or away costs the view only.
//
// Ownership: what Parts names must outlive it; `cancel` until stop(). Threads: make, start, stop
// and destroy from the one that owns the server; the rest from any but that of a worker.
class SharedView {
 public:
  struct Parts {
    redis::Memory& memory;
    std::string name;  // this gateway's, as rows show it
    const live::Requests& requests;
    std::function<std::size_t(const std::string& request_id)> cancel;  // how many ended here
    const Clock& clock;
    Telemetry& telemetry;
    Log& log;
  };
  static Result<std::unique_ptr<SharedView>> make(Parts parts);
  ~SharedView() { stop(); }

  void start();
  void stop();  // says that this gateway goes

  live::Elsewhere& elsewhere() { return elsewhere_; }
  // Ends the request where it runs; the name of that gateway. Waits some seconds at most. Errors:
  // kNotFound, kUnavailable (nobody could be asked), kTimeout (not all have answered), with the
  // next step.
  Result<std::string> cancel(const std::string& request_id);
  // Empty while the view is shared; else what to do.
  std::string problem() const;

 private:
  SharedView(Parts parts, std::unique_ptr<net::Loop> loop);
  void exchange();
  void on_heard(std::vector<redis::Board::Heard>* heard, bool whole);

  const Parts parts_;
  const std::unique_ptr<net::Loop> loop_;
  live::Elsewhere elsewhere_;
  redis::Board board_;
  redis::Cancels cancels_;
  net::Timer tick_;
  std::string said_;  // the body of what was told last
  std::uint64_t said_on_ = 0;
  Nanos said_ns_ = 0;
  bool on_its_way_ = false, once_more_ = false;
  Nanos started_ns_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace sightglass::app
