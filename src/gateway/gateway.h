// The gateway: clients on one side, providers on the other, and a record of everything that passes.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/telemetry.h"
#include "gateway/settings.h"
#include "guard/door.h"
#include "guard/pseudonym.h"
#include "http/route.h"
#include "journal/journal.h"
#include "live/requests.h"
#include "net/client.h"
#include "net/loop.h"

namespace sightglass::gateway {

// A request never waits for the journal and takes no lock shared between workers. Bytes go to the
// client the moment they come; usage is read over its shoulder. Each request that showed a valid
// identity leaves exactly one terminal record, whatever becomes of it; one that was sent upstream
// leaves a start record first. Requests without identity are counted, one record a second.
//
// Ownership: everything passed in outlives the gateway; the gateway outlives the server whose
// routes it made. Threads: as each method says; a request lives on its worker's.
// Bounds: 8 MiB of body are buffered and read, larger ones stream through; a slow reader pauses
// the provider; after a client has left, a capped number of answers is read to the end.
class Gateway {
 public:
  struct Shared {
    const Clock& clock;
    Telemetry& telemetry;
    guard::KeyRing& keys;
    control::Limiter* limiter = nullptr;         // null: nobody has limits
    std::function<bool()> can_record = nullptr;  // asked for clients with money limits; null: yes
  };
  Gateway(Shared shared, std::shared_ptr<const Settings> settings);
  ~Gateway();

  struct WorkerParts {
    net::Loop& loop;
    net::Client& client;
    guard::Door& door;
    journal::Producer& producer;
    live::Requests::Table* live = nullptr;  // null: requests in flight are not listed
    Random& random;
    control::SharedLimits* limits = nullptr;  // null: this gateway's limits are its own
  };
  // At start-up, before the server runs. `index` is what Exchange::worker() says.
  void add_worker(std::size_t index, WorkerParts parts);

  // /v1/…, and every provider's own API under /providers/{id}/….
  std::vector<http::Route> routes();

  // For requests that begin from now on. Any thread.
  void publish(std::shared_ptr<const Settings> settings);
  std::shared_ptr<const Settings> settings() const;

  // Any thread. New requests are refused with 503; those in flight go on.
  void drain();
  std::size_t in_flight() const;
  // Any thread; takes effect on the workers. All end as interrupted.
  void interrupt_all();
  // The running requests with this id end as interrupted with `policy_cancelled`: the provider's
  // side is closed, and the client gets an error, or its stream is cut. How many there were. Any
  // thread but a worker's; waits for the workers.
  std::size_t cancel(const std::string& request_id);

  struct State;

 private:
  std::unique_ptr<State> state_;
};

}  // namespace sightglass::gateway
