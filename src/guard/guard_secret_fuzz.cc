// Hostile values: the scan is safe on any bytes, and finds a key wherever it stands as a word.
// Parser: guard/secret_scan.cc
#include <cstdint>
#include <cstdlib>
#include <string>

#include "guard/secret_scan.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::guard::find_secret;
  std::string value(reinterpret_cast<const char*>(data), size);
  find_secret(value);
  value += ".sk-ant-api03-abcdefghijklmnopqrstuvwxyz0123456789";
  if (find_secret(value) == nullptr) std::abort();
  return 0;
}
