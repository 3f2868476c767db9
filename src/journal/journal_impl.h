// The journal's insides: the door for other threads (journal.cc), the writer's loop (writer.cc),
// and what happens while nothing can be recorded (outage.cc).
#pragma once

#include <atomic>
#include <condition_variable>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "journal/gap.h"
#include "journal/journal.h"
#include "journal/recovery.h"
#include "journal/ring.h"
#include "journal/segment_list.h"
#include "journal/segment_writer.h"
#include "journal/wake.h"

namespace sightglass::journal {

// What the journal counts about itself.
struct JournalCounters {
  explicit JournalCounters(Telemetry& telemetry);
  Counter& commits;
  Counter& records;
  Counter& bytes;
  Counter& commit_ns;
  Counter& clock_steps;
  Counter& dropped_full;
  Counter& dropped_too_large;
  Counter& reopened;
  Counter& torn_bytes;
  Counter& damaged_ranges;
  Counter& damaged_records;
  Gauge& writable;
  Gauge& size_bytes;
  Gauge& segments;
  struct PerCause {
    Counter* outages = nullptr;
    Counter* events = nullptr;
    Counter* requests = nullptr;
    Counter* input_tokens = nullptr;
    Counter* output_tokens = nullptr;
    Counter* cost_nanousd = nullptr;
  };
  PerCause causes[5];  // by GapCause
  void unrecorded(GapCause cause, const Gap::Line& line);
};

// Whether the writer sleeps, and what may wake it.
class Alarm {
 public:
  enum class State : std::uint8_t { kAwake, kNapping, kIdle };

  void ring() {
    if (state_.exchange(State::kAwake, std::memory_order_seq_cst) != State::kAwake) wake_.signal();
  }
  // After an offer: an idle writer wakes for anything, a napping one when a ring is half full.
  // The ring's head was stored, and state_ is read, with sequential consistency; the writer stores
  // state_ and then reads the heads likewise: one of the two sees the other.
  void offered(Ring& ring_of_caller) {
    const auto state = state_.load(std::memory_order_seq_cst);
    if (state == State::kAwake) return;
    const auto half = ring_of_caller.capacity_bytes() / 2;
    if (state == State::kIdle ||
        (ring_of_caller.used_bytes() > half && ring_of_caller.refreshed_used_bytes() > half)) {
      ring();
    }
  }
  void set(State state) { state_.store(state, std::memory_order_seq_cst); }
  void wait(Nanos at_most_ns) { wake_.wait(at_most_ns); }

 private:
  alignas(64) std::atomic<State> state_{State::kAwake};
  Wake wake_;
};

class RingProducer final : public Producer {
 public:
  RingProducer(std::size_t capacity_bytes, Alarm& alarm, JournalCounters& counters,
               std::shared_ptr<const event::Catalogue> catalogue)
      : ring_(capacity_bytes), alarm_(alarm), counters_(counters) {
    lost_.use(std::move(catalogue));
  }

  bool offer(RecordKind kind, Bytes payload) override;
  Ring& ring() { return ring_; }

  // The writer's: what was lost since the last call goes into `gap`. True: something was.
  bool take_losses(GapAggregate& gap);
  void use(std::shared_ptr<const event::Catalogue> catalogue);

 private:
  void lose(RecordKind kind, Bytes payload);

  Ring ring_;
  Alarm& alarm_;
  JournalCounters& counters_;
  std::atomic<std::uint64_t> unread_losses_{0};  // while the writer held the lock
  std::atomic<bool> has_losses_{false};
  std::mutex lost_mutex_;  // try_lock on the producer's side: it never waits
  GapAggregate lost_;
};

class JournalImpl final : public Journal {
 public:
  JournalImpl(Options options, FileSystem& fs, const Clock& clock, Telemetry& telemetry, Log& log,
              std::string gateway_id, std::shared_ptr<const event::Catalogue> catalogue);
  ~JournalImpl() override;
  Status start();  // recovers, opens the first segment, starts the writer

  const Recovery& recovery() const override { return recovery_; }
  Producer& add_producer(std::size_t capacity_bytes) override;
  Result<Position> append(RecordKind kind, Bytes payload) override;
  Result<Position> append_all(std::span<const Draft> records) override;
  Result<Position> change_catalogue(std::shared_ptr<const event::Catalogue> next) override;
  std::shared_ptr<const event::Catalogue> catalogue() const override;
  Position committed() const override { return committed_.load(std::memory_order_acquire); }
  Position wait_committed(Position seen, Nanos timeout_ns) override;
  Status advance_to(Position position) override;
  std::unique_ptr<Hold> hold(Need need) override;
  void cut_before(Position position) override;
  std::vector<Segment> segments() const override;
  std::uint64_t layout_version() const override { return list_.version(); }
  std::uint64_t bytes_on_disk() const override { return list_.bytes(); }
  std::uint64_t max_bytes() const override { return options_.max_bytes; }
  bool writable() const override { return writable_.load(std::memory_order_relaxed); }
  Status close() override;

