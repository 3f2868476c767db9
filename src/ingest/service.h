// Takes a request's body to the journal and says what became of it; no HTTP in here.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/telemetry.h"
#include "codec/body.h"
#include "guard/door.h"
#include "ingest/intake.h"
#include "ingest/ledger.h"
#include "ingest/marks_fold.h"
#include "ingest/memory_budget.h"
#include "journal/journal.h"

namespace sightglass::ingest {

struct Range {
  std::string source;
  std::uint64_t first = 0, end = 0;  // bytes of the source
};

struct Request {
  Form form = Form::kJson;
  bool one_a_line = false;  // said so; with a range it is so, since that is cut from a file
  codec::Coding coding = codec::Coding::kIdentity;
  std::string body;
  std::optional<Range> range;
  HeaderFields headers;
};

// Why a request as a whole was not taken.
enum class Refusal : std::uint8_t {
  kNone,
  kMalformedCoding,  // the body is not what Content-Encoding says
  kTooLarge,         // inflated past 64 MiB or 100:1
  kRangeTooLarge,    // more than one journal batch holds, which a range must fit
  kNoMemory,
  kBusySource,   // another request of the source is being taken
  kConflict,     // the range overlaps, or leaves a hole
  kBehind,       // the journal is full of what folds have not passed
  kUnavailable,  // nothing can be recorded
  kInternal,
};

struct Outcome {
  Refusal refusal = Refusal::kNone;
  bool duplicate = false;             // the whole range was taken before
  std::optional<std::uint64_t> next;  // of the source
  Tally tally;                        // of what was recorded, also before a refusal
  std::uint64_t resume_line = 1;      // with a refusal: the first line that was not recorded
  std::vector<std::pair<std::string, std::uint64_t>> events;  // accepted by type, most first
};

// Threads: take() from several at once, never an I/O worker: it waits for the journal's commit.
// Each call has a door and readers of its own, kept for the next.
// Bounds: one record is at most codec::kMaxRecordBytes, one journal batch kBatchBytes; a longer
// request becomes several batches, and a range must be one.
// Ownership: everything in Parts outlives it.
class Service {
 public:
  static constexpr std::size_t kBatchBytes = 6u << 20;
  static constexpr Nanos kSourceWait = 5 * kSecond;
  static constexpr std::size_t kMaxEventNames = 100;

  struct Parts {
    const Clock& clock;
    Telemetry& telemetry;
    journal::Journal& journal;
    const MarksFold& marks;
    std::function<std::unique_ptr<guard::Door>()> make_door;
  };
  explicit Service(Parts parts);

  // `share` holds what the body already takes, and grows with what it inflates to.
  Outcome take(Request& request, Share& share);
  std::uint64_t next(std::string_view source) { return ledger_.next(source); }

  // Runs `change` while nothing is between a door and the journal; the doors are made anew then.
  Status with_no_one_inside(const std::function<Status()>& change);

 private:
  struct Run;
  std::unique_ptr<Intake> borrow();
  void give_back(std::unique_ptr<Intake> intake);
  void read_all(Run& run);
  void read_array(Run& run, std::string_view text);
  void read_lines(Run& run, std::string_view text);
  bool read_whole(Run& run, std::string_view text);
  bool settle_record(Run& run, const codec::RawRecord& record, codec::Verdict verdict);
  bool is_known(Run& run, std::uint64_t line);
  bool commit(Run& run);
  void count(const Tally& tally);

  Parts parts_;
  Ledger ledger_;
  std::shared_mutex inside_;  // held shared from a door to the journal
  std::mutex mutex_;
  std::vector<std::unique_ptr<Intake>> idle_;

  Counter& lines_;
  Counter& accepted_;
  Counter& duplicates_;
  Counter& bytes_;
  Counter& unknown_fields_;
  std::vector<Counter*> rejected_;  // by Verdict
};

}  // namespace sightglass::ingest
