// One immutable view of the key ring: which epochs there are, and for each kind of identifier the
// precomputed pads of its key.
//
// The ring's file is text, one key a line, so that a person can see what a backup holds:
//   sightglass-key-ring 1
//   identity <64 hex>               names provider and client keys
//   lasting <id> <64 hex>           sessions and groups; the last line counts
//   epoch <id> <start, Unix seconds, UTC midnight> <64 hex>     ascending
//   sum <64 hex>                    SHA-256 of everything before this line
// The key of a kind is HMAC(master key of the line, "sightglass/pseudonym/1/" kind).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "event/catalogue.h"
#include "guard/hmac_pads.h"
#include "guard/locked_memory.h"

namespace sightglass::guard {

inline constexpr std::size_t kPseudonymDigits = 26;  // base32: 130 bits
// `<letter>:<epoch>.<digits>`
inline constexpr std::size_t kMaxPseudonymBytes = 2 + 10 + 1 + kPseudonymDigits;

// A key of one kind and epoch.
struct EpochKey {
  const HmacPads* pads = nullptr;
  std::uint32_t epoch = 0;  // as the pseudonym shows it
};

// The keys chosen for one identifier.
struct ChosenKey : EpochKey {
  EpochKey previous;  // during the overlap the epoch before's; else its pads are null
};

// Threads: const use from any.
class KeyEpochs {
 public:
  struct Epoch {
    std::uint32_t id = 0;
    Nanos start_ns = 0;
  };
  struct Times {
    Nanos epoch_ns = 0;
    Nanos grace_ns = 0;
    Nanos overlap_ns = 0;
  };
  static constexpr std::size_t kMaxEpochs = 256;  // at 30 days, twenty years

  // Errors: kCorrupt, kVersion.
  static Result<std::shared_ptr<const KeyEpochs>> parse(std::string_view file, Times times,
                                                        std::uint64_t generation);

  // The epoch whose span holds `time_ns`; empty where there is none.
  std::optional<std::size_t> covering(Nanos time_ns) const;
  bool covers(Nanos time_ns) const { return covering(time_ns).has_value(); }

  // The key for an identifier of an event: its own epoch where that is at most the grace away from
  // `now_ns`, else the epoch of now. Empty for a kind that is no letter, and without a key.
  std::optional<ChosenKey> choose(char kind, Nanos event_ns, Nanos now_ns) const;

  // Every key that an identifier of this kind may have been given, oldest first.
  std::vector<EpochKey> keys_of(char kind) const;

  // When the epoch ends: where the next one begins, at the latest after its span.
  Nanos end_ns(std::size_t index) const;

  // 0 where nothing covers `now_ns`.
  std::uint32_t epoch_at(Nanos now_ns) const;

  const std::vector<Epoch>& epochs() const { return epochs_; }
  const HmacPads& identity() const { return row(0)[0]; }
  std::uint64_t generation() const { return generation_; }  // rises with each change of the ring
  bool is_locked() const { return memory_.is_locked(); }

 private:
  static constexpr std::size_t kKinds = 26;
  KeyEpochs(Times times, std::uint64_t generation) : times_(times), generation_(generation) {}
  const HmacPads* row(std::size_t index) const {
    return reinterpret_cast<const HmacPads*>(memory_.data()) + index * kKinds;
  }
  HmacPads* row(std::size_t index) {
    return reinterpret_cast<HmacPads*>(memory_.data()) + index * kKinds;
  }

  Times times_;
  std::uint64_t generation_;
  std::uint32_t lasting_id_ = 0;
  std::vector<Epoch> epochs_;  // ascending by start and id
  LockedMemory memory_;        // rows of pads: 0 identity (its first), 1 lasting, 2… epochs
};

// The text of a new ring, and of a ring with one more epoch. Callers wipe what they get.
std::string make_ring_file(Random& random, Nanos first_epoch_start_ns);
std::string add_ring_epoch(std::string_view file, Random& random, std::uint32_t id, Nanos start_ns);
// Without the epochs of these ids.
std::string drop_ring_epochs(std::string_view file, std::span<const std::uint32_t> ids);

// Appends the pseudonym. `kind` is a letter.
void append_pseudonym(char kind, const EpochKey& key, std::string_view raw, std::string& out);

}  // namespace sightglass::guard
