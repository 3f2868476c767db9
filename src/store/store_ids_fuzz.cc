// Any bytes as an index of ids: none, or stretches within the file, ascending and apart. The sums
// are made right first, so that what lies behind them is reached.
//
// Parser: store/id_index.cc:stretches_with store/id_index.cc:read_header
#include <cstdlib>
#include <string>

#include "base/crc32c.h"
#include "base/fake_file_system.h"
#include "store/id_index.h"

namespace {

using namespace sightglass;

void check(const std::string& bytes) {
  FakeFileSystem fs;
  if (!(*fs.open("x", OpenMode::kCreateNew))->append(bytes)) std::abort();
  std::uint32_t crc = 0;
  if (bytes.size() >= 12) std::memcpy(&crc, bytes.data() + 8, sizeof crc);
  for (const auto* const id : {"", "0123456", "01234567", "deadbeef-0000"}) {
    const auto found = store::stretches_with(fs, "x", crc, id);
    if (!found) continue;
    journal::Position least = 0;
    for (const auto& stretch : *found) {
      if (stretch.first > stretch.last || stretch.first < least) std::abort();
      least = stretch.last;
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  constexpr std::size_t kHeader = 40;
  if (bytes.size() < kHeader) return 0;
  bytes.replace(0, 8, std::string("SGID\1\0\0\0", 8));
  auto sum = crc32c(Bytes(bytes).substr(0, kHeader - 4));
  std::memcpy(bytes.data() + kHeader - 4, &sum, sizeof sum);
  std::uint32_t stretches = 0;
  std::memcpy(&stretches, bytes.data() + 28, sizeof stretches);
  const auto blocks = std::size_t{stretches} * 32;
  for (std::size_t line = 0, at = kHeader; at + blocks + 4 <= bytes.size();
       ++line, at += blocks + 4) {
    sum = crc32c(Bytes(bytes).substr(at, blocks), static_cast<std::uint32_t>(line));
    std::memcpy(bytes.data() + at + blocks, &sum, sizeof sum);
  }
  check(bytes);
  return 0;
}
