// A price list is a file from elsewhere: whatever it holds, parsing ends in a book or in an error,
// and no book gives a negative cost.
// Parser: price/price_book.cc
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "price/price_book.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass::price;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto book = PriceBook::parse(text, "");
  if (!book) return 0;
  for (const auto& model : (*book)->models()) {
    const Usage usage{.input = 300'000, .cache_read = 7, .output = 11, .reasoning = 3};
    const auto cost = (*book)->price("openai", model, usage, 1'785'000'000'000'000'000);
    if (cost.unpriced == Unpriced::kPriced && cost.nanousd < 0) std::abort();
  }
  return 0;
}
