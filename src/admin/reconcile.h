// Proof on a live server that the folds agree: a barrier record, and each fold's totals as it
// passed that record.
#pragma once

#include <atomic>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "journal/fold.h"

namespace sightglass::admin {

struct Witness {
  std::string fold;
  journal::Totals totals;
};

// `accepted = stored + dropped(reason)` over every event behind `since`, the gateway's own and
// those of applications. What was accepted and what had to be dropped is counted from the journal,
// what is stored in the store's own table, what was acknowledged in the receipts.
struct EventSum {
  journal::Position since = 0;
  std::uint64_t accepted = 0;
  bool has_store = false;     // else nothing is stored, and only the acknowledged are compared
  std::uint64_t stored = 0;   // rows that have been made of them
  std::uint64_t expired = 0;  // of all rows ever: taken by retention
  std::uint64_t lost = 0;     // likewise: by damage
  std::uint64_t no_row = 0, sampled = 0, unreadable = 0;  // dropped
  std::uint64_t ingested = 0;                             // of the accepted: from applications
  std::uint64_t acknowledged = 0;                         // what applications were told
  bool holds() const;
};
// From what meter, ingest and store published at one barrier. nullopt: it cannot be told, since one
// of the first two saw only a part of the journal. `store` may be null.
std::optional<EventSum> sum_of(const journal::Account& meter, const journal::Account& ingest,
                               const journal::Account* store);

struct Reconciliation {
  journal::Position position = 0;   // of the barrier
  std::vector<Witness> witnesses;   // "meter", "live", "store", "logs": those that are there
  std::optional<EventSum> events;   // nullopt: it cannot be told; then "events" is silent
  std::vector<std::string> silent;  // no answer within the deadline
  bool agree() const;
};

// Threads: any but I/O workers; calls may run side by side.
class Reconciler {
 public:
  struct Source {
    std::string fold;
    journal::FoldRunner* runner = nullptr;
    bool counts_requests = true;  // else it is asked for its account alone
  };
  // `settle` waits, so long at most, until what was answered is handed to the journal.
  Reconciler(journal::Journal& journal, std::vector<Source> sources, const Clock& clock,
             std::function<void(Nanos at_most_ns)> settle)
      : journal_(journal),
        sources_(std::move(sources)),
        clock_(clock),
        settle_(std::move(settle)) {}

  // Every request whose answer was complete before the call is counted.
  // Errors: kUnavailable while nothing can be recorded.
  Result<Reconciliation> run(Nanos deadline_ns);

 private:
  journal::Journal& journal_;
  const std::vector<Source> sources_;
  const Clock& clock_;
  const std::function<void(Nanos)> settle_;
  std::atomic<std::uint64_t> next_{1};
};

// {"agree":…,"position":…,"witnesses":{"meter":{…},…},"events":{…,"holds":…},"silent":[…]}
std::string to_json(const Reconciliation& result);

}  // namespace sightglass::admin
