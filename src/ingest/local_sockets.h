// Unix sockets for applications on this machine: a line of activity costs them one send() and never
// makes them wait.
//
//   <folder>/ingest.sock         datagrams, each one or more lines
//   <folder>/ingest-stream.sock  a stream of lines; a last line without its end counts at the close
// Lines are what /ingest/v1/lines takes: `[METRIC] …`, JSON objects, and text around them. Whoever
// may write the socket's file (mode 0660) may send; nothing is answered.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/log.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "ingest/service.h"

namespace sightglass::ingest {

// Threads: open and close from one; it has two of its own, one that reads and one that records, so
// that a commit never holds up the reading.
// Bounds: kPendingBytes of lines that wait; past it datagrams are dropped and streams wait.
// kConnections streams, the next ones wait; a line of a stream at most codec::kMaxRecordBytes, a
// datagram kDatagramBytes, longer ones are dropped.
// Errors: what is dropped is counted in sightglass_local_dropped_total by reason; what is rejected,
// like everywhere, in sightglass_ingest_rejected_total.
class LocalSockets {
 public:
  static constexpr std::size_t kPendingBytes = 4u << 20;
  static constexpr std::size_t kDatagramBytes = 64u << 10;
  static constexpr std::size_t kConnections = 64;

  struct Options {
    std::string folder;
  };
  // Records one body; called on one thread.
  using Take = std::function<Outcome(Request&)>;

  // kExists when another process answers on one of the sockets.
  static Result<std::unique_ptr<LocalSockets>> open(const Options& options, Take take,
                                                    Telemetry& telemetry, Log& log);
  virtual ~LocalSockets() = default;  // closes
  // Takes no more, and records what has come so far unless nothing can be recorded.
  virtual void close() = 0;
};

}  // namespace sightglass::ingest
