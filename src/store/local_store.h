// The embedded store: a tail that fills, at most one more that is being sealed, and the history.
#pragma once

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "event/event.h"
#include "store/history.h"
#include "store/id_indexes.h"
#include "store/parquet.h"
#include "store/queries.h"
#include "store/rebuild.h"
#include "store/schema.h"
#include "store/store.h"
#include "store/tail.h"
#include "store/upkeep.h"

namespace sightglass::store {

// Threads: the fold's calls come from the runner; sealing has a thread of its own, merging,
// retention and forgetting another at nice 10, queries a third. The first two take turns with the
// history: what the second does gives way to a seal. All meet at one mutex, which is held for a
// batch of rows or for naming a version, never for a seal or a query.
class LocalStore final : public Store {
 public:
  static Result<std::unique_ptr<LocalStore>> open(Options options, FileSystem& fs,
                                                  const Clock& clock, Telemetry& telemetry,
                                                  Log& log);
  ~LocalStore() override;

  void apply(const journal::Reader::Batch& batch) override;
  std::optional<journal::Position> durable_position() const override;
  void idle(Nanos accept_ns) override;
  journal::Totals totals() const override;
  journal::Account account() const override;

  Queries& queries() override { return *queries_; }
  TypedQueries& typed_queries() override { return *queries_; }
  Status forget_texts(const journal::Forget& forget, journal::Position up_to) override;
  void stop_forgetting() override;
  Status seal_now() override;
  Health health() const override;
  void stop_waiting() override;
  void close() override;

 private:
  using Lock = std::unique_lock<std::mutex>;
  LocalStore(Options options, FileSystem& fs, const Clock& clock, Telemetry& telemetry, Log& log);
  Status start(FileSystem& fs);

  // Runner.
  const Layout& layout_of(const std::shared_ptr<const event::Catalogue>& catalogue);
  bool apply_event(Lock& lock, const journal::Record& record, Nanos accept_ns,
                   const Layout& layout);
  bool make_room(Lock& lock);
  bool tail_is_full() const;
  Status rotate();  // under the mutex, when no tail is being sealed
  std::shared_ptr<Tail> new_tail();
  void count_dropped();
  Result<Version> look() const;  // takes the mutex

  // Seal thread.
  void seal_loop();
  bool seal_is_due() const;  // under the mutex
  void attempt_seal(Lock& lock);
  // House thread.
  void house_loop();
  bool look_after_history(Lock& lock);
  void keep_house(Lock& lock);
  void attempt_forget(Lock& lock);
  bool tend(Lock& lock);
  void publish();  // under the mutex

  const Options options_;
  const Clock& clock_;
  Telemetry& telemetry_;
  Log& log_;
  Counter& sealed_rows_;
  Counter& seals_;
  Counter& failed_seals_;
  Counter& stalls_;
  Counter& malformed_;
  Counter& sampled_;

  std::unique_ptr<duck::Database> database_;
  std::unique_ptr<ParquetWriter> writer_;
  std::unique_ptr<History> history_;                             // after start(): whoever took it
  std::unique_ptr<Upkeep> upkeep_;                               // likewise
  std::unique_ptr<Rebuild> rebuild_;                             // likewise
  std::unique_ptr<IdIndexes> id_indexes_;                        // likewise
  mutable std::unique_ptr<duck::Connection> totals_connection_;  // runner
  std::unique_ptr<LocalQueries> queries_;

  // Runner only.
  std::unique_ptr<Layout> layout_;
  event::Event event_;

  mutable std::mutex mutex_;
  std::condition_variable work_;   // for the seal and the house thread
  std::condition_variable tried_;  // an attempt to seal has ended
  Schema schema_;
  std::shared_ptr<Tail> filling_, sealing_;
  journal::Position applied_ = 0;     // the last record taken
  journal::Position sealing_to_ = 0;  // what `sealing_` covers
  Nanos uncovered_since_ns_ = 0;      // accept time of the first record past the manifest
  Nanos accept_ns_ = 0;               // the newest seen
  std::uint64_t next_tail_ = 1;
  std::vector<DataFile> files_;  // the history's, published
  std::vector<RollupFile> rollups_;
  journal::Position rolled_up_ = 0;
  Nanos expired_newest_ns_ = 0;
  journal::Totals expired_totals_;
  std::uint64_t expired_rows_ = 0, lost_rows_ = 0;  // likewise
  std::string report_;                              // the history's, published
  DroppedValues dropped_;
  std::uint64_t attempts_ = 0;
  std::uint32_t failures_ = 0;  // in a row
  Nanos next_attempt_ns_ = 0;   // monotonic
  Status last_attempt_;
  Nanos next_housekeeping_ns_ = 0;  // monotonic
  Nanos next_check_ns_ = 0;         // monotonic
  std::size_t next_checked_file_ = 0;
  bool suspect_ = false;
  bool history_taken_ = false;  // by one of the two threads
  bool tending_ = false;        // files expire or are merged, which may be interrupted
  bool gives_way_ = false;      // and is when a tail is to be sealed
  bool more_to_tend_ = false;
  bool refused_ = false;  // the engine takes no rows
  bool stalled_ = false;
  bool giving_up_ = false;  // stop_waiting() was called
  bool detached_ = false;   // a row was left to the journal: none is taken any more
  bool closing_ = false;
  std::atomic<journal::Position> covered_{0};
  // One forgetting at a time: asked for under the mutex, done file by file on the house thread.
  struct Forgetting {
    const journal::Forget* texts = nullptr;
    std::vector<std::string> looked_at;  // names of files without one
    bool done = false;
    Status status;
  };
  Forgetting* forgetting_ = nullptr;
  bool forgets_no_more_ = false;
  std::thread seal_thread_, house_thread_;
};

}  // namespace sightglass::store
