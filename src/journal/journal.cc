// The journal's door: what other threads call.
#include "journal/journal.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>

#include "journal/control_files.h"
#include "journal/durable_file.h"
#include "journal/journal_impl.h"

namespace sightglass::journal {
namespace {

constexpr std::string_view kLogger = "journal";
constexpr std::uint64_t kDefaultMaxBytes = 8ull << 30;

}  // namespace

// ---- counters -----------------------------------------------------------------------------------

JournalCounters::JournalCounters(Telemetry& t)
    : commits(t.counter("sightglass_journal_commits_total", "Batches made durable.")),
      records(t.counter("sightglass_journal_records_total", "Records made durable.")),
      bytes(t.counter("sightglass_journal_bytes_total", "Bytes made durable.")),
      commit_ns(t.seconds_counter("sightglass_journal_commit_seconds_total",
                                  "Time spent writing and syncing batches.")),
      clock_steps(t.counter("sightglass_journal_clock_steps_total",
                            "Batches whose accept time was held because the wall clock stepped "
                            "back.")),
      dropped_full(t.counter("sightglass_journal_dropped_total",
                             "Records that a producer could not hand over.",
                             {{"reason", "queue_full"}})),
      dropped_too_large(t.counter("sightglass_journal_dropped_total",
                                  "Records that a producer could not hand over.",
                                  {{"reason", "too_large"}})),
      reopened(t.counter("sightglass_journal_reopened_total",
                         "Times the journal took writes again after an outage.")),
      torn_bytes(t.counter("sightglass_journal_torn_bytes_total",
                           "Bytes of unfinished commits that recovery cut off.")),
      damaged_ranges(t.counter("sightglass_journal_damaged_ranges_total",
                               "Damaged or missing ranges that recovery found.")),
      damaged_records(t.counter("sightglass_journal_damaged_records_total",
                                "Records in damaged or missing ranges, at most.")),
      writable(t.gauge("sightglass_journal_writable", "1 while the journal takes writes.")),
      size_bytes(t.gauge("sightglass_journal_size_bytes", "Bytes of the segments on disk.")),
      segments(t.gauge("sightglass_journal_segments", "Segments on disk.")) {
  for (const auto cause :
       {GapCause::kDisk, GapCause::kNoSpace, GapCause::kMaxBytes, GapCause::kQueueFull}) {
    const Labels labels = {{"cause", std::string(gap_cause_name(cause))}};
    auto& c = causes[static_cast<int>(cause)];
    if (cause != GapCause::kQueueFull) {
      c.outages = &t.counter("sightglass_journal_outages_total",
                             "Times the journal closed to writes.", labels);
    }
    c.events = &t.counter("sightglass_unrecorded_events_total",
                          "Events that no journal record holds.", labels);
    c.requests = &t.counter("sightglass_unrecorded_requests_total",
                            "Ended requests among the unrecorded events.", labels);
    c.input_tokens = &t.counter("sightglass_unrecorded_input_tokens_total",
                                "Input tokens of unrecorded requests.", labels);
    c.output_tokens = &t.counter("sightglass_unrecorded_output_tokens_total",
                                 "Output tokens of unrecorded requests.", labels);
    c.cost_nanousd = &t.counter("sightglass_unrecorded_cost_nanousd_total",
                                "Known cost of unrecorded requests, in nano-dollars.", labels);
  }
}

void JournalCounters::unrecorded(GapCause cause, const Gap::Line& line) {
  auto& c = causes[static_cast<int>(cause)];
  c.events->add(line.events);
  c.requests->add(line.requests);
  c.input_tokens->add(line.input_tokens);
  c.output_tokens->add(line.output_tokens);
  if (line.cost_nanousd > 0) c.cost_nanousd->add(static_cast<std::uint64_t>(line.cost_nanousd));
}

// ---- producers ----------------------------------------------------------------------------------

bool RingProducer::offer(RecordKind kind, Bytes payload) {
  // Half the ring: then it fits as soon as the ring is empty, wherever its head stands.
  if (payload.size() > kMaxPayloadBytes || payload.size() + 64 > ring_.capacity_bytes() / 2) {
    counters_.dropped_too_large.add();
    lose(kind, payload);
    return false;
  }
  if (!ring_.offer(kind, payload)) {
    counters_.dropped_full.add();
    lose(kind, payload);
    return false;
  }
  alarm_.offered(ring_);
  return true;
}

// Off the fast path: reads the event so that the gap record can say what was lost.
void RingProducer::lose(RecordKind kind, Bytes payload) {
  if (kind != RecordKind::kEvent) return;
  const std::unique_lock lock(lost_mutex_, std::try_to_lock);
  if (lock.owns_lock()) {
    counters_.unrecorded(GapCause::kQueueFull, lost_.add(kind, payload));
  } else {
    unread_losses_.fetch_add(1, std::memory_order_relaxed);
  }
  has_losses_.store(true, std::memory_order_release);
}

bool RingProducer::take_losses(GapAggregate& gap) {
  if (!has_losses_.exchange(false, std::memory_order_acquire)) return false;
  const std::scoped_lock lock(lost_mutex_);
  lost_.merge_into(gap);
  if (const auto unread = unread_losses_.exchange(0, std::memory_order_relaxed); unread > 0) {
    Gap::Line line;
    line.outcome = "__unknown__";
    line.events = unread;
    gap.add(line);
    counters_.unrecorded(GapCause::kQueueFull, line);
  }
  return true;
}

void RingProducer::use(std::shared_ptr<const event::Catalogue> catalogue) {
  const std::scoped_lock lock(lost_mutex_);
  lost_.use(std::move(catalogue));
}

// ---- opening ------------------------------------------------------------------------------------

Result<std::unique_ptr<Journal>> Journal::open(Options options, FileSystem& fs, const Clock& clock,
                                               Telemetry& telemetry, Log& log,
                                               std::string gateway_id,
                                               std::shared_ptr<const event::Catalogue> catalogue) {
  if (gateway_id.size() > kMaxGatewayIdBytes) {
    return fail(Code::kInvalid,
                "the gateway's id is longer than " + std::to_string(kMaxGatewayIdBytes) + " bytes");
  }
  auto journal = std::make_unique<JournalImpl>(std::move(options), fs, clock, telemetry, log,
                                               std::move(gateway_id), std::move(catalogue));
  SG_TRY(journal->start());
  return journal;
}

JournalImpl::JournalImpl(Options options, FileSystem& fs, const Clock& clock, Telemetry& telemetry,
                         Log& log, std::string gateway_id,
                         std::shared_ptr<const event::Catalogue> catalogue)
    : options_(std::move(options)),
      fs_(fs),
      clock_(clock),
      log_(log),
      gateway_id_(std::move(gateway_id)),
      counters_(telemetry),
      catalogue_(catalogue),
      segment_(fs, options_.directory, list_),
      in_force_(std::move(catalogue)) {
  gap_.use(in_force_);
}

JournalImpl::~JournalImpl() { (void)close(); }

Status JournalImpl::prepare_folders() {
  SG_TRY(make_durable_folder(fs_, options_.directory));
  return make_durable_folder(fs_, options_.directory + "/" + std::string(kControlDirectory));
}

Status JournalImpl::work_out_bounds() {
  if (options_.max_bytes == 0) {
    SG_ASSIGN(const auto volume, fs_.total_bytes(options_.directory));
    options_.max_bytes = std::min(kDefaultMaxBytes, volume / 5);
  }
  // Several segments must fit, so that there is always one to cut.
  options_.segment_bytes = std::min(options_.segment_bytes, options_.max_bytes / 4);
  options_.commit_bytes = std::clamp<std::uint64_t>(options_.commit_bytes, 1, kMaxTogetherBytes);
  options_.commit_bytes = std::min(options_.commit_bytes, options_.max_bytes / 8);
  return {};
}

void JournalImpl::report_recovery() {
  counters_.torn_bytes.add(recovery_.torn_bytes);
  if (recovery_.torn_bytes > 0) {
    log_.warn(kLogger, "cut " + std::to_string(recovery_.torn_bytes) +
                           " bytes of unfinished commits from the journal's tail");
  }
  for (const auto& damage : recovery_.damage) {
    counters_.damaged_ranges.add();
    counters_.damaged_records.add(damage.records);
    log_.error(kLogger, damage.segment + ": " + damage.problem + " at byte " +
                            std::to_string(damage.offset) + ", " + std::to_string(damage.bytes) +
                            " bytes, at most " + std::to_string(damage.records) +
                            " records lost; everything intact around it is read");
  }
  for (const auto& name : recovery_.unknown) {
    log_.warn(kLogger, name + ": is not a file of the journal; left alone");
  }
}

Status JournalImpl::start() {
  SG_TRY(prepare_folders());
  SG_TRY(work_out_bounds());
  SG_ASSIGN(auto recovered, recover(fs_, options_.directory));
  recovery_ = std::move(recovered.report);
  report_recovery();
  if (!recovered.gateway_id.empty() && recovered.gateway_id != gateway_id_) {
    log_.warn(kLogger, "the journal was written by a gateway of another id; positions go on");
  }
  for (auto& segment : recovered.segments) list_.add(std::move(segment));
  next_ = recovered.next;
  last_accept_ns_ = recovered.accept_floor_ns;
  committed_.store(next_ - 1, std::memory_order_release);
  control_due_ = in_force_ != nullptr && in_force_->hash() != recovered.catalogue_hash;
  last_commit_ns_ = last_reserve_ns_ = clock_.monotonic_ns();
  has_reserve_ = fs_.exists(options_.directory + "/reserve");
  keep_reserve();
  if (auto opened = roll(); !opened) {
    if (opened.error().code != Code::kNoSpace && opened.error().code != Code::kBusy) return opened;
    begin_outage(std::move(opened).error());
  } else {
    writable_.store(true, std::memory_order_relaxed);
    counters_.writable.set(1);
  }
  accepting_ = true;
  thread_ = std::thread([this] { run(); });
  pthread_setname_np(thread_.native_handle(), "sg-journal");
  return {};
}

// ---- calls from other threads -------------------------------------------------------------------

Producer& JournalImpl::add_producer(std::size_t capacity_bytes) {
  const std::scoped_lock lock(mutex_);
  auto& producer = producers_.emplace_back(capacity_bytes, alarm_, counters_, catalogue_);
  producer_count_.store(producers_.size(), std::memory_order_seq_cst);
  return producer;
}

Result<Position> JournalImpl::ask(Request& request) {
  std::unique_lock lock(mutex_);
  if (!accepting_) return fail(Code::kUnavailable, "the journal is closed");
  requests_.push_back(&request);
  requests_pending_.store(true, std::memory_order_seq_cst);
  alarm_.ring();
  answered_.wait(lock, [&] { return request.answered; });
  return std::move(request.answer);
}

void JournalImpl::answer(Request& request, Result<Position> with) {
  const std::scoped_lock lock(mutex_);
  request.answer = std::move(with);
  request.answered = true;
  answered_.notify_all();
}

Result<Position> JournalImpl::append(RecordKind kind, Bytes payload) {
  const Draft draft{kind, payload};
  return append_all({&draft, 1});
}

Result<Position> JournalImpl::append_all(std::span<const Draft> records) {
  if (records.empty()) return fail(Code::kInvalid, "there is no record to append");
  std::size_t together = 0;
  for (const auto& record : records) {
    if (record.payload.size() > kMaxPayloadBytes) {
      return fail(Code::kTooLarge, "a journal record holds at most 1 MiB");
    }
    if (record.kind == RecordKind::kBarrier && &record != &records.back()) {
      return fail(Code::kInvalid, "a barrier must be the last record of its batch");
    }
    together += framed_bytes(record.payload.size());
  }
  if (together > std::min<std::uint64_t>(kMaxTogetherBytes, options_.max_bytes / 8)) {
    return fail(Code::kTooLarge, "too much for one journal batch");
  }
  Request request;
  request.records = records;
  return ask(request);
}

Result<Position> JournalImpl::change_catalogue(std::shared_ptr<const event::Catalogue> next) {
  if (next == nullptr) return fail(Code::kInvalid, "there is no catalogue to change to");
  Request request;
  request.kind = Request::Kind::kCatalogue;
  request.catalogue = std::move(next);
  return ask(request);
}

std::shared_ptr<const event::Catalogue> JournalImpl::catalogue() const {
  const std::scoped_lock lock(mutex_);
  return catalogue_;
}

Status JournalImpl::advance_to(Position position) {
  Request request;
  request.kind = Request::Kind::kAdvance;
  request.position = position;
  SG_TRY(ask(request));
  return {};
}

Position JournalImpl::wait_committed(Position seen, Nanos timeout_ns) {
  std::unique_lock lock(mutex_);
  committed_changed_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                              [&] { return committed() > seen || !accepting_; });
  return committed();
}

