#include "store/query_queue.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <vector>

namespace sightglass::store {
namespace {

constexpr auto kSoon = std::chrono::milliseconds(1);

// A job that runs until it is let go, or interrupted.
struct Gate {
  std::atomic<bool> open{false}, entered{false}, interrupted{false}, stubborn{false};
  Status pass() {
    entered = true;
    while (!open && (stubborn || !interrupted)) std::this_thread::sleep_for(kSoon);
    if (interrupted) return fail(Code::kTimeout, "interrupted");
    return {};
  }
};

class QueryQueueTest : public testing::Test {
 protected:
  void wait_for(const std::atomic<bool>& flag) {
    while (!flag) std::this_thread::sleep_for(kSoon);
  }
  ManualClock clock_;
  Telemetry telemetry_;
  Gate gate_;
  QueryQueue queue_{2, 10 * kSecond, clock_, telemetry_, [this] { gate_.interrupted = true; }};
};

TEST_F(QueryQueueTest, GivesBackWhatTheJobGave) {
  EXPECT_TRUE(queue_.run([] { return Status{}; }).has_value());
  EXPECT_EQ(queue_.run([]() -> Status { return fail(Code::kTooLarge, "x"); }).error().code,
            Code::kTooLarge);
}

TEST_F(QueryQueueTest, IsBusyPastItsCapacityAndRunsAllThatItTook) {
  std::jthread first([&] { EXPECT_TRUE(queue_.run([&] { return gate_.pass(); }).has_value()); });
  wait_for(gate_.entered);
  std::atomic<int> done{0}, busy{0};
  {
    std::vector<std::jthread> callers;
    for (int i = 0; i < 5; ++i) {
      callers.emplace_back([&] {
        const auto status = queue_.run([] { return Status{}; });
        if (status) {
          ++done;
        } else {
          EXPECT_EQ(status.error().code, Code::kBusy);
          ++busy;
        }
      });
    }
    while (busy < 3) std::this_thread::sleep_for(kSoon);
    gate_.open = true;
  }
  EXPECT_EQ(busy, 3);
  EXPECT_EQ(done, 2);
}

TEST_F(QueryQueueTest, InterruptsWhatRunsPastTheLimit) {
  std::jthread other([&] {
    wait_for(gate_.entered);
    clock_.advance(11 * kSecond);
  });
  EXPECT_EQ(queue_.run([&] { return gate_.pass(); }).error().code, Code::kTimeout);
  EXPECT_TRUE(gate_.interrupted);
  EXPECT_TRUE(queue_.run([] { return Status{}; }).has_value()) << "the queue goes on";
}

TEST_F(QueryQueueTest, EndsWhatRunsForSomebodyWhoHasLeft) {
  std::atomic<bool> left{false};
  std::jthread other([&] {
    wait_for(gate_.entered);
    left = true;
  });
  EXPECT_EQ(queue_.run([&] { return gate_.pass(); }, &left).error().code, Code::kCancelled);
  EXPECT_TRUE(gate_.interrupted);
}

TEST_F(QueryQueueTest, NeverRunsWhatNobodyWaitsForAnyMore) {
  gate_.stubborn = true;
  std::jthread first([&] { EXPECT_FALSE(queue_.run([&] { return gate_.pass(); }).has_value()); });
  wait_for(gate_.entered);
  const std::atomic<bool> left{true};
  bool ran = false;
  const auto second = queue_.run([&] { return ran = true, Status{}; }, &left);
  EXPECT_EQ(second.error().code, Code::kCancelled);
  gate_.interrupted = true;
  gate_.open = true;
  first.join();
  EXPECT_FALSE(ran);
}

TEST_F(QueryQueueTest, EndsWhatWaitedPastTheLimitWithoutRunningIt) {
  gate_.stubborn = true;
  std::jthread first([&] { EXPECT_FALSE(queue_.run([&] { return gate_.pass(); }).has_value()); });
  wait_for(gate_.entered);
  // As often as it takes for this thread to have begun to wait.
  std::jthread other([&](const std::stop_token& over) {
    while (!over.stop_requested()) {
      std::this_thread::sleep_for(kSoon);
      clock_.advance(11 * kSecond);
    }
  });
  bool ran = false;
  const auto status = queue_.run([&] {
    ran = true;
    return Status{};
  });
  ASSERT_FALSE(status.has_value());
  EXPECT_EQ(status.error().code, Code::kTimeout);
  EXPECT_FALSE(ran);
  gate_.stubborn = false;
}

TEST_F(QueryQueueTest, ClosingEndsWhatRunsAndWhatWaits) {
  std::jthread first([&] { EXPECT_FALSE(queue_.run([&] { return gate_.pass(); }).has_value()); });
  wait_for(gate_.entered);
  std::jthread second([&] {
    const auto status = queue_.run([] { return Status{}; });
    EXPECT_FALSE(status.has_value());
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(10));
  queue_.close();
  EXPECT_EQ(queue_.run([] { return Status{}; }).error().code, Code::kUnavailable);
}

}  // namespace
}  // namespace sightglass::store
