// The ingest endpoints of a running server, by its Unix socket or by a URL, with patience.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "app/local_client.h"
#include "base/clock.h"
#include "follow/receiver.h"

namespace sightglass::app {

struct IngestTarget {
  std::string unix_path;  // used when not empty
  std::string url;        // else "https://host[:port][/prefix]"
  std::string key;        // a Bearer token; "" for none
};

struct Patience {
  Nanos most_ns = 60 * kSecond;  // without an answer, or with 5xx; 429 is waited for; 0: for ever
  // Waits so long; false: somebody wants an end.
  std::function<bool(Nanos)> wait;
  std::function<void(std::string_view)> note;  // is told once when the waiting begins and ends
};

// Tries again after 429, 5xx, a broken connection and silence: as the server asks, else after 50 ms
// and then twice as long each time, at most 2 s. Whether a batch whose answer was lost was taken,
// the server itself knows: it is sent again as it was.
// Errors: kUnavailable after the patience's end, kCancelled when wait() says so, kDenied without a
// valid key, kNotFound where the server has no ingest, kInvalid for an answer that is none.
// Bounds: answers up to 4 MiB.
Result<std::unique_ptr<follow::Receiver>> make_ingest_client(const IngestTarget& target,
                                                             const Clock& clock, Patience patience);

// The answer of the events or lines endpoint as it stands in docs/ingest.md.
Result<follow::Taken> read_taken(const LocalAnswer& answer);

}  // namespace sightglass::app
