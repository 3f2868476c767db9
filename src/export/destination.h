// What an outbox carries to: the one thing that differs from engine to engine.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "event/catalogue.h"
#include "export/verdict.h"
#include "journal/record.h"

namespace sightglass::exporting {

// Makes an entry of each record that its engine wants, keeps those of one batch, and hands ranges
// of them over. Threads: the outbox's own; stop_by() from any.
class Destination {
 public:
  virtual ~Destination() = default;

  virtual void use(const std::shared_ptr<const event::Catalogue>& catalogue) = 0;  // from here on
  // Adds at most one entry. `accept_ns`: of the record's batch in the journal.
  virtual void append(Bytes payload, journal::Position position, Nanos accept_ns) = 0;
  virtual std::size_t count() const = 0;  // entries that are kept
  virtual std::size_t bytes() const = 0;  // about what they take
  struct Mark {
    journal::Position position = 0;
    Nanos accept_ns = 0;
  };
  virtual Mark mark(std::size_t entry) const = 0;  // of the record that it was made of
  virtual void clear() = 0;

  // Hands over the entries from `first` up to `last`, that one not; waits for what comes of it.
  // Calls come in the order of the entries, but for those that are repeated.
  virtual Verdict send(std::size_t first, std::size_t last) = 0;
  // Sends end by then (a monotonic time), also the one that runs.
  virtual void stop_by(Nanos monotonic_ns) = 0;
};

}  // namespace sightglass::exporting
