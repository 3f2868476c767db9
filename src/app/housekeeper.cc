#include "app/housekeeper.h"

#include <algorithm>

#include "app/workers.h"

namespace sightglass::app {

void Housekeeper::add(Nanos every_ns, std::function<void()> task) {
  tasks_.push_back({every_ns, clock_.monotonic_ns() + every_ns, std::move(task)});
}

void Housekeeper::start() {
  stopping_ = false;
  thread_ = std::thread([this] {
    name_thread("housekeeper");
    loop();
  });
}

void Housekeeper::stop() {
  if (!thread_.joinable()) return;
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
  }
  wake_.notify_all();
  thread_.join();
  for (auto& task : tasks_) task.run();
}

void Housekeeper::loop() {
  std::unique_lock lock(mutex_);
  while (!stopping_) {
    Nanos next = clock_.monotonic_ns() + kSecond;
    for (auto& task : tasks_) {
      if (task.due_ns <= clock_.monotonic_ns()) {
        lock.unlock();
        task.run();
        lock.lock();
        task.due_ns = clock_.monotonic_ns() + task.every_ns;
      }
      next = std::min(next, task.due_ns);
    }
    const auto left = std::max<Nanos>(0, next - clock_.monotonic_ns());
    wake_.wait_for(lock, std::chrono::nanoseconds(left), [this] { return stopping_; });
  }
}

}  // namespace sightglass::app
