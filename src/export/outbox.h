// The fold that carries requests to an engine outside: cut into batches, sent until taken.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "export/delivery.h"
#include "export/destination.h"
#include "journal/fold.h"

namespace sightglass::exporting {

struct OutboxOptions {
  std::string engine = "influxdb";  // its name as label, fold and file
  ReasonSentence sentence = reason_sentence;
  std::string directory;  // <data>/export
  std::size_t batch_points = 5'000;
  std::size_t batch_bytes = 1u << 20;
  Nanos batch_age_ns = kSecond;
  std::uint64_t max_lag_bytes = 1ull << 30;  // of journal
  // For an engine that keeps what is sent twice, unless it comes in the same blocks: where a batch
  // ends is noted on disk before it is sent, so that after a restart it ends there again; and none
  // holds records that were accepted on different days (UTC).
  bool exact = false;
  Backoff backoff = {};
};

// Sends an entry for every request, in the order of the journal. The cursor (all up to there was
// taken, or is counted as lost) is kept in a file of its own and is what holds the journal, so that
// a restart goes on there; what was sent behind it is sent again, in whatever batches or, where the
// options say exact, in the same ones: which its engine must bear.
//
// Threads: the fold's from a runner of its own, which waits in apply() while the engine does not
// take: the journal is the queue, and nobody else waits. begin_close(), health() and the lag from
// any thread.
// Bounds: one batch in memory; past max_lag_bytes of journal batches are given up and counted. What
// the journal cut away meanwhile is counted, too.
class Outbox final : public journal::Fold {
 public:
  // Begins behind the cursor, else at the journal's first record.
  // Errors: kIo where the folder cannot be used.
  static Result<std::unique_ptr<Outbox>> open(OutboxOptions options,
                                              std::unique_ptr<Destination> to,
                                              const journal::Journal& journal, FileSystem& fs,
                                              const Clock& clock, Random& random,
                                              Telemetry& telemetry, Log& log);
  ~Outbox() override;

  std::string_view name() const override { return options_.engine; }
  void apply(const journal::Reader::Batch& batch) override;
  void idle(Nanos accept_ns) override;
  std::optional<journal::Position> durable_position() const override { return saved_; }
  void save(std::string&) const override {}
  Status load(Bytes) override { return {}; }

  // Sends what can be sent within this time, without waiting for what fails; then apply() takes
  // nothing more and the rest waits for the next start. Any thread, before the runner stops.
  void begin_close(Nanos within_ns);
  // After the runner has stopped: the last batch, the cursor.
  void finish();

  // Up to here an engine may have heard of records: a journal that lost its end goes on behind it.
  journal::Position heard() const { return std::max(saved_, resumed_cut_); }

  // Up to here everything was taken, or is counted as lost.
  journal::Position confirmed() const { return confirmed_.load(); }

  struct Lag {
    std::uint64_t records = 0;
    double seconds = 0;
  };
  Lag lag() const;
  Delivery::Health health() const { return delivery_.health(); }

 private:
  struct Part {
    std::size_t first = 0, last = 0;  // entries; the last one not
  };
  Outbox(OutboxOptions options, std::unique_ptr<Destination> to, const journal::Journal& journal,
         FileSystem& fs, const Clock& clock, Random& random, Telemetry& telemetry, Log& log);
  Status read_cursor();
  Status write_cursor();
  void save_cursor(Nanos every_ns);
  void note_hole(journal::Position first);
  bool full() const;
  bool must_end_before(journal::Position position) const;
  bool note_cut();
  void deliver();
  bool attempt();
  void cut_parts();
  void halve(Part part);
  void refused(Part part, const Verdict& verdict);
  void confirm();
  bool lags_too_far() const;
  void give_up();
  void wait(Nanos for_ns);

  const OutboxOptions options_;
  const std::unique_ptr<Destination> to_;  // with the batch that is being made or sent
  const journal::Journal& journal_;
  FileSystem& fs_;
  const Clock& clock_;
  Log& log_;
  Delivery delivery_;

  struct Hole {
    journal::Position first = 0, last = 0;
  };
  std::vector<Hole> holes_;     // of the batch: records that never came
  std::vector<Part> parts_;     // of the batch, still to be sent; the next one last
  std::size_t cut_ = 0;         // so many of its entries are in parts, or were
  std::size_t most_points_;     // of one request: less once one was too large
  unsigned invalid_tries_ = 0;  // of the part that is called invalid
  std::size_t isolated_ = 0;    // entries that were dropped alone, since any was taken
  Nanos batch_began_ns_ = 0;    // monotonic
  Nanos accept_ns_ = 0;
  journal::Position seen_ = 0;   // everything up to here is in the batch, or was
  journal::Position saved_ = 0;  // the cursor in the file
  Nanos saved_at_ns_ = 0;
  journal::Position cut_position_ = 0;  // of the last entry in `parts_`, as far as noted
  journal::Position resumed_cut_ = 0;   // where a batch ends that was noted before this start
  bool cursor_failed_ = false;
  bool sent_since_save_ = false;
  bool closed_ = false;

  std::atomic<journal::Position> confirmed_{0};
  std::atomic<Nanos> confirmed_accept_ns_{0};
  std::atomic<bool> closing_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace sightglass::exporting
