// What must happen now and then, on one thread: periodic summaries, cutting the journal behind the
// folds, new pseudonym epochs.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"

namespace sightglass::app {

// Threads: add() before start(); each task runs on the one thread, one after the other, so a slow
// task delays the others and nothing else.
class Housekeeper {
 public:
  ~Housekeeper() { stop(); }
  void add(Nanos every_ns, std::function<void()> task);
  void start();
  void stop();  // after the task that runs now; each task then runs once more

 private:
  struct Task {
    Nanos every_ns;
    Nanos due_ns;
    std::function<void()> run;
  };
  void loop();

  SystemClock clock_;
  std::vector<Task> tasks_;
  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sightglass::app
