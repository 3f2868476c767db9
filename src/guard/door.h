// The one door for privacy: match, then guard, then encode. Nothing behind it sees what it removed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/telemetry.h"
#include "event/event.h"
#include "event/pattern.h"
#include "event/plain_names.h"
#include "guard/pseudonym.h"

namespace sightglass::guard {

class KeptNames;  // guard/kept_fields.h

// Passes one event at a time. The raw event may hold anything, raw identifiers and texts included;
// what is appended to `out` holds only fields whose class may pass, identifiers as pseudonyms.
// Dropped fields are counted by class (`sightglass_guard_dropped_total{class=…}`), by reason
// (`…_dropped_by_reason_total{reason=…}`) and, where a value looked like a secret, by its kind
// (`sightglass_guard_secrets_total{kind=…}`).
//
// Unknown fields (Event::unknown) that a rule of the event's type keeps go into one field as a JSON
// text; `kept` is shared by the doors whose rules are to have one bound together.
//
// Ownership: what `raw` holds after a pass borrows from the raw texts and from the door; it is
// valid until the next pass. Threads: one Door per thread (it owns scratch space and a pseudonym
// cache); the catalogue, plan and key ring behind it are shared and immutable or synchronised.
// Cost: target 300 ns for the gateway's terminal event without identifiers.
class Door {
 public:
  Door(std::shared_ptr<const event::Catalogue> catalogue,
       std::shared_ptr<const event::MatchPlan> plan, KeyRing& keys, Telemetry& telemetry,
       std::shared_ptr<KeptNames> kept = nullptr);
  ~Door();

  const event::Catalogue& catalogue() const { return *catalogue_; }

  // From now on tells `names` what the pseudonyms of persons stand for. Only where an operator has
  // switched a sink to plain; `names` outlives the door.
  void tell(event::PlainNames& names);

  // Appends the payload of one journal record (event/event.h) to `out`. `raw` is modified: its
  // meters are filled, its fields replaced by what passed.
  void pass(event::Event& raw, std::string& out);

  // From now on as `fresh`, which was made for another catalogue: whoever keeps ids of this one's
  // looks them up again when version() has moved. Not during a pass.
  void become(std::unique_ptr<Door> fresh);
  std::uint64_t version() const { return version_; }

 private:
  struct State;
  std::shared_ptr<const event::Catalogue> catalogue_;
  std::shared_ptr<const event::MatchPlan> plan_;
  std::unique_ptr<State> state_;
  std::uint64_t version_ = 0;
};

}  // namespace sightglass::guard
