#include "app/workers.h"

#include <pthread.h>
#include <sched.h>

#include <condition_variable>
#include <mutex>

namespace sightglass::app {

Result<std::unique_ptr<Workers>> Workers::make(std::size_t count, const std::string& name,
                                               const Clock& clock) {
  auto workers = std::make_unique<Workers>();
  workers->name_ = name;
  for (std::size_t i = 0; i < count; ++i) {
    SG_ASSIGN(auto loop, net::Loop::make(clock));
    workers->loops_.push_back(std::move(loop));
  }
  return workers;
}

void Workers::start() {
  for (std::size_t i = 0; i < loops_.size(); ++i) {
    threads_.emplace_back([this, i] {
      name_thread(name_ + "-" + std::to_string(i));
      loops_[i]->run();
    });
  }
}

void Workers::stop() {
  for (auto& loop : loops_) loop->stop();
  for (auto& thread : threads_) thread.join();
  threads_.clear();
}

std::vector<net::Loop*> Workers::loops() {
  std::vector<net::Loop*> out;
  for (auto& loop : loops_) out.push_back(loop.get());
  return out;
}

namespace {

// Where the loops meet. Shared, since a loop may come when nobody waits for it any more.
struct Meeting {
  std::mutex mutex;
  std::condition_variable changed;
  std::size_t here = 0;
  bool over = false;

  void come() {
    std::unique_lock lock(mutex);
    ++here;
    changed.notify_all();
    changed.wait(lock, [this] { return over; });
  }
  bool all_here(std::size_t count, Nanos patience_ns) {
    std::unique_lock lock(mutex);
    return changed.wait_for(lock, std::chrono::nanoseconds(patience_ns),
                            [&] { return here == count; });
  }
  void end() {
    const std::scoped_lock lock(mutex);
    over = true;
    changed.notify_all();
  }
};

}  // namespace

Status Workers::while_all_wait(Nanos patience_ns, const std::function<Status()>& change) {
  const auto meeting = std::make_shared<Meeting>();
  for (auto& loop : loops_) loop->post([meeting] { meeting->come(); });
  Status done = fail(Code::kTimeout, "not every worker paused in time; try again");
  if (meeting->all_here(loops_.size(), patience_ns)) done = change();
  meeting->end();
  return done;
}

void Workers::finish_round(Nanos patience_ns) {
  const auto meeting = std::make_shared<Meeting>();
  meeting->over = true;  // nobody waits there but this thread
  for (auto& loop : loops_) {
    // What a round defers runs after what was posted to it: so the round after.
    loop->post([loop = loop.get(), meeting] { loop->post([meeting] { meeting->come(); }); });
  }
  (void)meeting->all_here(loops_.size(), patience_ns);
}

std::size_t core_count() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) != 0) return 1;
  return static_cast<std::size_t>(CPU_COUNT(&set));
}

void name_thread(const std::string& name) {
  pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
}

}  // namespace sightglass::app
