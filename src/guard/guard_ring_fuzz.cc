// Hostile key ring files, with the checksum made right so that the lines are reached.
// Parser: guard/key_epochs.cc:parse|read|hex|cover|choose
#include <cstdint>
#include <string>

#include "base/sha256.h"
#include "guard/key_epochs.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using sightglass::guard::KeyEpochs;
  const KeyEpochs::Times times{30 * 86'400 * sightglass::kSecond, 48 * 3'600 * sightglass::kSecond};
  std::string file(reinterpret_cast<const char*>(data), size);
  static_cast<void>(KeyEpochs::parse(file, times, 1));
  if (file.empty() || file.back() != '\n') file += '\n';
  file += "sum " + sightglass::sha256_hex(file) + "\n";
  const auto epochs = KeyEpochs::parse(file, times, 1);
  if (!epochs) return 0;
  for (const auto now : {sightglass::Nanos{0}, (*epochs)->epochs().back().start_ns}) {
    const auto key = (*epochs)->choose('u', now, now);
    std::string out;
    if (key) append_pseudonym('u', *key, "alice", out);
  }
  return 0;
}
