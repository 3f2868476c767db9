// The clients of several gateways: the truth in PostgreSQL, a copy of it in this gateway's SQLite.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/log.h"
#include "base/random.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "control/registry.h"
#include "export/pg_link.h"

namespace sightglass::directory {

// A registry like the one that it wraps. Requests are checked by the copy, and never wait for the
// database: while that is away, what was known last counts, also after a restart. A change is
// committed there first, then in force here, then answered; others hear of it by NOTIFY, and of
// what they did not hear by a poll.
//
// A thread of its own owns the connection. Threads, and durability of what has returned: as
// Registry. Bounds: 16 changes that wait, then kBusy; each of them, and each poll, `timeout` of the
// link. Errors of a change: kExists also where another gateway changed the client since `seen`;
// kUnavailable while the database cannot be written to, with the reason and the next step; nothing
// has changed then, but where the sentence says that this is not known.
class SharedRegistry : public control::Registry {
 public:
  struct Options {
    exporting::PgOptions link;
    std::string gateway;          // stands beside its changes
    Nanos poll_ns = 2 * kSecond;  // the longest that a change elsewhere stays unknown
    control::Registry::Configured configured;
  };
  // Waits up to two seconds for the first word of the database; one that is away is no error.
  // Ownership: takes the copy; the rest must outlive it. `random` is its thread's alone.
  static Result<std::unique_ptr<SharedRegistry>> open(Options options,
                                                      std::unique_ptr<control::Registry> copy,
                                                      const Clock& clock, Random& random,
                                                      Telemetry& telemetry, Log& log);

  struct State {
    std::string problem;      // for people, with the next step; empty: all is well
    std::string_view reason;  // a label; empty: as above
    std::int64_t revision = 0;
    Nanos age_ns = 0;  // since the copy was known to be what the database has; else since the start
    std::int64_t unreadable = 0;  // rows that no gateway wrote, as last read
  };
  virtual State state() const = 0;
};

}  // namespace sightglass::directory
