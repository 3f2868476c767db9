// One thread that runs queries, one after the other, and a short queue in front of it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

#include "base/clock.h"
#include "base/result.h"
#include "base/telemetry.h"

namespace sightglass::store {

// Threads: run() from any; it blocks. `interrupt` is called by whoever waited too long, and must
// end the running job soon; it may come more than once, and late.
// Bounds: one running, `waiting` in the queue; one more is kBusy at once. A job that is not done
// `limit_ns` after run() was called ends in kTimeout, whether it ran or waited; in kCancelled once
// `left` is true.
class QueryQueue {
 public:
  using Job = std::function<Status()>;
  QueryQueue(std::size_t waiting, Nanos limit_ns, const Clock& clock, Telemetry& telemetry,
             std::function<void()> interrupt);
  ~QueryQueue();  // closes

  Status run(const Job& job, const std::atomic<bool>* left = nullptr);
  void close();  // what runs is interrupted, what waits is cancelled; later calls are kUnavailable

 private:
  struct Task;
  void loop();
  Status wait(Task& task, std::unique_lock<std::mutex>& lock);

  const std::size_t waiting_;
  const Nanos limit_ns_;
  const Clock& clock_;
  const std::function<void()> interrupt_;
  Counter& done_;
  Counter& busy_;
  Counter& timed_out_;
  Counter& cancelled_;

  std::mutex mutex_;
  std::condition_variable work_, finished_;
  std::deque<Task*> queue_;
  Task* running_ = nullptr;
  bool closing_ = false;
  std::thread thread_;
};

// A name for debuggers and nice 10: what runs behind a request must not take its CPU.
void become_background_thread(const char* name);

}  // namespace sightglass::store
