#include <pthread.h>

#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>

#include "http/route.h"

namespace sightglass::http {
namespace {

class ThreadPool final : public WorkPool {
 public:
  ThreadPool(const std::string& name, std::size_t threads, std::size_t queue, Telemetry& telemetry)
      : capacity_(queue),
        waiting_(telemetry.gauge("sightglass_work_queue_jobs", "Blocking answers that wait.",
                                 {{"pool", name}})),
        full_(telemetry.counter("sightglass_work_queue_full_total",
                                "Blocking answers refused because the queue was full.",
                                {{"pool", name}})) {
    for (std::size_t i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { run(); });
      pthread_setname_np(threads_.back().native_handle(), "sg-work");
    }
  }
  ~ThreadPool() override {
    std::deque<std::function<void()>> dropped;
    {
      const std::scoped_lock lock(mutex_);
      stopping_ = true;
      dropped.swap(jobs_);
    }
    wake_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  bool submit(std::function<void()> job) override {
    {
      const std::scoped_lock lock(mutex_);
      // A thread that waits takes its job at once: it does not count as queued.
      if (jobs_.size() >= capacity_ + idle_) {
        full_.add();
        return false;
      }
      jobs_.push_back(std::move(job));
      waiting_.set(static_cast<std::int64_t>(jobs_.size()));
    }
    wake_.notify_one();
    return true;
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      ++idle_;
      wake_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      --idle_;
      if (stopping_) return;
      auto job = std::move(jobs_.front());
      jobs_.pop_front();
      waiting_.set(static_cast<std::int64_t>(jobs_.size()));
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  const std::size_t capacity_;
  Gauge& waiting_;
  Counter& full_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<std::function<void()>> jobs_;
  std::size_t idle_ = 0;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace

std::unique_ptr<WorkPool> WorkPool::make(std::string_view name, std::size_t threads,
                                         std::size_t queue, Telemetry& telemetry) {
  return std::make_unique<ThreadPool>(std::string(name), threads, queue, telemetry);
}

}  // namespace sightglass::http
