#include "net/loop.h"

#include <gtest/gtest.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "base/random.h"
#include "net/timer_wheel.h"

namespace sightglass::net {
namespace {

struct SocketPair {
  SocketPair() { socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends.data()); }
  ~SocketPair() {
    for (const int fd : ends) {
      if (fd >= 0) close(fd);
    }
  }
  void say(std::string_view text) const {
    ASSERT_EQ(write(ends[1], text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  std::array<int, 2> ends{-1, -1};
};

struct Recorder final : IoHandler {
  explicit Recorder(std::function<void(std::uint32_t)> on) : act(std::move(on)) {}
  void on_io(std::uint32_t events) override {
    ++count;
    if (act) act(events);
  }
  std::function<void(std::uint32_t)> act;
  int count = 0;
};

std::unique_ptr<Loop> make_loop(const Clock& clock) {
  auto loop = Loop::make(clock);
  EXPECT_TRUE(loop);
  return std::move(*loop);
}

// Runs rounds until `steps` posted steps were taken, one in each round.
void run_steps(Loop& loop, int steps, const std::function<void(int)>& step) {
  std::function<void(int)> next = [&](int i) {
    if (i == steps) return loop.stop();
    step(i);
    loop.post([&next, i] { next(i + 1); });
  };
  loop.post([&] { next(0); });
  loop.run();
}

TEST(Loop, RunsPostedTasksInOrderAndStops) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  std::vector<int> order;
  for (int i = 0; i < 3; ++i) loop->post([&order, i] { order.push_back(i); });
  loop->stop();
  loop->run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
}

TEST(Loop, RunsAgainAfterStop) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  int runs = 0;
  for (int i = 0; i < 2; ++i) {
    loop->post([&] { ++runs, loop->stop(); });
    loop->run();
  }
  EXPECT_EQ(runs, 2);
}

TEST(Loop, WakesForTasksOfOtherThreads) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  constexpr int kThreads = 4;
  constexpr int kEach = 1000;
  std::map<int, int> last;
  int total = 0;
  bool in_order = true;
  std::vector<std::jthread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 1; i <= kEach; ++i) {
        loop->post([&, t, i] {
          in_order = in_order && last[t] == i - 1;
          last[t] = i;
          if (++total == kThreads * kEach) loop->stop();
        });
      }
    });
  }
  loop->run();
  EXPECT_EQ(total, kThreads * kEach);
  EXPECT_TRUE(in_order);
}

TEST(Loop, DeliversReadiness) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  const SocketPair pair;
  std::uint32_t seen = 0;
  Recorder recorder([&](std::uint32_t events) { seen = events, loop->stop(); });
  ASSERT_TRUE(loop->add(pair.ends[0], EPOLLIN, &recorder));
  pair.say("x");
  loop->run();
  EXPECT_EQ(seen, static_cast<std::uint32_t>(EPOLLIN));
  loop->remove(pair.ends[0]);
}

TEST(Loop, IsEdgeTriggered) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  const SocketPair pair;
  Recorder recorder(nullptr);
  ASSERT_TRUE(loop->add(pair.ends[0], EPOLLIN, &recorder));
  pair.say("x");
  run_steps(*loop, 5, [](int) {});
  EXPECT_EQ(recorder.count, 1);  // never read, and still told once
  pair.say("y");
  run_steps(*loop, 5, [](int) {});
  EXPECT_EQ(recorder.count, 2);
}

TEST(Loop, DropsEventsOfDescriptorsRemovedInTheSameRound) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  const SocketPair a;
  const SocketPair b;
  Recorder* other_of_a = nullptr;
  Recorder* other_of_b = nullptr;
  Recorder on_a([&](std::uint32_t) { loop->remove(b.ends[0]); });
  Recorder on_b([&](std::uint32_t) { loop->remove(a.ends[0]); });
  other_of_a = &on_b;
  other_of_b = &on_a;
  ASSERT_TRUE(loop->add(a.ends[0], EPOLLIN, &on_a));
  ASSERT_TRUE(loop->add(b.ends[0], EPOLLIN, &on_b));
  a.say("x");
  b.say("x");
  run_steps(*loop, 5, [](int) {});
  EXPECT_EQ(other_of_a->count + other_of_b->count, 1);  // whoever came first removed the other
}

