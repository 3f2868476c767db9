// Wakes one thread from others, by an eventfd.
#pragma once

#include "base/clock.h"

namespace sightglass::journal {

// Threads: wait from one, signal from any. A signal before the wait ends the wait at once.
class Wake {
 public:
  Wake();  // aborts when the process is out of file descriptors: nothing works then
  ~Wake();
  Wake(const Wake&) = delete;
  Wake& operator=(const Wake&) = delete;

  void signal();
  void wait(Nanos at_most_ns);

 private:
  int fd_;
};

}  // namespace sightglass::journal
