// Keyed pseudonyms for identifiers, and the ring of keys behind them.
//
// A pseudonym is `<kind>:<epoch>.<26 base32>`: HMAC-SHA-256 under a key for that kind of identifier
// and that epoch, cut to 130 bits. Epochs are 30 days, cut at UTC midnight, and may be ended before
// their time; session and group kinds ("s", "g") use one long-lived key. For the first 7 days of an
// epoch an identifier also has its pseudonym of the epoch before (event::Field::companion). A kind
// is one lower-case letter. The ring's file lives outside the data folder; its format stands in
// guard/key_epochs.h.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/random.h"
#include "base/result.h"

namespace sightglass::guard {

class KeyEpochs;

// Threads: safe from any; readers take one immutable snapshot of the ring.
// Bounds: 256 epochs; one process at a time writes the file.
class KeyRing {
 public:
  struct Options {
    std::string path;                         // the ring's file, mode 0600, made when missing
    Nanos epoch_ns = 30 * 86'400 * kSecond;   // whole days
    Nanos grace_ns = 48 * 3'600 * kSecond;    // event times this far off still get their own epoch
    Nanos overlap_ns = 7 * 86'400 * kSecond;  // in which the epoch before is carried, too
    Nanos keep_ns = 0;  // an epoch's key is deleted so long after its end; 0: never
  };
  struct Epoch {
    std::uint32_t id = 0;
    Nanos start_ns = 0;
    Nanos end_ns = 0;  // where the next one begins, or would
  };
  struct Pseudonym {
    char kind = 0;
    std::uint32_t epoch = 0;  // of a lasting kind: the number of its key
    std::string text;
  };
  static Result<std::unique_ptr<KeyRing>> open(Options options, FileSystem& fs, Random& random,
                                               const Clock& clock);
  ~KeyRing();

  // Appends the pseudonym of `raw` under the epoch of `time_ns`. False, with nothing appended,
  // when the ring has no key for it (it could not write down the new epoch's); the caller then
  // drops the identifier. The raw value is normalised: blanks around it go, an e-mail address
  // becomes lower case; "" gives false, "unknown" and "[unknown]" give "unknown".
  // Cost: 0.5 µs from precomputed pads; Door caches in front of it.
  bool pseudonym(std::string_view kind, std::string_view raw, Nanos time_ns, std::string& out);

  // The epoch that an event of this time belongs to, 0 when there is none.
  std::uint32_t epoch_of(Nanos time_ns) const;

  // Makes the keys of the epochs that now and the end of the grace fall into, where they are
  // missing, and writes them down first; deletes those whose time to be kept is over. For the
  // housekeeper, every hour or so; without it the first identifier of a new epoch pays for the
  // write. Errors: those of the file system; it is tried again at most every ten seconds.
  Status tend();

  // Ends the current epoch before its time. At midnight (UTC) daily distinct counts stay exact; at
  // once is for a ring that leaked. Errors: those of the file system; kTooLarge with 256 epochs.
  enum class Rotation : std::uint8_t { kAtMidnight, kNow };
  Result<Epoch> rotate(Rotation rotation);

  std::vector<Epoch> epochs() const;  // those with a key, oldest first
  // Every pseudonym that `raw` may have been given: of each kind (a letter) under each epoch with a
  // key. Empty for what is no identifier.
  std::vector<Pseudonym> pseudonyms(std::string_view kinds, std::string_view raw) const;

  // Replaces a reader's snapshot when the ring has changed; returns the wall time. An empty pointer
  // is filled. Cost: one clock read and one load.
  Nanos refresh(std::shared_ptr<const KeyEpochs>& snapshot);

  // Whether the keys lie in locked memory; false when the process' limit is too small.
  bool is_locked() const;

  // 16 hex digits of the HMAC of a short secret (under 128 bits), for key identities; `sha256_hex`
  // serves longer ones. The key behind it never changes.
  std::string keyed_hash16(std::string_view secret) const;

 private:
  KeyRing();
  struct State;
  std::unique_ptr<State> state_;
};

// What identifiers are reduced to before they are hashed. Appends to `buffer` only if it has to
// change the text. Empty: there is no identifier.
std::string_view normalised_identifier(std::string_view raw, std::string& buffer);
// "unknown" or "[unknown]": passes as it is and is not counted as a person.
bool is_unknown_identifier(std::string_view normalised);

// `<provider>-<16 hex>`: how a provider's or client's key is named everywhere. SHA-256 for keys of
// 22 characters or more (128 bits), HMAC under the ring for shorter ones.
std::string key_id(std::string_view provider, std::string_view key, const KeyRing& ring);

}  // namespace sightglass::guard