TEST(Loop, DropsEventsOfADescriptorThatAnotherTookInTheSameRound) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  SocketPair a;
  SocketPair b;
  SocketPair replacement;  // silent
  Recorder on_replacement(nullptr);
  bool replaced = false;
  // Whoever is told first puts a silent socket in the other's place, under the same number.
  const auto replace = [&](SocketPair& other) {
    if (std::exchange(replaced, true)) return;
    const int number = other.ends[0];
    loop->remove(number);
    ASSERT_EQ(dup2(replacement.ends[0], number), number);
    ASSERT_TRUE(loop->add(number, EPOLLIN, &on_replacement));
  };
  Recorder on_a([&](std::uint32_t) { replace(b); });
  Recorder on_b([&](std::uint32_t) { replace(a); });
  ASSERT_TRUE(loop->add(a.ends[0], EPOLLIN, &on_a));
  ASSERT_TRUE(loop->add(b.ends[0], EPOLLIN, &on_b));
  a.say("x");
  b.say("x");
  run_steps(*loop, 5, [](int) {});
  EXPECT_EQ(on_a.count + on_b.count, 1);
  EXPECT_EQ(on_replacement.count, 0);
  replacement.say("x");
  run_steps(*loop, 5, [](int) {});
  EXPECT_EQ(on_replacement.count, 1);
}

TEST(Loop, ModifyChangesEventsAndHandler) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  const SocketPair pair;
  Recorder first(nullptr);
  Recorder second(nullptr);
  ASSERT_TRUE(loop->add(pair.ends[0], EPOLLIN, &first));
  ASSERT_TRUE(loop->modify(pair.ends[0], EPOLLOUT, &second));
  run_steps(*loop, 3, [](int) {});
  EXPECT_EQ(first.count, 0);
  EXPECT_EQ(second.count, 1);
  EXPECT_FALSE(loop->modify(9999, EPOLLIN, &first));
}

TEST(Loop, AddingABadDescriptorFails) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  Recorder recorder(nullptr);
  EXPECT_FALSE(loop->add(999, EPOLLIN, &recorder));
}

TEST(Loop, DefersToTheEndOfTheRound) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  std::string order;
  loop->post([&] {
    loop->defer([&] {
      order += 'd';
      loop->defer([&] { order += 'e', loop->stop(); });
    });
    order += '1';
  });
  loop->post([&] { order += '2'; });
  loop->run();
  EXPECT_EQ(order, "12de");
}

TEST(Later, RunsOnceHoweverOftenScheduled) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  int runs = 0;
  Later later(*loop, [&] { ++runs; });
  run_steps(*loop, 3, [&](int i) {
    if (i > 0) return;
    later.schedule();
    later.schedule();
    EXPECT_TRUE(later.scheduled());
  });
  EXPECT_EQ(runs, 1);
  EXPECT_FALSE(later.scheduled());
}

TEST(Later, ScheduledByItselfWaitsForTheNextRound) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  int runs = 0;
  std::unique_ptr<Later> later;
  later = std::make_unique<Later>(*loop, [&] {
    if (++runs < 3) later->schedule();
  });
  std::vector<int> seen;
  run_steps(*loop, 4, [&](int i) {
    if (i == 0) later->schedule();
    seen.push_back(runs);
  });
  EXPECT_EQ(seen, (std::vector<int>{0, 1, 2, 3}));
}

TEST(Later, MayCancelAndDestroyOthers) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  std::string order;
  Later c(*loop, [&] { order += 'c'; });
  auto b = std::make_unique<Later>(*loop, [&] { order += 'b'; });
  Later a(*loop, [&] {
    order += 'a';
    b.reset();
    c.cancel();
  });
  Later d(*loop, [&] { order += 'd'; });
  run_steps(*loop, 2, [&](int i) {
    if (i > 0) return;
    a.schedule();
    b->schedule();
    c.schedule();
    d.schedule();
  });
  EXPECT_EQ(order, "ad");
}

TEST(Timer, FiresOnRealTime) {
  SystemClock clock;
  const auto loop = make_loop(clock);
  Timer timer(*loop, [&] { loop->stop(); });
  timer.arm(20 * kMillisecond);
  const auto start = clock.monotonic_ns();
  loop->run();
  EXPECT_GE(clock.monotonic_ns() - start, 20 * kMillisecond);
  EXPECT_FALSE(timer.armed());
}

