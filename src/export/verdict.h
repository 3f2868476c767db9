// What came of one attempt to hand something to an engine.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"

namespace sightglass::exporting {

// Why an attempt failed. Closed: the name is a metric label, and each has its sentence.
enum class Reason : std::uint8_t {
  kResolve,      // its host name has no address
  kConnect,      // nobody listens there
  kTls,          // no trusted TLS connection
  kTimeout,      // no whole answer in time
  kReset,        // the connection broke
  kDenied,       // credentials are wrong or do not suffice (401, 403)
  kMissing,      // no such organisation, bucket, database or table (404)
  kRejected,     // it calls what was sent invalid (400, 422)
  kTooLarge,     // 413
  kBusy,         // it asks to be left alone for a while (429, 503)
  kServerError,  // other 5xx
  kNonsense,     // an answer that its protocol does not have
  kReadOnly,     // it takes no writes: a standby, or set so
  kFull,         // its disk is full
  kSchema,       // its tables are missing, or of another version
  kQuorum,       // ClickHouse: too few replicas, or no ZooKeeper
  kForeign,      // ClickHouse: its rows of this gateway's id are another journal's
  kNotNoted,     // our own data folder: what is sent could not be noted first
  kCancelled,    // the server is stopping
};
inline constexpr std::size_t kReasons = 19;
std::string_view reason_name(Reason reason);
// For people: what is wrong and what to do, in the words of InfluxDB. Holds nothing that came from
// the engine. An engine with other words has a function of this type of its own.
std::string_view reason_sentence(Reason reason);
using ReasonSentence = std::string_view (*)(Reason reason);

struct Verdict {
  enum class Kind : std::uint8_t {
    kTaken,    // durable there, but for `dropped`
    kSplit,    // too large at once
    kInvalid,  // sent again unchanged it would be refused again
    kRetry,
  };
  Kind kind = Kind::kRetry;
  Reason reason = Reason::kNonsense;  // unless all was taken
  std::uint64_t dropped = 0;          // kTaken: points that it refused
  bool maybe_taken = false;           // kRetry: it was sent whole, and no answer came
  Nanos retry_after_ns = 0;           // as it asked for; 0: it did not
  std::uint64_t bytes = 0;            // that were to be sent, before packing
  std::string code = {};  // the engine's own short word for it, in its alphabet; or empty
};

}  // namespace sightglass::exporting