// ---- cutting ------------------------------------------------------------------------------------

class JournalImpl::HoldImpl final : public Hold {
 public:
  HoldImpl(JournalImpl& journal, std::list<HoldState>::iterator state)
      : journal_(journal), state_(state) {}
  ~HoldImpl() override {
    const std::scoped_lock lock(journal_.holds_mutex_);
    journal_.holds_.erase(state_);
  }
  void release_up_to(Position position) override {
    {
      const std::scoped_lock lock(journal_.holds_mutex_);
      if (position <= state_->released) return;
      state_->released = position;
    }
    journal_.cut_by_holds(Need::kOptional);
  }

 private:
  JournalImpl& journal_;
  std::list<HoldState>::iterator state_;
};

std::unique_ptr<Hold> JournalImpl::hold(Need need) {
  const std::scoped_lock lock(holds_mutex_);
  return std::make_unique<HoldImpl>(*this, holds_.insert(holds_.end(), HoldState{need, 0}));
}

// `at_least`: kRequired looks at required holds alone. Without any hold nothing is cut.
void JournalImpl::cut_by_holds(Need at_least) {
  std::optional<Position> least;
  {
    const std::scoped_lock lock(holds_mutex_);
    for (const auto& hold : holds_) {
      if (at_least == Need::kRequired && hold.need == Need::kOptional) continue;
      least = least ? std::min(*least, hold.released) : hold.released;
    }
  }
  if (least && *least > 0) cut_before(*least + 1);
}

