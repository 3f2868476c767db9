// Room-internal: identifiers seen lately and their pseudonyms, so that a busy user or session costs
// a hash and a comparison instead of two SHA-256 blocks.
#pragma once

#include <cstdint>
#include <string_view>

#include "guard/key_epochs.h"
#include "guard/locked_memory.h"

namespace sightglass::guard {

// Direct-mapped, in locked memory, since it holds raw identifiers.
// Threads: one. Bounds: 4096 entries of 128 bytes; identifiers over 80 bytes are not kept (a
// transaction's 0x and 64 digits are); a newer one takes the place of an older one. Cost: 50 ns
// with thousands about, which is waiting for memory, where a pseudonym takes 200.
class PseudonymCache {
 public:
  PseudonymCache() : memory_(kEntries * sizeof(Entry)) {}

  // Empty when it is not there. Valid until the next put or wipe.
  std::string_view find(char kind, std::uint32_t epoch, std::string_view raw) const;
  void put(char kind, std::uint32_t epoch, std::string_view raw, std::string_view pseudonym);
  void wipe() { memory_.wipe(); }

 private:
  static constexpr std::size_t kEntries = 4096;
  struct Entry {  // all zero: empty
    std::uint32_t epoch;
    char kind;
    std::uint8_t raw_size;
    std::uint8_t pseudonym_size;
    char pseudonym[41];  // in front, so that a short identifier's entry is one cache line
    char raw[80];
  };
  static_assert(sizeof(Entry) == 128 && kMaxPseudonymBytes <= sizeof(Entry::pseudonym));

  static std::size_t slot_of(char kind, std::uint32_t epoch, std::string_view raw);
  const Entry* entries() const { return reinterpret_cast<const Entry*>(memory_.data()); }
  Entry* entries() { return reinterpret_cast<Entry*>(memory_.data()); }

  LockedMemory memory_;
};

}  // namespace sightglass::guard
