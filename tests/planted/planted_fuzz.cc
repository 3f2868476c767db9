// A parser with a bug that only guided search finds: five bytes must be right, one after the other.
#include <cstddef>
#include <cstdint>
#include <cstdlib>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::uint8_t kWord[] = {'g', 'l', 'a', 's', 's'};
  if (size < sizeof kWord) return 0;
  for (std::size_t i = 0; i < sizeof kWord; ++i) {
    if (data[i] != kWord[i]) return 0;
  }
  std::abort();
}