void JournalImpl::cut_before(Position position) {
  const auto gone = list_.take_before(position);
  if (gone.empty()) return;
  remove_segments(gone);
  counters_.size_bytes.set(static_cast<std::int64_t>(list_.bytes()));
  counters_.segments.set(static_cast<std::int64_t>(list_.entries().size()));
  cut_happened_.store(true, std::memory_order_seq_cst);
  if (!writable()) alarm_.ring();
}

void JournalImpl::remove_segments(const std::vector<SegmentList::Entry>& gone) {
  // Oldest first, so that a crash in between leaves no hole.
  for (const auto& segment : gone) {
    if (auto removed = fs_.remove(options_.directory + "/" + segment_name(segment.first));
        !removed) {
      log_.warn(kLogger,
                "a segment that nobody needs could not be removed; the next start will "
                "find it again");
    }
  }
  const std::scoped_lock lock(control_mutex_);
  std::set<std::string> used;
  for (const auto& segment : list_.entries()) used.insert(segment.catalogue_hash);
  if (const auto current = catalogue()) used.insert(current->hash());
  for (const auto& segment : gone) {
    if (used.contains(segment.catalogue_hash)) continue;
    remove_unused_controls(fs_, options_.directory, used);
    break;
  }
  (void)fs_.sync_directory(options_.directory);
}

std::vector<Journal::Segment> JournalImpl::segments() const {
  std::vector<Segment> out;
  for (const auto& entry : list_.entries()) out.push_back({entry.first, entry.size_bytes});
  return out;
}

Status JournalImpl::close() {
  if (closed_) return close_status_;
  closed_ = true;
  if (!thread_.joinable()) return {};
  closing_.store(true, std::memory_order_seq_cst);
  alarm_.ring();
  thread_.join();
  segment_.finish();
  writable_.store(false, std::memory_order_relaxed);
  counters_.writable.set(0);
  if (outage_) {
    close_status_ =
        fail(Code::kUnavailable, "closed during an outage: what was not recorded is only counted");
    log_.error(kLogger, close_status_.error().message);
  }
  return close_status_;
}

}  // namespace sightglass::journal
