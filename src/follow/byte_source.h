// The content of a file as one stream of bytes, whatever it is packed in.
#pragma once

#include <cstdint>
#include <memory>

#include "base/result.h"
#include "follow/descriptor.h"

namespace sightglass::follow {

// Threads: one. Bounds: 256 KiB of buffers; a zstd window of at most 128 MiB.
class ByteSource {
 public:
  virtual ~ByteSource() = default;
  // Some bytes, 0 at the end; waits where the descriptor does. Errors: kIo; kCorrupt when the file
  // is packed and its packing is damaged or cut short (what came before stands).
  virtual Result<std::size_t> read(char* out, std::size_t size) = 0;
  // Whether nothing more comes for so long: of a pipe or a terminal, never of a file.
  virtual bool pauses(int wait_ms) const = 0;
  virtual std::uint64_t packed_bytes() const = 0;  // read of the file so far
  virtual bool packed() const = 0;
};

// Knows gzip (RFC 1952, several members) and zstd (RFC 8878, several frames) by their first bytes.
// Takes the descriptor.
Result<std::unique_ptr<ByteSource>> open_bytes(Descriptor descriptor);

}  // namespace sightglass::follow