 private:
  class HoldImpl;
  struct HoldState {
    Need need = Need::kRequired;
    Position released = 0;
  };

  // Somebody who waits for the writer. Lives on the caller's stack.
  struct Request {
    enum class Kind : std::uint8_t { kAppend, kCatalogue, kAdvance };
    Kind kind = Kind::kAppend;
    std::span<const Draft> records;
    std::shared_ptr<const event::Catalogue> catalogue;
    Position position = 0;
    Result<Position> answer = Position{0};
    bool answered = false;
  };
  Result<Position> ask(Request& request);
  void answer(Request& request, Result<Position> with);

  // journal.cc
  Status prepare_folders();
  Status work_out_bounds();
  void report_recovery();
  void cut_by_holds(Need at_least);
  void remove_segments(const std::vector<SegmentList::Entry>& gone);

  // writer.cc: on the writer's thread
  void run();
  bool wait_for_work(Nanos& oldest_ns);
  void sleep(Alarm::State state, Nanos at_most_ns);
  bool anything_offered();
  bool a_ring_is_half_full();
  bool has_requests() const { return requests_pending_.load(std::memory_order_seq_cst); }
  Nanos next_duty_ns() const;
  void cycle();
  void refresh_producers();
  void drain(RingProducer& producer);
  void serve(Request& request);
  void serve_append(Request& request);
  void serve_catalogue(Request& request);
  void serve_advance(Request& request);
  void put(RecordKind kind, Bytes payload);
  void commit();
  Status write_batch();
  Status roll();
  Status open_segment(const std::shared_ptr<const event::Catalogue>& catalogue);
  bool make_room(std::uint64_t bytes);
  void note_clock(Nanos wall_ns);
  void tick();

  // outage.cc: on the writer's thread
  void begin_outage(Error error);
  void lose_batch();
  void collect_losses();
  void probe();
  Status reopen();
  void record_losses();
  void keep_reserve();
  std::string encode_pending_gap() const;
  Error outage_error() const;

  Options options_;
  FileSystem& fs_;
  const Clock& clock_;
  Log& log_;
  const std::string gateway_id_;
  JournalCounters counters_;
  Recovery recovery_;
  SegmentList list_;
  Alarm alarm_;

  mutable std::mutex mutex_;  // requests, producers, catalogue, waits for a commit
  std::condition_variable answered_;
  std::condition_variable committed_changed_;
  std::vector<Request*> requests_;
  std::atomic<bool> requests_pending_{false};
  bool accepting_ = false;
  std::list<RingProducer> producers_;
  std::atomic<std::size_t> producer_count_{0};
  std::shared_ptr<const event::Catalogue> catalogue_;

  std::mutex holds_mutex_;
  std::list<HoldState> holds_;
  std::mutex control_mutex_;  // keeps control files from going while a segment is made for them

  std::atomic<Position> committed_{0};
  std::atomic<bool> writable_{false};
  std::atomic<bool> closing_{false};
  std::atomic<bool> cut_happened_{false};
  std::thread thread_;
  bool closed_ = false;
  Status close_status_;

  // The writer's own.
  SegmentWriter segment_;
  std::vector<RingProducer*> known_producers_;
  std::size_t first_producer_ = 0;  // rotates, so that none is always last
  std::vector<Request*> taken_;
  struct InBatch {
    Request* request = nullptr;
    std::uint32_t last_index = 0;
  };
  std::vector<InBatch> in_batch_;
  std::string batch_;  // framed records
  std::uint32_t batch_count_ = 0;
  std::uint32_t offered_count_ = 0;  // of them from producers: they come first
  Position next_ = 1;
  Nanos last_accept_ns_ = 0;
  bool clock_behind_ = false;
  Nanos last_commit_ns_ = 0;  // monotonic
  std::shared_ptr<const event::Catalogue> in_force_;
  bool control_due_ = false;  // the catalogue in force has no control record yet

  std::optional<Error> outage_;
  GapCause gap_cause_ = GapCause::kDisk;
  Nanos gap_from_ns_ = 0;
  Nanos last_probe_ns_ = 0;
  Nanos last_gap_ns_ = 0;
  Nanos last_reserve_ns_ = 0;
  bool has_reserve_ = false;
  GapAggregate gap_;
};

}  // namespace sightglass::journal
