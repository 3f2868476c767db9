// Whatever stands before it on the line, a key of a known shape does not survive.
// Parser: logs/hash_keys.cc
#include <cstdlib>
#include <string>

#include "logs/logs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string line(reinterpret_cast<const char*>(data), size);
  if (line.find("PLANTED") != std::string::npos) return 0;  // the fuzzer learns the word
  line.append(" sk-ant-PLANTED0123456789abcdef");
  if (sightglass::logs::hash_keys(line).find("PLANTED0123456789") != std::string::npos)
    std::abort();
  return 0;
}
