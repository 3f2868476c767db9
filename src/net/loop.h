// One epoll set, one thread: the event loop that every I/O worker runs.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "base/clock.h"
#include "base/result.h"

namespace sightglass::net {

class Loop;

// What waits on a descriptor. on_io gets EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR, EPOLLRDHUP bits.
class IoHandler {
 public:
  virtual ~IoHandler() = default;
  virtual void on_io(std::uint32_t events) = 0;
};

// A deadline that its owner embeds, counted from the loop's now_ns(). Arming, re-arming and
// cancelling cost O(1) and no allocation (a hashed wheel of 10 ms ticks; it fires at most one tick
// late, never early). Moving an armed deadline back, the common case of an idle timeout, is one
// store.
// Ownership: disarms itself on destruction; `fire` may destroy it. Threads: the loop's.
class Timer {
 public:
  Timer(Loop& loop, std::function<void()> fire);
  ~Timer();
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;
  void arm(Nanos after_ns);
  void disarm();
  bool armed() const { return armed_; }

 private:
  friend class TimerWheel;
  Loop& loop_;
  std::function<void()> fire_;
  Timer* previous_ = nullptr;
  Timer* next_ = nullptr;
  Nanos deadline_ns_ = 0;
  std::uint32_t slot_ = 0;
  bool armed_ = false;
};

// A task that its owner embeds, run once after the current round's events when scheduled: what
// defer() does, without allocation and cancelled when its owner goes.
// Ownership: cancels itself on destruction; `run` may destroy it. Threads: the loop's.
class Later {
 public:
  Later(Loop& loop, std::function<void()> run);
  ~Later();
  Later(const Later&) = delete;
  Later& operator=(const Later&) = delete;
  void schedule();  // once more is the same
  void cancel();
  bool scheduled() const { return scheduled_; }

 private:
  friend class Loop;
  Loop& loop_;
  std::function<void()> run_;
  Later* previous_ = nullptr;
  Later* next_ = nullptr;
  std::uint32_t round_ = 0;
  bool scheduled_ = false;
};

// A round: wait, deliver the events, fire the timers, run what was posted, run what was deferred.
// Threads: run() from one; post() and stop() from any; everything else from the loop's thread, or
// before run(). Bounds: posted and deferred tasks are not bounded here; their owners bound them.
// Cost: an event costs no allocation; Timer and Later neither.
class Loop {
 public:
  static Result<std::unique_ptr<Loop>> make(const Clock& clock);
  ~Loop();

  // Until stop(), whose round is finished, tasks posted before it included. Handlers must not
  // throw.
  void run();
  void stop();
  void post(std::function<void()> task);  // runs on the loop's thread, in order

  // Edge-triggered (EPOLLET is added). The handler must outlive the registration; removing is safe
  // inside on_io, also for events already collected in the same round.
  Status add(int fd, std::uint32_t events, IoHandler* handler);
  Status modify(int fd, std::uint32_t events, IoHandler* handler);
  void remove(int fd);

  Nanos now_ns() const { return now_ns_; }  // monotonic, read once per round
  Nanos fresh_now_ns();                     // reads the clock
  const Clock& clock() const { return clock_; }
  // Runs `task` after the current round's events: for destroying what is still on the stack.
  void defer(std::function<void()> task);

 private:
  friend class Timer;
  friend class Later;
  explicit Loop(const Clock& clock);
  struct State;
  const Clock& clock_;
  Nanos now_ns_ = 0;
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::net
