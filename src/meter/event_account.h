// Room-internal: what must have become of every event, found from the journal alone.
#pragma once

#include "base/bytes.h"
#include "event/catalogue.h"
#include "event/event.h"
#include "journal/fold.h"

namespace sightglass::meter {

// Threads: one at a time. Cost: a look through the event's fields.
class EventAccount {
 public:
  // A journal that begins with its first record is told whole.
  void begin_at_first() { account_.since = 0; }
  // A record of kind kAccount: everything is counted anew from here. False: malformed.
  [[nodiscard]] bool begin(const journal::Record& record);

  void bind(const event::Catalogue& catalogue) { ingested_ = catalogue.field("ingested"); }
  void unreadable() { ++account_.events, ++account_.unreadable; }
  // Whether the store must have made a row of it, found without asking the store.
  void enter(const event::Catalogue& catalogue, const event::Event& event, journal::Position at);

  const journal::Account& account() const { return account_; }
  void save(ByteWriter& out) const;
  void load(ByteReader& in);

 private:
  journal::Account account_;
  event::FieldId ingested_ = event::kNoField;
};

}  // namespace sightglass::meter
