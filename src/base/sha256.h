// SHA-256 (FIPS 180-4) and HMAC-SHA-256 (RFC 2104), by OpenSSL's libcrypto.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "base/bytes.h"

namespace sightglass {

using Digest = std::array<unsigned char, 32>;

Digest sha256(Bytes data);
std::string sha256_hex(Bytes data);  // 64 lower-case digits
Digest hmac_sha256(Bytes key, Bytes data);

// Time depends on the lengths only.
bool equal_in_constant_time(Bytes a, Bytes b);

}  // namespace sightglass
