// Randomness as a parameter, and the ids made from it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace sightglass {

class Random {
 public:
  virtual ~Random() = default;
  virtual void fill(char* out, std::size_t size) = 0;  // cryptographically strong bytes
};

// getrandom(2), through a buffer of 4 KiB that belongs to this object.
// Threads: one object per thread.
class SystemRandom final : public Random {
 public:
  ~SystemRandom() override;
  void fill(char* out, std::size_t size) override;

 private:
  char buffer_[4096];
  std::size_t left_ = 0;
};

// Repeatable; for tests and simulations (SplitMix64).
class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : state_(seed) {}
  void fill(char* out, std::size_t size) override;
  std::uint64_t next();
  std::uint64_t below(std::uint64_t bound) { return next() % bound; }      // bound > 0
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }  // [0, 1)

 private:
  std::uint64_t state_;
};

std::string make_uuid4(Random& random);  // RFC 9562, 36 characters, lower case
std::string random_hex(Random& random, std::size_t bytes);

// Whether an inbound `x-request-id` is taken as it is: a UUID, a ULID, or 8 to 64 hex digits.
bool is_request_id(std::string_view text);

}  // namespace sightglass
