// Records the program's own events (administration, logins, summaries, what a crash interrupted):
// seldom enough for one lock.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "event/event.h"
#include "guard/door.h"
#include "journal/journal.h"

namespace sightglass::app {

struct NamedValue {
  std::string_view field;
  event::Value value;
};

// Threads: any; one lock held for the passage through the door.
class Recorder {
 public:
  Recorder(std::unique_ptr<guard::Door> door, journal::Journal& journal, const Clock& clock);

  // Hands the event to the journal without waiting; full queues drop and count it there. `level` is
  // the event type's own.
  void record(std::string_view event_type, const std::vector<NamedValue>& fields);
  // Runs `change` while nothing is between the door and the journal; when it succeeds, the door
  // becomes the one that `fresh` makes.
  Status with_no_one_inside(const std::function<Status()>& change,
                            const std::function<std::unique_ptr<guard::Door>()>& fresh);
  // As record(), but durable on return. Not for I/O workers.
  Status record_durably(std::string_view event_type, const std::vector<NamedValue>& fields);
  // The same for an event that `fill` makes itself; its position. kNotFound when `fill` returns
  // false.
  Result<journal::Position> record_event_durably(
      const std::function<bool(const event::Catalogue&, event::Event&)>& fill);

 private:
  void encode(std::string_view event_type, const std::vector<NamedValue>& fields);

  std::shared_mutex inside_;  // held shared from the door to the journal where that takes long
  std::mutex mutex_;
  std::unique_ptr<guard::Door> door_;
  journal::Journal& journal_;
  journal::Producer& producer_;
  const Clock& clock_;
  event::Event event_;
  std::string payload_;
};

}  // namespace sightglass::app
