// The I/O workers: one event loop each, on a named thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "net/loop.h"

namespace sightglass::app {

// Ownership: the loops; stop() ends their threads, the loops live until destruction, so that what
// is bound to them can be destroyed in between.
class Workers {
 public:
  static Result<std::unique_ptr<Workers>> make(std::size_t count, const std::string& name,
                                               const Clock& clock);
  ~Workers() { stop(); }
  void start();
  void stop();
  std::size_t count() const { return loops_.size(); }
  net::Loop& loop(std::size_t index) { return *loops_[index]; }
  std::vector<net::Loop*> loops();

  // Waits until each loop has finished a whole round, and with it whatever it had begun before the
  // call; for `patience_ns` at most. Not from a loop's thread.
  void finish_round(Nanos patience_ns);

  // Runs `change` on this thread while every loop waits for its end. Not from a loop's thread.
  // Errors: kTimeout when not all loops came within `patience_ns` (one is stuck, or stopped);
  // `change` was not run then.
  Status while_all_wait(Nanos patience_ns, const std::function<Status()>& change);

 private:
  std::string name_;
  std::vector<std::unique_ptr<net::Loop>> loops_;
  std::vector<std::thread> threads_;
};

std::size_t core_count();  // that this process may run on

// Names the calling thread for ps, top and perf; 15 characters at most are kept.
void name_thread(const std::string& name);

}  // namespace sightglass::app
