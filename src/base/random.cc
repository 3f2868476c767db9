#include "base/random.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>

#include "base/text.h"

namespace sightglass {
namespace {

constexpr std::array<bool, 256> make_hex_bytes() {
  std::array<bool, 256> out{};
  for (const char c : std::string_view("0123456789abcdefABCDEF")) {
    out[static_cast<unsigned char>(c)] = true;
  }
  return out;
}
constexpr auto kHexBytes = make_hex_bytes();

bool is_hex(std::string_view text) {
  bool all = true;
  for (const char c : text) all &= kHexBytes[static_cast<unsigned char>(c)];
  return all;
}

bool is_uuid(std::string_view text) {
  return text.size() == 36 && text[8] == '-' && text[13] == '-' && text[18] == '-' &&
         text[23] == '-' && is_hex(text.substr(0, 8)) && is_hex(text.substr(9, 4)) &&
         is_hex(text.substr(14, 4)) && is_hex(text.substr(19, 4)) && is_hex(text.substr(24));
}

// Crockford's base 32, 26 characters, at most 128 bits.
bool is_ulid(std::string_view text) {
  constexpr std::string_view kAlphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZabcdefghjkmnpqrstvwxyz";
  return text.size() == 26 && text[0] >= '0' && text[0] <= '7' &&
         text.find_first_not_of(kAlphabet) == std::string_view::npos;
}

}  // namespace

SystemRandom::~SystemRandom() { explicit_bzero(buffer_, sizeof buffer_); }

void SystemRandom::fill(char* out, std::size_t size) {
  while (size > 0) {
    if (left_ == 0) {
      // getrandom gives up to 256 bytes whole or not at all; more may be cut short by a signal.
      for (std::size_t done = 0; done < sizeof buffer_;) {
        const auto n = getrandom(buffer_ + done, sizeof buffer_ - done, 0);
        if (n < 0 && errno != EINTR) std::abort();  // without randomness nothing may go on
        if (n > 0) done += static_cast<std::size_t>(n);
      }
      left_ = sizeof buffer_;
    }
    const auto n = std::min(size, left_);
    char* from = buffer_ + (sizeof buffer_ - left_);
    std::memcpy(out, from, n);
    explicit_bzero(from, n);  // what was given out is not kept
    left_ -= n;
    out += n;
    size -= n;
  }
}

std::uint64_t SeededRandom::next() {
  std::uint64_t z = (state_ += 0x9E3779B97F4A7C15ull);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
  return z ^ (z >> 31);
}

void SeededRandom::fill(char* out, std::size_t size) {
  while (size > 0) {
    const auto word = next();
    const auto n = std::min(size, sizeof word);
    std::memcpy(out, &word, n);
    out += n;
    size -= n;
  }
}

std::string make_uuid4(Random& random) {
  char bytes[16];
  random.fill(bytes, sizeof bytes);
  bytes[6] = static_cast<char>((bytes[6] & 0x0f) | 0x40);
  bytes[8] = static_cast<char>((bytes[8] & 0x3f) | 0x80);
  constexpr char kHex[] = "0123456789abcdef";
  std::string out;
  out.reserve(36);
  for (int i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) out.push_back('-');
    out.push_back(kHex[static_cast<unsigned char>(bytes[i]) >> 4]);
    out.push_back(kHex[static_cast<unsigned char>(bytes[i]) & 15]);
  }
  return out;
}

std::string random_hex(Random& random, std::size_t bytes) {
  std::string raw(bytes, '\0');
  random.fill(raw.data(), raw.size());
  return to_hex(raw);
}

bool is_request_id(std::string_view text) {
  if (is_uuid(text) || is_ulid(text)) return true;
  return text.size() >= 8 && text.size() <= 64 && is_hex(text);
}

}  // namespace sightglass
