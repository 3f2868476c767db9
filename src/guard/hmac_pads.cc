#include "guard/hmac_pads.h"

// The low-level calls are the only ones that expose the midstate.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cstring>

namespace sightglass::guard {
namespace {

constexpr std::size_t kBlockBytes = 64;

std::array<std::uint32_t, 8> pad_state(Bytes key, unsigned char pad) {
  std::array<unsigned char, kBlockBytes> block;
  block.fill(pad);
  for (std::size_t i = 0; i < std::min(key.size(), kBlockBytes); ++i) {
    block[i] = static_cast<unsigned char>(block[i] ^ static_cast<unsigned char>(key[i]));
  }
  SHA256_CTX context;
  SHA256_Init(&context);
  SHA256_Transform(&context, block.data());
  std::array<std::uint32_t, 8> out;
  std::copy(std::begin(context.h), std::end(context.h), out.begin());
  OPENSSL_cleanse(block.data(), block.size());
  OPENSSL_cleanse(&context, sizeof context);
  return out;
}

// What is left of a message that began with the pad's block: the last block or two, with the bits'
// count at the end (FIPS 180-4, section 5.1.1). SHA256_Final would do the same in twice the time.
void finish(SHA256_CTX& context, const unsigned char* rest, std::size_t rest_bytes,
            std::size_t message_bytes) {
  std::array<unsigned char, 2 * kBlockBytes> blocks{};
  std::copy_n(rest, rest_bytes, blocks.begin());
  blocks[rest_bytes] = 0x80;
  const std::size_t size = rest_bytes + 9 <= kBlockBytes ? kBlockBytes : 2 * kBlockBytes;
  auto bits = static_cast<std::uint64_t>(kBlockBytes + message_bytes) * 8;
  for (std::size_t i = 1; i <= 8; ++i, bits >>= 8) {
    blocks[size - i] = static_cast<unsigned char>(bits);
  }
  for (std::size_t at = 0; at < size; at += kBlockBytes) SHA256_Transform(&context, &blocks[at]);
  OPENSSL_cleanse(blocks.data(), size);
}

Digest digest_of(const SHA256_CTX& context) {
  Digest out;
  for (std::size_t i = 0; i < out.size(); ++i) {
    out[i] = static_cast<unsigned char>(context.h[i / 4] >> (24 - 8 * (i % 4)));
  }
  return out;
}

}  // namespace

HmacPads hmac_pads(Bytes key) { return {pad_state(key, 0x36), pad_state(key, 0x5c)}; }

Digest hmac(const HmacPads& pads, Bytes message) {
  SHA256_CTX context;
  std::copy(pads.inner.begin(), pads.inner.end(), std::begin(context.h));
  const auto* at = reinterpret_cast<const unsigned char*>(message.data());
  auto left = message.size();
  for (; left >= kBlockBytes; left -= kBlockBytes, at += kBlockBytes) {
    SHA256_Transform(&context, at);
  }
  finish(context, at, left, message.size());
  const auto inner = digest_of(context);
  std::copy(pads.outer.begin(), pads.outer.end(), std::begin(context.h));
  finish(context, inner.data(), inner.size(), inner.size());
  return digest_of(context);
}

}  // namespace sightglass::guard
