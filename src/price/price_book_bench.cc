#include <benchmark/benchmark.h>

#include "price/price_book.h"

namespace sightglass::price {
namespace {

void price_of_a_request(benchmark::State& state) {
  const auto book = PriceBook::built_in();
  const Usage usage{.input = 1184, .cache_read = 4096, .output = 362};
  for (auto _ : state) {
    benchmark::DoNotOptimize(book->price("anthropic", "claude-sonnet-4-5", usage, 0));
  }
}
BENCHMARK(price_of_a_request);

}  // namespace
}  // namespace sightglass::price
