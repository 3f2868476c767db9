#include "app/workers.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>

namespace sightglass::app {
namespace {

TEST(Workers, ARoundIsFinishedWithWhatItDefers) {
  const SystemClock clock;
  const auto workers = Workers::make(3, "test", clock);
  ASSERT_TRUE(workers);
  (*workers)->start();
  for (int repeated = 0; repeated < 200; ++repeated) {
    std::atomic<int> done = 0;
    for (auto* loop : (*workers)->loops()) {
      loop->post([loop, &done] { loop->defer([&done] { ++done; }); });
    }
    (*workers)->finish_round(3'600 * kSecond);
    ASSERT_EQ(done, 3);
  }
}

TEST(Workers, ALoopThatIsStuckIsNotWaitedForForEver) {
  const SystemClock clock;
  const auto workers = Workers::make(2, "test", clock);
  ASSERT_TRUE(workers);
  (*workers)->start();
  std::promise<void> go_on;
  (*workers)->loop(1).post([&go_on] { go_on.get_future().wait(); });
  (*workers)->finish_round(kMillisecond);
  go_on.set_value();
  (*workers)->stop();
}

}  // namespace
}  // namespace sightglass::app
