// A file to be sent comes from anywhere: whatever it holds, packed or not, reading it ends, and its
// batches are its content in whole lines, none of them passed over but the rest of one too long.
// Parser: follow/byte_source.cc
#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

#include "follow/line_batches.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sightglass::follow;
  constexpr std::uint64_t kMost = 8u << 20;  // of what a bomb would unpack to
  Descriptor file(::memfd_create("content", MFD_CLOEXEC));
  if (::write(file.get(), data, size) != static_cast<ssize_t>(size)) return 0;
  ::lseek(file.get(), 0, SEEK_SET);
  auto bytes = open_bytes(std::move(file));
  if (!bytes) return 0;
  LineBatches batches(std::move(*bytes), size % 97 + 1);
  std::uint64_t sent = 0;
  while (sent < kMost) {
    const auto cut = batches.next();
    if (!cut || cut->bytes == 0) break;
    if (cut->body.empty() || cut->body.size() > cut->bytes + 1) std::abort();
    sent += cut->bytes;
    batches.done_with(*cut);
    if (batches.position() != sent) std::abort();
  }
  const auto& read = batches.bytes();
  if (!read.packed() && sent < kMost && sent != size) std::abort();
  return 0;
}
