// The ingest endpoints.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/telemetry.h"
#include "http/route.h"
#include "ingest/service.h"

namespace sightglass::ingest {

struct EndpointOptions {
  std::uint64_t body_bytes = 64ull << 20;     // of one body as it is sent
  std::uint64_t memory_bytes = 256ull << 20;  // of all bodies together
  std::vector<std::string> rum_origins;       // pages that may send beacons; none: no such endpoint
  std::size_t rum_per_second = 10;            // per address
};

// POST /ingest/v1/events, /ingest/v1/lines and, with origins, /ingest/v1/rum;
// GET /ingest/v1/sources/{id}.
//
// Ownership: service, pool and the rest of Parts outlive the routes and what they serve.
// Bounds: what does not fit is refused before it is read: 413, and 429 with Retry-After where
// memory, the pool's queue or the folds are at their bound, 503 while nothing can be recorded.
class Endpoints {
 public:
  struct Parts {
    Service& service;
    http::WorkPool& pool;
    const Clock& clock;
    Telemetry& telemetry;
    std::function<bool()> writable;  // whether the journal takes records
    std::function<bool()> behind;    // whether required folds are at their bound
  };
  static std::unique_ptr<Endpoints> make(EndpointOptions options, Parts parts);
  virtual ~Endpoints() = default;
  virtual std::vector<http::Route> routes() = 0;
};

}  // namespace sightglass::ingest
