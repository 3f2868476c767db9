// The writer's thread: drains the producers, cuts batches, makes them durable.
#include <algorithm>

#include "base/failpoint.h"
#include "journal/control_files.h"
#include "journal/journal_impl.h"

namespace sightglass::journal {
namespace {

constexpr Nanos kLongestSleep = 100 * kMillisecond;  // so that a clock that jumps is noticed
constexpr Nanos kProbeEvery = kSecond;

}  // namespace

// ---- sleeping -----------------------------------------------------------------------------------

void JournalImpl::refresh_producers() {
  if (producer_count_.load(std::memory_order_seq_cst) == known_producers_.size()) return;
  const std::scoped_lock lock(mutex_);
  known_producers_.clear();
  for (auto& producer : producers_) known_producers_.push_back(&producer);
}

bool JournalImpl::anything_offered() {
  refresh_producers();
  return std::any_of(known_producers_.begin(), known_producers_.end(),
                     [](RingProducer* p) { return !p->ring().empty(); });
}

bool JournalImpl::a_ring_is_half_full() {
  return std::any_of(known_producers_.begin(), known_producers_.end(), [](RingProducer* p) {
    return p->ring().waiting_bytes() > p->ring().capacity_bytes() / 2;
  });
}

// Says that it sleeps, then looks again: whoever offers after that look sees the saying.
void JournalImpl::sleep(Alarm::State state, Nanos at_most_ns) {
  alarm_.set(state);
  const bool work = state == Alarm::State::kIdle ? anything_offered() : a_ring_is_half_full();
  if (!work && !has_requests() && !closing_.load(std::memory_order_seq_cst)) {
    alarm_.wait(std::min(at_most_ns, kLongestSleep));
  }
  alarm_.set(Alarm::State::kAwake);
}

Nanos JournalImpl::next_duty_ns() const {
  if (outage_) return last_probe_ns_ + kProbeEvery;
  auto due =
      options_.tick_ns > 0 ? last_commit_ns_ + options_.tick_ns : clock_.monotonic_ns() + kSecond;
  if (!gap_.empty()) due = std::min(due, last_gap_ns_ + kProbeEvery);
  return due;
}

// `oldest_ns`: no record that waits was offered before. True: closing.
bool JournalImpl::wait_for_work(Nanos& oldest_ns) {
  for (;;) {
    if (closing_.load(std::memory_order_seq_cst)) return true;
    if (has_requests()) return false;
    const auto now = clock_.monotonic_ns();
    if (anything_offered()) {
      const auto due = oldest_ns + options_.commit_delay_ns;
      if (now >= due || a_ring_is_half_full()) return false;
      sleep(Alarm::State::kNapping, due - now);
      continue;
    }
    const auto duty = next_duty_ns();
    if (now >= duty || (outage_ && cut_happened_.load(std::memory_order_seq_cst))) return false;
    sleep(Alarm::State::kIdle, duty - now);
    oldest_ns = clock_.monotonic_ns();
  }
}

void JournalImpl::run() {
  Nanos oldest_ns = clock_.monotonic_ns();
  for (bool closing = false; !closing;) {
    closing = wait_for_work(oldest_ns);
    oldest_ns = clock_.monotonic_ns();  // what comes from here on waits for the next commit
    cycle();
  }
  {
    const std::scoped_lock lock(mutex_);
    accepting_ = false;
    committed_changed_.notify_all();
  }
  // Requests that came before the door closed, offers that came before them, and losses.
  if (outage_) {
    cut_happened_.store(false);
    last_probe_ns_ = clock_.monotonic_ns();
    probe();
  }
  cycle();
  last_gap_ns_ = clock_.monotonic_ns() - kProbeEvery;
  record_losses();
}

// ---- one round ----------------------------------------------------------------------------------

void JournalImpl::cycle() {
  {
    const std::scoped_lock lock(mutex_);
    taken_.swap(requests_);
    requests_pending_.store(false, std::memory_order_seq_cst);
  }
  refresh_producers();
  const auto count = known_producers_.size();
  for (std::size_t i = 0; i < count; ++i) drain(*known_producers_[(first_producer_ + i) % count]);
  if (count > 0) first_producer_ = (first_producer_ + 1) % count;
  for (auto* request : taken_) serve(*request);
  taken_.clear();
  commit();
  collect_losses();
  const auto now = clock_.monotonic_ns();
  if (outage_) {
    if (now >= last_probe_ns_ + kProbeEvery || cut_happened_.exchange(false)) {
      last_probe_ns_ = now;
      probe();
    }
    return;
  }
  record_losses();
  tick();
  keep_reserve();
}

// Takes what was offered when it began, and no more: producers cannot hold it for ever.
void JournalImpl::drain(RingProducer& producer) {
  auto& ring = producer.ring();
  const auto until = ring.head();
  Bytes framed;
  while (ring.peek(until, framed)) {
    if (batch_count_ > 0 && batch_.size() + framed.size() > options_.commit_bytes) {
      ring.release();
      commit();
    }
    batch_.append(framed);
    ++batch_count_;
    ++offered_count_;
    ring.pop(framed);
  }
  ring.release();
}

void JournalImpl::serve(Request& request) {
  switch (request.kind) {
    case Request::Kind::kAppend:
      return serve_append(request);
    case Request::Kind::kCatalogue:
      return serve_catalogue(request);
    case Request::Kind::kAdvance:
      return serve_advance(request);
  }
}

void JournalImpl::put(RecordKind kind, Bytes payload) {
  append_framed(batch_, kind, payload);
  ++batch_count_;
}

void JournalImpl::serve_append(Request& request) {
  std::size_t together = 0;
  for (const auto& record : request.records) together += framed_bytes(record.payload.size());
  if (batch_count_ > 0 && batch_.size() + together > options_.commit_bytes) commit();
  if (outage_) return answer(request, std::unexpected(outage_error()));
  for (const auto& record : request.records) put(record.kind, record.payload);
  const auto last = request.records.back().kind;
  in_batch_.push_back({&request, batch_count_ - 1});
  // Folds publish their totals between batches, so a barrier ends one. What a forget record is
  // about lies in older segments only, so that these can be cut. The request is gone with the
  // commit.
  if (last == RecordKind::kBarrier || last == RecordKind::kForget) commit();
  if (last == RecordKind::kForget) segment_.finish();
}

void JournalImpl::serve_catalogue(Request& request) {
  commit();  // what was offered until now stands under the old one
  if (outage_) return answer(request, std::unexpected(outage_error()));
  if (in_force_ != nullptr && in_force_->hash() == request.catalogue->hash()) {
    return answer(request, next_ - 1);
  }
  segment_.finish();
  const auto before = in_force_;
  in_force_ = request.catalogue;
  control_due_ = true;
  if (auto opened = roll(); !opened) {
    in_force_ = before;
    control_due_ = false;
    begin_outage(opened.error());
    return answer(request, std::unexpected(outage_error()));
  }
  {
    const std::scoped_lock lock(mutex_);
    catalogue_ = in_force_;
  }
  gap_.use(in_force_);
  for (auto* producer : known_producers_) producer->use(in_force_);
  answer(request, next_ - 1);
}

// A segment begins where the hole ends, so that its name tells; a tick makes it last.
void JournalImpl::serve_advance(Request& request) {
  commit();
  if (outage_) return answer(request, std::unexpected(outage_error()));
  if (request.position >= next_) {
    segment_.finish();
    next_ = request.position + 1;
    put(RecordKind::kTick, {});
    commit();
    if (outage_) return answer(request, std::unexpected(outage_error()));
  }
  answer(request, next_ - 1);
}

// ---- commit -------------------------------------------------------------------------------------

// Makes the batch durable and answers who waits for it, or loses it and says so.
void JournalImpl::commit() {
  if (batch_count_ == 0) return;
  if (!outage_) {
    if (auto written = write_batch(); !written) begin_outage(std::move(written).error());
  }
  if (outage_) lose_batch();
  const auto first = next_ - batch_count_;
  for (const auto& [request, last_index] : in_batch_) {
    if (outage_) {
      answer(*request, std::unexpected(outage_error()));
    } else {
      answer(*request, first + last_index);
    }
  }
  in_batch_.clear();
  batch_.clear();
  batch_count_ = offered_count_ = 0;
}

Status JournalImpl::write_batch() {
  const auto size_bytes = kBatchHeaderBytes + batch_.size();
  const bool roll_due =
      !segment_.is_open() || segment_.size_bytes() + size_bytes > options_.segment_bytes;
  // A batch larger than a segment has one of its own.
  if (roll_due && (!segment_.is_open() || segment_.size_bytes() > kFirstBatchOffset)) {
    SG_TRY(roll());
  }
  if (!make_room(size_bytes)) {
    return fail(Code::kBusy, "the journal is at journal.max_bytes, and the folds still need it");
  }
  const auto wall_ns = clock_.wall_ns();
  note_clock(wall_ns);
  const BatchHeader header{next_, batch_count_, std::max(last_accept_ns_, wall_ns)};
  const auto began_ns = clock_.monotonic_ns();
  SG_TRY(segment_.commit(header, batch_));
  last_commit_ns_ = clock_.monotonic_ns();
  last_accept_ns_ = header.accept_ns;
  next_ += batch_count_;
  counters_.commits.add();
  counters_.records.add(batch_count_);
  counters_.bytes.add(size_bytes);
  counters_.commit_ns.add(static_cast<std::uint64_t>(last_commit_ns_ - began_ns));
  counters_.size_bytes.set(static_cast<std::int64_t>(list_.bytes()));
  {
    const std::scoped_lock lock(mutex_);
    committed_.store(next_ - 1, std::memory_order_release);
    committed_changed_.notify_all();
  }
  return {};
}

// Accept time stands until a clock that stepped back has caught up.
void JournalImpl::note_clock(Nanos wall_ns) {
  const bool behind = wall_ns < last_accept_ns_;
  if (behind) counters_.clock_steps.add();
  if (behind && !clock_behind_) {
    log_.warn("journal", "the wall clock stepped back by " +
                             std::to_string((last_accept_ns_ - wall_ns) / kMillisecond) +
                             " ms; accept times stand until it has caught up");
  }
  clock_behind_ = behind;
}

// Ends the open segment and begins the next, whose first batch says what is due: the catalogue.
Status JournalImpl::roll() {
  segment_.finish();
  if (!make_room(kFirstBatchOffset + 2 * options_.commit_bytes)) {
    return fail(Code::kBusy, "the journal is at journal.max_bytes, and the folds still need it");
  }
  SG_TRY(open_segment(in_force_));
  if (!control_due_) return {};
  // The batch that waits comes after it.
  std::string waiting;
  std::uint32_t waiting_count = 0;
  waiting.swap(batch_);
  std::swap(waiting_count, batch_count_);
  put(RecordKind::kControl, encode_control({"catalogue", in_force_->hash()}));
  auto written = write_batch();
  batch_.swap(waiting);
  std::swap(batch_count_, waiting_count);
  SG_TRY(written);
  control_due_ = false;
  return {};
}

Status JournalImpl::open_segment(const std::shared_ptr<const event::Catalogue>& catalogue) {
  SegmentHeader header;
  header.first = next_;
  header.accept_floor_ns = last_accept_ns_;
  header.gateway_id = gateway_id_;
  const std::scoped_lock lock(control_mutex_);
  if (catalogue != nullptr) {
    header.catalogue_hash = catalogue->hash();
    SG_TRY(keep_control(fs_, options_.directory, *catalogue));
  }
  const auto left = options_.max_bytes - std::min(options_.max_bytes, list_.bytes());
  SG_TRY(segment_.open(std::move(header), std::min(options_.segment_bytes, left)));
  counters_.segments.set(static_cast<std::int64_t>(list_.entries().size()));
  return {};
}

// Whether that many bytes may be added; cuts behind the required folds when they may not.
bool JournalImpl::make_room(std::uint64_t bytes) {
  if (list_.bytes() + bytes <= options_.max_bytes) return true;
  cut_by_holds(Need::kRequired);
  return list_.bytes() + bytes <= options_.max_bytes;
}

void JournalImpl::tick() {
  if (options_.tick_ns == 0 || batch_count_ > 0 || outage_) return;
  if (clock_.monotonic_ns() < last_commit_ns_ + options_.tick_ns) return;
  put(RecordKind::kTick, {});
  commit();
}

}  // namespace sightglass::journal
