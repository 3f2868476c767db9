// Traffic for the demo: a trace replayed, or similar traffic made up, through the real gateway.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"

namespace sightglass::app {

struct TraceRow {
  Nanos at_ns = 0;  // after the first row
  std::int64_t context_tokens = 0;
  std::int64_t generated_tokens = 0;
};

// TIMESTAMP,ContextTokens,GeneratedTokens with a head line; times as "2023-11-16 18:15:46.6805900".
// Errors name the line.
Result<std::vector<TraceRow>> parse_trace(std::string_view csv);

// Endless rows alike: about five a second, a thousand tokens in, two hundred out.
TraceRow similar_row(std::uint64_t index);

struct TrafficOptions {
  std::uint16_t gateway_port = 0;
  std::string client_key;
  std::vector<TraceRow> rows;  // empty: similar traffic
  std::uint64_t requests = 0;  // of similar traffic; 0: endless
  double speed = 1;            // 0: as fast as it goes, `parallel` at a time
  std::size_t parallel = 64;
  bool faults = false;  // 2 % aborts, 5 % unpriced models, gzip by halves
};

struct TrafficCount {
  std::uint64_t sent = 0, answered = 0, refused = 0, broken = 0, aborted = 0;
};

// Threads: one loop of its own; count() and done() from any.
class Traffic {
 public:
  static Result<std::unique_ptr<Traffic>> start(TrafficOptions options, const Clock& clock);
  virtual ~Traffic() = default;  // stops
  virtual TrafficCount count() const = 0;
  virtual bool done() const = 0;  // every request of a finite plan has come to its end
};

}  // namespace sightglass::app
