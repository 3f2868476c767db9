#include "event/sampling.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sightglass::event {
namespace {

std::size_t kept_of(std::uint32_t sample, std::uint64_t first, std::uint64_t step) {
  EventType type;
  type.sample = sample;
  std::size_t kept = 0;
  for (std::uint64_t i = 0; i < 100'000; ++i) kept += is_kept(type, first + i * step) ? 1 : 0;
  return kept;
}

TEST(Sampling, KeepsEverythingOfATypeThatIsNotSampled) { EXPECT_EQ(kept_of(1, 1, 1), 100'000u); }

// Types alternate in the journal: a start, a terminal, a start. Each is thinned by its rate all the
// same.
TEST(Sampling, KeepsOneInNWhereverTheTypeStandsInTheJournal) {
  for (const std::uint32_t n : {2u, 3u, 10u, 1000u}) {
    for (const std::uint64_t first : {0ull, 1ull}) {
      for (const std::uint64_t step : {1ull, 2ull, 10ull, 1000ull}) {
        const auto kept = static_cast<double>(kept_of(n, first, step));
        const auto wanted = 100'000.0 / n;
        EXPECT_NEAR(kept, wanted, 5 * std::sqrt(wanted)) << n << " " << first << " " << step;
      }
    }
  }
}

}  // namespace
}  // namespace sightglass::event
