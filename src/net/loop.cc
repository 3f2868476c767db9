#include "net/loop.h"

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "net/timer_wheel.h"

namespace sightglass::net {
namespace {
// Past this the loop looks up by itself, so that no clock's jump can make it sleep for ever.
constexpr Nanos kLongestWaitNs = 60 * kSecond;
constexpr std::uint64_t kWakeUp = ~std::uint64_t{0};
}  // namespace

struct Loop::State {
  struct Registration {
    IoHandler* handler = nullptr;
    std::uint32_t generation = 0;
  };
  struct LaterList {
    Later* first = nullptr;
    Later* last = nullptr;
  };

  explicit State(Nanos now_ns) : wheel(now_ns) {}
  ~State() {
    if (epoll_fd >= 0) close(epoll_fd);
    if (wake_fd >= 0) close(wake_fd);
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;

  void wake() const {
    // Edge-triggered: each write is an edge, and nobody has to read the counter.
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto n = write(wake_fd, &one, sizeof one);
  }
  void deliver(const epoll_event& event);
  void run_posted();
  void run_deferred();
  int wait_ms(Nanos now_ns) const;

  int epoll_fd = -1;
  int wake_fd = -1;
  std::vector<Registration> registrations;  // by descriptor
  std::array<epoll_event, 512> events;
  TimerWheel wheel;

  std::atomic<bool> stopping = false;
  std::atomic<std::thread::id> thread{};
  std::mutex mutex;
  std::vector<std::function<void()>> posted;  // under the mutex
  std::atomic<bool> has_posted = false;
  std::vector<std::function<void()>> running;

  std::vector<std::function<void()>> deferred;
  LaterList laters;
  std::uint32_t later_round = 0;
};

Timer::Timer(Loop& loop, std::function<void()> fire) : loop_(loop), fire_(std::move(fire)) {}
Timer::~Timer() { disarm(); }
void Timer::arm(Nanos after_ns) { loop_.state_->wheel.arm(*this, loop_.now_ns() + after_ns); }
void Timer::disarm() {
  if (armed_) loop_.state_->wheel.disarm(*this);
}

Later::Later(Loop& loop, std::function<void()> run) : loop_(loop), run_(std::move(run)) {}
Later::~Later() { cancel(); }

void Later::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  auto& list = loop_.state_->laters;
  round_ = loop_.state_->later_round;
  next_ = nullptr;
  previous_ = list.last;
  (list.last != nullptr ? list.last->next_ : list.first) = this;
  list.last = this;
}

void Later::cancel() {
  if (!scheduled_) return;
  scheduled_ = false;
  auto& list = loop_.state_->laters;
  (previous_ != nullptr ? previous_->next_ : list.first) = next_;
  (next_ != nullptr ? next_->previous_ : list.last) = previous_;
}

Loop::Loop(const Clock& clock) : clock_(clock), now_ns_(clock.monotonic_ns()) {}
Loop::~Loop() = default;

Result<std::unique_ptr<Loop>> Loop::make(const Clock& clock) {
  std::unique_ptr<Loop> loop(new Loop(clock));
  loop->state_ = std::make_unique<State>(loop->now_ns_);
  auto& state = *loop->state_;
  state.epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  state.wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state.epoll_fd < 0 || state.wake_fd < 0) return fail_errno("event loop", errno);
  epoll_event event{.events = EPOLLIN | EPOLLET, .data = {.u64 = kWakeUp}};
  if (epoll_ctl(state.epoll_fd, EPOLL_CTL_ADD, state.wake_fd, &event) != 0) {
    return fail_errno("event loop", errno);
  }
  return loop;
}

Nanos Loop::fresh_now_ns() { return now_ns_ = std::max(now_ns_, clock_.monotonic_ns()); }

void Loop::stop() {
  state_->stopping.store(true, std::memory_order_release);
  state_->wake();
}

void Loop::post(std::function<void()> task) {
  bool first = false;
  {
    const std::lock_guard lock(state_->mutex);
    first = state_->posted.empty();
    state_->posted.push_back(std::move(task));
    state_->has_posted.store(true, std::memory_order_release);
  }
  // The loop's own thread looks at has_posted before it waits.
  if (first && state_->thread.load(std::memory_order_relaxed) != std::this_thread::get_id()) {
    state_->wake();
  }
}

