// While nothing can be recorded: producers are drained, events added up, the disk probed.
#include <algorithm>

#include "journal/journal_impl.h"

namespace sightglass::journal {
namespace {

constexpr std::string_view kLogger = "journal";
constexpr Nanos kGapEvery = kSecond;
constexpr Nanos kReserveEvery = 60 * kSecond;

}  // namespace

Error JournalImpl::outage_error() const {
  if (outage_->code == Code::kBusy) return *outage_;
  return {Code::kUnavailable, "the journal is closed to writes: " + outage_->message};
}

void JournalImpl::begin_outage(Error error) {
  segment_.abandon();
  cut_happened_.store(false, std::memory_order_seq_cst);  // only later cuts are worth a probe
  if (gap_.empty()) gap_from_ns_ = std::max(clock_.wall_ns(), last_accept_ns_);
  gap_cause_ = error.code == Code::kNoSpace ? GapCause::kNoSpace
               : error.code == Code::kBusy  ? GapCause::kMaxBytes
                                            : GapCause::kDisk;
  counters_.causes[static_cast<int>(gap_cause_)].outages->add();
  counters_.writable.set(0);
  writable_.store(false, std::memory_order_relaxed);
  log_.error(kLogger, "closed to writes (" + error.message +
                          "); traffic flows, events are added up until the disk takes them again");
  outage_ = std::move(error);
  last_probe_ns_ = clock_.monotonic_ns();
}

// What producers offered is added up; who waits in append() is told so and keeps its record.
void JournalImpl::lose_batch() {
  ByteReader in(batch_);
  for (std::uint32_t i = 0; i < offered_count_; ++i) {
    const auto size = in.varint();
    const auto kind = static_cast<RecordKind>(in.u8());
    const auto payload = in.raw(size);
    if (kind == RecordKind::kEvent) counters_.unrecorded(gap_cause_, gap_.add(kind, payload));
  }
}

void JournalImpl::collect_losses() {
  const bool was_empty = gap_.empty();
  bool some = false;
  for (auto* producer : known_producers_) some |= producer->take_losses(gap_);
  if (!some || !was_empty || outage_) return;
  gap_cause_ = GapCause::kQueueFull;
  gap_from_ns_ = std::max(clock_.wall_ns(), last_accept_ns_);
  last_gap_ns_ = clock_.monotonic_ns();
  log_.warn(kLogger, "a worker's queue to the journal was full; what it dropped is added up");
}

void JournalImpl::probe() {
  if (outage_->code == Code::kNoSpace && has_reserve_) {
    log_.warn(kLogger, "the disk is full; freeing the reserve file");
    has_reserve_ = !fs_.remove(options_.directory + "/reserve").has_value();
  }
  if (auto opened = reopen(); !opened) {
    segment_.abandon();
    // The cause may have changed: a disk that first failed may now be full.
    outage_ = std::move(opened).error();
    return;
  }
  outage_.reset();
  writable_.store(true, std::memory_order_relaxed);
  counters_.writable.set(1);
  counters_.reopened.add();
  log_.info(kLogger, "takes writes again; a gap record says what is missing");
}

// A new segment whose first record says what is missing.
Status JournalImpl::reopen() {
  SG_TRY(roll());
  put(RecordKind::kGap, encode_pending_gap());
  auto written = write_batch();
  batch_.clear();
  batch_count_ = 0;
  SG_TRY(written);
  gap_.clear();
  return {};
}

std::string JournalImpl::encode_pending_gap() const {
  Gap gap;
  gap.cause = gap_cause_;
  gap.from_ns = gap_from_ns_;
  gap.to_ns = std::max(clock_.wall_ns(), last_accept_ns_);
  gap.lines = gap_.lines();
  return encode_gap(gap);
}

// Losses at full queues, at most one record a second.
void JournalImpl::record_losses() {
  if (outage_ || gap_.empty() || clock_.monotonic_ns() < last_gap_ns_ + kGapEvery) return;
  last_gap_ns_ = clock_.monotonic_ns();
  put(RecordKind::kGap, encode_pending_gap());
  commit();
  if (!outage_) gap_.clear();
}

void JournalImpl::keep_reserve() {
  if (has_reserve_ || options_.reserve_bytes == 0) return;
  const auto now = clock_.monotonic_ns();
  if (writable() && now < last_reserve_ns_ + kReserveEvery) return;
  last_reserve_ns_ = now;
  const auto free = fs_.free_bytes(options_.directory);
  if (!free || *free < options_.reserve_bytes + options_.segment_bytes) return;
  const auto path = options_.directory + "/reserve";
  auto file = fs_.open(path, OpenMode::kAppend);
  has_reserve_ = file.has_value() && (*file)->preallocate(options_.reserve_bytes).has_value();
  if (!has_reserve_) (void)fs_.remove(path);
}

}  // namespace sightglass::journal
