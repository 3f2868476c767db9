// Bugs on purpose: each sanitizer must report its own, or its clean runs prove nothing.
//   planted_bug overflow | undefined | race
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <string_view>
#include <thread>

namespace {

int read_past_the_end(std::size_t at) {
  char* bytes = static_cast<char*>(std::malloc(8));
  std::memset(bytes, 1, 8);
  const int value = bytes[at];
  std::free(bytes);
  return value;
}

int add_past_the_largest(int by) { return std::numeric_limits<int>::max() + by; }

int race() {
  int shared = 0;
  std::thread other([&shared] {
    for (int i = 0; i < 10'000; ++i) ++shared;
  });
  for (int i = 0; i < 10'000; ++i) ++shared;
  other.join();
  return shared;
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view bug = argc > 1 ? argv[1] : "";
  int value = 0;
  if (bug == "overflow") value = read_past_the_end(7 + static_cast<std::size_t>(argc) - 1);
  if (bug == "undefined") value = add_past_the_largest(argc - 1);
  if (bug == "race") value = race();
  std::printf("%d: nobody noticed\n", value);
  return 0;
}