void Loop::defer(std::function<void()> task) { state_->deferred.push_back(std::move(task)); }

Status Loop::add(int fd, std::uint32_t events, IoHandler* handler) {
  const auto index = static_cast<std::size_t>(fd);
  auto& registrations = state_->registrations;
  if (index >= registrations.size()) registrations.resize(std::max(index + 1, index * 2));
  auto& registration = registrations[index];
  const auto generation = registration.generation + 1;
  epoll_event event{.events = events | EPOLLET,
                    .data = {.u64 = std::uint64_t{generation} << 32 | index}};
  if (epoll_ctl(state_->epoll_fd, EPOLL_CTL_ADD, fd, &event) != 0) {
    return fail_errno("event loop", errno);
  }
  registration = {handler, generation};
  return {};
}

Status Loop::modify(int fd, std::uint32_t events, IoHandler* handler) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= state_->registrations.size() || !state_->registrations[index].handler) {
    return fail(Code::kNotFound, "the descriptor is not registered");
  }
  auto& registration = state_->registrations[index];
  epoll_event event{.events = events | EPOLLET,
                    .data = {.u64 = std::uint64_t{registration.generation} << 32 | index}};
  if (epoll_ctl(state_->epoll_fd, EPOLL_CTL_MOD, fd, &event) != 0) {
    return fail_errno("event loop", errno);
  }
  registration.handler = handler;
  return {};
}

void Loop::remove(int fd) {
  const auto index = static_cast<std::size_t>(fd);
  if (index >= state_->registrations.size() || !state_->registrations[index].handler) return;
  epoll_ctl(state_->epoll_fd, EPOLL_CTL_DEL, fd, nullptr);
  state_->registrations[index].handler = nullptr;
}

void Loop::State::deliver(const epoll_event& event) {
  if (event.data.u64 == kWakeUp) return;
  const auto index = static_cast<std::size_t>(event.data.u64 & 0xffffffff);
  const auto& registration = registrations[index];
  // Removed, or removed and taken by another descriptor, since the events were collected.
  if (registration.handler == nullptr || registration.generation != event.data.u64 >> 32) return;
  registration.handler->on_io(event.events);
}

void Loop::State::run_posted() {
  if (!has_posted.load(std::memory_order_acquire)) return;
  {
    const std::lock_guard lock(mutex);
    running.swap(posted);
    has_posted.store(false, std::memory_order_relaxed);
  }
  for (auto& task : running) task();
  running.clear();
}

// What is deferred meanwhile waits for the next round, so that I/O is not starved.
void Loop::State::run_deferred() {
  if (!deferred.empty()) {
    running.swap(deferred);
    for (auto& task : running) task();
    running.clear();
  }
  ++later_round;
  while (laters.first != nullptr && laters.first->round_ != later_round) {
    auto* later = laters.first;
    later->cancel();
    later->run_();
  }
}

int Loop::State::wait_ms(Nanos now_ns) const {
  if (!deferred.empty() || laters.first != nullptr) return 0;
  if (has_posted.load(std::memory_order_acquire)) return 0;
  if (stopping.load(std::memory_order_acquire)) return 0;
  const auto next_ns = wheel.next_ns();
  if (!next_ns) return -1;
  const auto wait_ns = std::clamp<Nanos>(*next_ns - now_ns, 0, kLongestWaitNs);
  return static_cast<int>((wait_ns + kMillisecond - 1) / kMillisecond);
}

void Loop::run() {
  auto& state = *state_;
  state.thread.store(std::this_thread::get_id(), std::memory_order_relaxed);
  do {
    const auto count =
        epoll_wait(state.epoll_fd, state.events.data(), static_cast<int>(state.events.size()),
                   state.wait_ms(fresh_now_ns()));
    fresh_now_ns();
    for (int i = 0; i < count; ++i) state.deliver(state.events[static_cast<std::size_t>(i)]);
    state.wheel.advance(now_ns_);
    state.run_posted();
    state.run_deferred();
  } while (!state.stopping.load(std::memory_order_acquire));
  state.run_posted();  // what came between the round's look and stop()
  state.stopping.store(false, std::memory_order_relaxed);
  state.thread.store({}, std::memory_order_relaxed);
}

}  // namespace sightglass::net
