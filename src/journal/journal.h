// The truth: append-only, checksummed, segmented. An event is accepted when its batch is durable.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/file_system.h"
#include "base/log.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "event/catalogue.h"
#include "journal/record.h"

namespace sightglass::journal {

struct Options {
  std::string directory;                      // <data>/journal
  std::uint64_t segment_bytes = 64ull << 20;  // a segment is closed past this
  std::uint64_t commit_bytes = 1ull << 20;    // a batch is cut at this size …
  Nanos commit_delay_ns = 5 * kMillisecond;   // … or at this age of its oldest offered record
  std::uint64_t max_bytes = 0;                // 0: the smaller of 8 GiB and 20 % of the volume
  std::uint64_t reserve_bytes = 16ull << 20;  // a file to free on a full disk; 0: none
  Nanos tick_ns = kSecond;                    // a tick after this much silence; 0: none
};

// The hand-off from one thread to the journal: a bounded ring of records.
// Threads: offer() from its one owner. Never blocks, allocates only to note what it drops, makes no
// system call except an eventfd write when the writer sleeps.
// Bounds: full means the record is dropped and counted in
// `sightglass_journal_dropped_total{reason="queue_full"}`; gateway records are then added to the
// aggregate that a gap record will state. While the journal is closed to writes records are taken
// and go to that aggregate, too.
class Producer {
 public:
  virtual ~Producer() = default;
  virtual bool offer(RecordKind kind, Bytes payload) = 0;  // false: dropped
};

// What recovery found; every item is also logged and counted.
struct Recovery {
  std::uint64_t torn_bytes = 0;  // cut from the tail
  struct Damage {
    std::string segment;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;    // 0: the whole file is missing
    std::uint64_t records = 0;  // positions missing, at most
    std::string problem;        // a sentence for people
  };
  std::vector<Damage> damage;        // inside segments; skipped
  std::vector<std::string> unknown;  // names in the folder that are not the journal's; left alone
  Position last = 0;
};

// Whether the journal may let go of what a reader still needs when it reaches max_bytes.
enum class Need : std::uint8_t { kRequired, kOptional };

// Keeps segments from being cut. Threads: any. Ownership: released on destruction, and then no
// longer counted; destroy before the journal.
class Hold {
 public:
  virtual ~Hold() = default;
  virtual void release_up_to(Position position) = 0;  // that one and older are not needed
};

// Threads: one writer thread of its own; every method here is safe from any thread.
// Errors: a failed write or sync closes the journal to writes; it reopens on a new segment when
// the disk takes a probe again (tried every second), and records a gap. Meanwhile nothing blocks.
class Journal {
 public:
  // Recovers, then starts the writer. The catalogue in force is recorded if it differs from the
  // last one; its text is kept as control/<hash> beside the segments. Without one (null) batches
  // carry none. A full disk is no error: the journal opens closed to writes.
  // Errors: kVersion for segments of a newer version, kIo where the folder cannot be used.
  static Result<std::unique_ptr<Journal>> open(Options options, FileSystem& fs, const Clock& clock,
                                               Telemetry& telemetry, Log& log,
                                               std::string gateway_id,
                                               std::shared_ptr<const event::Catalogue> catalogue);
  virtual ~Journal() = default;  // close() first; else its result is lost

  virtual const Recovery& recovery() const = 0;
  virtual Producer& add_producer(std::size_t capacity_bytes) = 0;  // lives as long as the journal

  // Appends and waits until durable. Not for I/O workers. Somebody waits, so the batch is cut at
  // once; whoever comes during the commit before shares the next one.
  // Errors: kUnavailable while closed to writes, kBusy while so because of max_bytes, kTooLarge
  // past kMaxPayloadBytes.
  virtual Result<Position> append(RecordKind kind, Bytes payload) = 0;
  // All of them in one batch: after a crash all are there or none. The position of the last one.
  // Bounds: together at most 8 MiB, else kTooLarge; an empty list is kInvalid.
  virtual Result<Position> append_all(std::span<const Draft> records) = 0;
  // Everything offered before the call stands under the catalogue in force until now, what comes
  // after it under `next`, from a new segment on: callers see to it that nothing encoded with the
  // old one is offered meanwhile. On an error nothing has changed.
  virtual Result<Position> change_catalogue(std::shared_ptr<const event::Catalogue> next) = 0;
  virtual std::shared_ptr<const event::Catalogue> catalogue() const = 0;  // in force

  virtual Position committed() const = 0;  // everything up to here is durable
  // Waits until committed() > seen, or the deadline, or close; returns committed().
  virtual Position wait_committed(Position seen, Nanos timeout_ns) = 0;

  // Positions up to here are taken, though this journal does not hold them: a fold is ahead of a
  // journal that lost its end. The next record gets a later one; readers count the hole.
  virtual Status advance_to(Position position) = 0;

  // What a reader still needs. Segments behind every hold go as soon as it is released; at
  // max_bytes only required holds count. A fold runner has one.
  virtual std::unique_ptr<Hold> hold(Need need) = 0;
  // Segments wholly below `position` may go, whatever the holds say.
  virtual void cut_before(Position position) = 0;

  struct Segment {
    Position first = 0;
    std::uint64_t size_bytes = 0;
  };
  virtual std::vector<Segment> segments() const = 0;  // by position
  virtual std::uint64_t layout_version() const = 0;   // grows when segments come or go
  virtual std::uint64_t bytes_on_disk() const = 0;    // of the segments
  virtual std::uint64_t max_bytes() const = 0;        // their bound, as worked out at open
  virtual bool writable() const = 0;

  virtual Status close() = 0;  // drains the producers, commits, stops the writer
};

// Reads committed batches in order, following the writer. Damaged ranges are skipped, counted and
// reported by `skipped()`. Threads: one reader per thread.
class Reader {
 public:
  struct Batch {
    BatchHeader header;
    std::shared_ptr<const event::Catalogue> catalogue;  // in force for these records
    std::vector<Record> records;                        // borrowed from `bytes`
    std::string bytes;
  };
  virtual ~Reader() = default;
  // The next batch that holds a record past the last one read, without the records up to there.
  // False: nothing committed yet.
  // Errors: kCorrupt only when no later intact batch exists; kVersion for a newer format.
  // After an error the next call tries the same place again.
  virtual Result<bool> next(Batch& out) = 0;
  virtual Position position() const = 0;      // the last record given out
  virtual std::uint64_t skipped() const = 0;  // positions lost to damage or cut away so far
};

// `after`: the last position already folded. kNotFound when the journal begins later than that.
// With a journal the reader gives out what is committed; with null it reads the segments as they
// lie, for tools, and what follows the last intact batch is kCorrupt.
Result<std::unique_ptr<Reader>> open_reader(const Options& options, FileSystem& fs,
                                            const Journal* journal, Position after);

}  // namespace sightglass::journal