TEST(Timer, MayDestroyItselfAndOthers) {
  ManualClock clock;
  const auto loop = make_loop(clock);
  int fired = 0;
  std::array<std::unique_ptr<Timer>, 3> timers;
  for (auto& timer : timers) {
    timer = std::make_unique<Timer>(*loop, [&] {
      ++fired;
      for (auto& each : timers) each.reset();
    });
    timer->arm(kSecond);
  }
  run_steps(*loop, 2, [&](int) { clock.advance(2 * kSecond); });
  EXPECT_EQ(fired, 1);
}

TEST(Timer, ArmedForNowInItsOwnCallbackFiresWithinATick) {
  ManualClock clock;
  const auto loop = make_loop(clock);
  int fired = 0;
  std::unique_ptr<Timer> timer;
  timer = std::make_unique<Timer>(*loop, [&] {
    ++fired;
    timer->arm(0);
  });
  timer->arm(0);
  run_steps(*loop, 5, [&](int) { clock.advance(10 * kMillisecond); });
  EXPECT_GE(fired, 4);
}

// The wheel against a map of deadlines: never early, at most one tick late, whatever is armed,
// moved, disarmed and however far the clock jumps.
TEST(TimerWheel, AgreesWithANaiveModel) {
  constexpr Nanos kTick = 10 * kMillisecond;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    SeededRandom random(seed);
    ManualClock clock;
    const auto loop = make_loop(clock);
    constexpr int kTimers = 50;
    std::map<int, Nanos> armed;  // the model
    std::vector<std::unique_ptr<Timer>> timers;
    const auto random_wait = [&] {
      const Nanos ranges[] = {50 * kMillisecond, kSecond, 45 * kSecond, 600 * kSecond};
      return static_cast<Nanos>(random.below(static_cast<std::uint64_t>(ranges[random.below(4)])));
    };
    const auto arm = [&](int i) {
      const auto wait = random_wait();
      timers[static_cast<std::size_t>(i)]->arm(wait);
      armed[i] = loop->now_ns() + wait;
    };
    for (int i = 0; i < kTimers; ++i) {
      timers.push_back(std::make_unique<Timer>(*loop, [&, i] {
        ASSERT_TRUE(armed.contains(i));
        ASSERT_LE(armed[i], loop->now_ns());
        armed.erase(i);
        const auto what = random.below(4);
        if (what == 0) arm(i);
        if (what == 1) {
          const int other = static_cast<int>(random.below(kTimers));
          timers[static_cast<std::size_t>(other)]->disarm();
          armed.erase(other);
        }
      }));
    }
    run_steps(*loop, 2000, [&](int) {
      // This round's timers have fired: nothing may be more than a tick behind.
      for (const auto& [i, deadline] : armed) ASSERT_GT(deadline + kTick, loop->now_ns()) << i;
      for (int i = 0; i < kTimers; ++i) {
        ASSERT_EQ(timers[static_cast<std::size_t>(i)]->armed(), armed.contains(i));
      }
      for (int n = static_cast<int>(random.below(4)); n > 0; --n) {
        const int i = static_cast<int>(random.below(kTimers));
        if (random.below(4) == 0) {
          timers[static_cast<std::size_t>(i)]->disarm();
          armed.erase(i);
        } else {
          arm(i);
        }
      }
      clock.advance(random_wait() / 2);
    });
  }
}

TEST(TimerWheel, TellsWhenToLookNext) {
  ManualClock clock;
  const auto loop = make_loop(clock);
  constexpr Nanos kTick = 10 * kMillisecond;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    SeededRandom random(seed);
    const Nanos now = static_cast<Nanos>(random.below(1000)) * kSecond + kTick / 2;
    TimerWheel wheel(now);
    EXPECT_EQ(wheel.next_ns(), std::nullopt);
    int fired = 0;
    Timer timer(*loop, [&] { ++fired; });
    const Nanos deadline = now + static_cast<Nanos>(random.below(40)) * kSecond +
                           static_cast<Nanos>(random.below(kSecond));
    wheel.arm(timer, deadline);
    const auto next = wheel.next_ns();
    ASSERT_TRUE(next);
    EXPECT_GE(*next, deadline);
    EXPECT_LT(*next, deadline + 2 * kTick);
    wheel.advance(*next - 1);
    EXPECT_EQ(fired, 0);
    wheel.advance(*next);
    EXPECT_EQ(fired, 1);
    EXPECT_EQ(wheel.next_ns(), std::nullopt);
  }
}

}  // namespace
}  // namespace sightglass::net
