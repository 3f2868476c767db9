// CRC-32C (Castagnoli polynomial 0x1EDC6F41, reflected), as in RFC 3720 appendix B.4.
#pragma once

#include <cstdint>

#include "base/bytes.h"

namespace sightglass {

// Continues `crc` (0 to start) over `data`. Cost: about 0.1 ns a byte with SSE 4.2, which is used
// when the CPU has it; a table otherwise.
std::uint32_t crc32c(Bytes data, std::uint32_t crc = 0);

}  // namespace sightglass
