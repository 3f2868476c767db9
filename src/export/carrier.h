// Runs an outbox along the journal, from behind its cursor.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>

#include "export/outbox.h"
#include "journal/fold.h"

namespace sightglass::exporting {

// A fold runner whose first reading does not happen on the thread that starts the server: an engine
// that is away would keep it waiting. Ownership: the journal and the rest outlive it.
class Carrier {
 public:
  struct Parts {
    journal::Options journal_options;
    std::string snapshot_directory;  // the runner's; an outbox keeps none there
    journal::Journal& journal;
    FileSystem& fs;
    const Clock& clock;
    Telemetry& telemetry;
    Log& log;
  };
  // Holds the journal from here on, so that it is made before anything else is recorded. A journal
  // that lost its end goes on behind the cursor.
  static Result<std::unique_ptr<Carrier>> make(Parts parts, std::unique_ptr<Outbox> outbox,
                                               std::uint64_t max_lag_bytes);
  ~Carrier() { (void)stop(0); }

  void start();
  // Sends for this long what is left; the rest waits for the next start.
  Status stop(Nanos within_ns);
  const Outbox& outbox() const { return *outbox_; }

 private:
  Carrier(Parts parts, std::unique_ptr<Outbox> outbox)
      : parts_(std::move(parts)), outbox_(std::move(outbox)) {}
  void begin();

  const Parts parts_;
  const std::unique_ptr<Outbox> outbox_;
  std::unique_ptr<journal::FoldRunner> runner_;
  std::thread beginning_;
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;
};

}  // namespace sightglass::exporting
