#include "store/query_queue.h"

#include <pthread.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>

namespace sightglass::store {
namespace {
// How often a waiting caller looks at the clock, which may be a test's.
constexpr auto kLook = std::chrono::milliseconds(20);
constexpr int kBackgroundNice = 10;

Labels result(std::string_view value) { return {{"result", std::string(value)}}; }
constexpr std::string_view kName = "sightglass_store_queries_total";
constexpr std::string_view kHelp = "Queries of the history by how they ended.";
}  // namespace

void become_background_thread(const char* name) {
  pthread_setname_np(pthread_self(), name);
  // On Linux this is of the calling thread alone; without the right to, it runs as it is.
  (void)setpriority(PRIO_PROCESS, static_cast<id_t>(gettid()), kBackgroundNice);
}

struct QueryQueue::Task {
  const Job* job = nullptr;
  Nanos deadline_ns = 0;
  const std::atomic<bool>* left = nullptr;  // true: whoever asked waits no more
  bool done = false;
  bool late = false;
  bool has_left() const { return left != nullptr && left->load(std::memory_order_relaxed); }
  Status status;
};

QueryQueue::QueryQueue(std::size_t waiting, Nanos limit_ns, const Clock& clock,
                       Telemetry& telemetry, std::function<void()> interrupt)
    : waiting_(waiting),
      limit_ns_(limit_ns),
      clock_(clock),
      interrupt_(std::move(interrupt)),
      done_(telemetry.counter(kName, kHelp, result("done"))),
      busy_(telemetry.counter(kName, kHelp, result("busy"))),
      timed_out_(telemetry.counter(kName, kHelp, result("timeout"))),
      cancelled_(telemetry.counter(kName, kHelp, result("cancelled"))),
      thread_([this] { loop(); }) {}

QueryQueue::~QueryQueue() { close(); }

Status QueryQueue::run(const Job& job, const std::atomic<bool>* left) {
  Task task;
  task.job = &job;
  task.left = left;
  task.deadline_ns = clock_.monotonic_ns() + limit_ns_;
  std::unique_lock lock(mutex_);
  if (closing_) return fail(Code::kUnavailable, "the history is closing");
  if (queue_.size() >= waiting_ + (running_ == nullptr ? 1 : 0)) {
    busy_.add();
    return fail(Code::kBusy, "too many queries wait already; try again in some seconds");
  }
  queue_.push_back(&task);
  work_.notify_one();
  return wait(task, lock);
}

Status QueryQueue::wait(Task& task, std::unique_lock<std::mutex>& lock) {
  while (!task.done) {
    finished_.wait_for(lock, kLook);
    const bool in_time = clock_.monotonic_ns() < task.deadline_ns && !task.has_left();
    if (task.done || (!closing_ && in_time)) continue;
    task.late = true;
    if (running_ == &task) {
      // An interrupt that comes before the engine has begun is lost; so again at each look.
      interrupt_();
      continue;
    }
    std::erase(queue_, &task);
    if (closing_) return fail(Code::kCancelled, "the history is closing");
    break;
  }
  if (task.late && !closing_ && task.has_left()) {
    cancelled_.add();
    return fail(Code::kCancelled, "whoever asked has left");
  }
  if (task.late && !task.status && !closing_) {
    timed_out_.add();
    return fail(Code::kTimeout, "the query took too long; ask for a shorter range");
  }
  if (task.done) return done_.add(), task.status;
  timed_out_.add();
  return fail(Code::kTimeout, "the query waited too long; try again later");
}

void QueryQueue::loop() {
  become_background_thread("sg-query");
  std::unique_lock lock(mutex_);
  for (;;) {
    work_.wait(lock, [&] { return closing_ || !queue_.empty(); });
    if (closing_) return;
    running_ = queue_.front();
    queue_.pop_front();
    lock.unlock();
    auto status = (*running_->job)();
    lock.lock();
    running_->status = std::move(status);
    running_->done = true;
    running_ = nullptr;
    finished_.notify_all();
  }
}

void QueryQueue::close() {
  {
    std::unique_lock lock(mutex_);
    closing_ = true;
    work_.notify_all();
    finished_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

}  // namespace sightglass::store
