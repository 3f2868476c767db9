// HMAC-SHA-256 (RFC 2104) from precomputed midstates: the two blocks that depend on the key alone
// are hashed once, so that a short message costs two blocks instead of four and no set-up.
#pragma once

#include <array>
#include <cstdint>

#include "base/bytes.h"
#include "base/sha256.h"

namespace sightglass::guard {

// As good as the key itself: kept in LockedMemory, wiped with it.
struct HmacPads {
  std::array<std::uint32_t, 8> inner{};
  std::array<std::uint32_t, 8> outer{};
};

// Keys of at most 64 bytes.
HmacPads hmac_pads(Bytes key);
// Cost: two SHA-256 blocks for messages of up to 55 bytes.
Digest hmac(const HmacPads& pads, Bytes message);

}  // namespace sightglass::guard
