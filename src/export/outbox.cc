#include "export/outbox.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "base/crc32c.h"
#include "base/failpoint.h"
#include "journal/durable_file.h"

namespace sightglass::exporting {
namespace {

constexpr std::string_view kMagic = "sgex2", kOldMagic = "sgex1";  // that one without a cut
constexpr Nanos kDay = 86'400 * kSecond;
constexpr Nanos kSaveEvery = kSecond;
constexpr Nanos kSaveIdleEvery = 30 * kSecond;  // while there is nothing to send
constexpr unsigned kInvalidTries = 5;           // before the points are sent one by one
constexpr std::size_t kMostIsolated = 8;        // if none is taken, it is not the points' fault

}  // namespace

Outbox::Outbox(OutboxOptions options, std::unique_ptr<Destination> to,
               const journal::Journal& journal, FileSystem& fs, const Clock& clock, Random& random,
               Telemetry& telemetry, Log& log)
    : options_(std::move(options)),
      to_(std::move(to)),
      journal_(journal),
      fs_(fs),
      clock_(clock),
      log_(log),
      delivery_(options_.engine, options_.sentence, options_.backoff, clock, random, telemetry,
                log),
      most_points_(options_.batch_points) {}

Outbox::~Outbox() = default;

Result<std::unique_ptr<Outbox>> Outbox::open(OutboxOptions options, std::unique_ptr<Destination> to,
                                             const journal::Journal& journal, FileSystem& fs,
                                             const Clock& clock, Random& random,
                                             Telemetry& telemetry, Log& log) {
  std::unique_ptr<Outbox> outbox(
      new Outbox(std::move(options), std::move(to), journal, fs, clock, random, telemetry, log));
  SG_TRY(outbox->read_cursor());
  return outbox;
}

// ---- the cursor ---------------------------------------------------------------------------------

// Without one that can be read everything that the journal has is sent: points that were sent
// before are the same again.
Status Outbox::read_cursor() {
  SG_TRY(journal::make_durable_folder(fs_, options_.directory));
  const auto path = options_.directory + "/" + options_.engine;
  bool known = false;
  const auto text = read_file(fs_, path, 4096);
  if (text && (text->starts_with(kMagic) || text->starts_with(kOldMagic))) {
    ByteReader in(Bytes(*text).substr(kMagic.size()));
    const auto position = in.u64();
    const auto gap_records = in.u64();
    const auto cut = text->starts_with(kMagic) ? in.u64() : 0;
    const auto sum = in.u32();
    if (in.ok() && in.empty() && sum == crc32c(Bytes(*text).substr(0, text->size() - 4))) {
      known = true;
      saved_ = position;
      cut_position_ = cut;
      resumed_cut_ = options_.exact && cut > position ? cut : 0;
      delivery_.recall_gap(gap_records);
    }
  }
  if (!known) {
    if (fs_.exists(path)) {
      log_.error("export",
                 "the cursor " + path + " cannot be read; what the journal has is sent once more");
    }
    const auto segments = journal_.segments();
    saved_ = segments.empty() || segments.front().first == 0 ? 0 : segments.front().first - 1;
  }
  seen_ = saved_;
  confirmed_.store(saved_);
  saved_at_ns_ = clock_.monotonic_ns();
  return {};
}

Status Outbox::write_cursor() {
  const auto position = confirmed_.load();
  std::string text(kMagic);
  ByteWriter out(text);
  out.u64(position);
  out.u64(delivery_.gap_records());
  out.u64(cut_position_);
  out.u32(crc32c(text));
  SG_TRY(replace_file(fs_, options_.directory + "/" + options_.engine, text));
  saved_ = position;
  return {};
}

void Outbox::save_cursor(Nanos every_ns) {
  const auto now = clock_.monotonic_ns();
  if (saved_ == confirmed_.load() || now - saved_at_ns_ < every_ns) return;
  saved_at_ns_ = now;
  sent_since_save_ = false;
  const auto status = write_cursor();
  if (!status && !cursor_failed_) {
    log_.error("export", "the cursor of " + options_.engine + " cannot be written (" +
                             status.error().message +
                             "); the journal keeps what it needs and it is tried again");
  }
  cursor_failed_ = !status;
}

// ---- batches ------------------------------------------------------------------------------------

// A batch of before this start ends where it did then.
bool Outbox::full() const {
  if (resumed_cut_ != 0) return seen_ >= resumed_cut_;
  return to_->count() >= options_.batch_points || to_->bytes() >= options_.batch_bytes;
}

// The end that was noted is no longer in the journal, or another day has begun.
bool Outbox::must_end_before(journal::Position position) const {
  if (!options_.exact || to_->count() == 0) return false;
  return (resumed_cut_ != 0 && position > resumed_cut_) ||
         to_->mark(to_->count() - 1).accept_ns / kDay != accept_ns_ / kDay;
}

// Records between what was seen and `first` were cut away, or skipped because this fold lagged.
void Outbox::note_hole(journal::Position first) {
  if (first <= seen_ + 1) return;
  delivery_.gap(first - 1 - seen_, Delivery::Gap::kSkipped);
  holes_.push_back({seen_ + 1, first - 1});
}

void Outbox::apply(const journal::Reader::Batch& batch) {
  if (closed_) return;
  to_->use(batch.catalogue);
  note_hole(batch.header.first);
  accept_ns_ = batch.header.accept_ns;
  for (const auto& record : batch.records) {
    if (record.position <= seen_) continue;
    if (must_end_before(record.position)) deliver();
    if (closed_) return;
    seen_ = record.position;
    if (record.kind != journal::RecordKind::kEvent) continue;
    if (to_->count() == 0) batch_began_ns_ = clock_.monotonic_ns();
    to_->append(record.payload, record.position, accept_ns_);
    if (to_->count() > 0 && full()) deliver();
    if (closed_) return;
  }
  seen_ = std::max(seen_, batch.header.first + batch.header.count - 1);
  if (to_->count() == 0) confirm();
}

void Outbox::idle(Nanos accept_ns) {
  (void)accept_ns;
  const bool old = clock_.monotonic_ns() - batch_began_ns_ >= options_.batch_age_ns;
  const bool whole = resumed_cut_ == 0;
  if (to_->count() > 0 && !closed_ && whole && (old || closing_.load())) {
    // What fails is tried again at a later call; meanwhile the batch grows.
    while (delivery_.due() && !attempt() && delivery_.due()) {
    }
  }
  save_cursor(sent_since_save_ ? kSaveEvery : kSaveIdleEvery);
}

// Until the batch is taken or given up, or the server stops.
void Outbox::deliver() {
  while (!closed_) {
    if (delivery_.due() && attempt()) return save_cursor(kSaveEvery);
    if (closing_.load() && !delivery_.due()) {
      closed_ = true;
    } else if (!delivery_.due() && lags_too_far()) {
      return give_up();
    } else {
      wait(delivery_.wait_ns());
    }
  }
}

void Outbox::cut_parts() {
  resumed_cut_ = 0;
  if (options_.exact) {
    parts_.push_back({cut_, to_->count()});
    cut_ = to_->count();
    return;
  }
  for (auto last = to_->count(); last > cut_;) {
    const auto first = last - cut_ > most_points_ ? last - most_points_ : cut_;
    parts_.push_back({first, last});
    last = first;
  }
  cut_ = to_->count();
}

// Nothing is sent before its end is on disk.
bool Outbox::note_cut() {
  const auto cut = to_->mark(parts_.back().last - 1).position;
  if (!options_.exact || cut == cut_position_) return true;
  const auto before = std::exchange(cut_position_, cut);
  if (write_cursor()) {
    saved_at_ns_ = clock_.monotonic_ns();
    return true;
  }
  cut_position_ = before;
  delivery_.failed(0, {.kind = Verdict::Kind::kRetry, .reason = Reason::kNotNoted});
  return false;
}

// One request; true when the whole batch is done.
bool Outbox::attempt() {
  if (parts_.empty()) cut_parts();
  if (!note_cut()) return false;
  SG_FAILPOINT("export.cut");
  const auto part = parts_.back();
  const auto verdict = to_->send(part.first, part.last);
  switch (verdict.kind) {
    case Verdict::Kind::kTaken:
      SG_FAILPOINT("export.taken");
      parts_.pop_back();
      confirmed_.store(to_->mark(part.last - 1).position);
      delivery_.taken(part.last - part.first, verdict);
      invalid_tries_ = 0;
      isolated_ = 0;
      sent_since_save_ = true;
      break;
    case Verdict::Kind::kSplit:
      delivery_.failed(part.last - part.first, verdict);
      most_points_ = std::max<std::size_t>(1, (part.last - part.first) / 2);
      halve(part);
      if (part.last - part.first == 1) delivery_.dropped(1, verdict.reason);
      break;
    case Verdict::Kind::kInvalid:
      refused(part, verdict);
      break;
    case Verdict::Kind::kRetry:
      delivery_.failed(part.last - part.first, verdict);
      break;
  }
  if (!parts_.empty() || cut_ < to_->count()) return false;
  confirm();
  return true;
}

// A single point goes.
void Outbox::halve(Part part) {
  parts_.pop_back();
  if (part.last - part.first == 1) return;
  const auto middle = part.first + (part.last - part.first) / 2;
  parts_.push_back({middle, part.last});
  parts_.push_back({part.first, middle});
}

// It may be somebody between us and the engine who refuses everything: so a batch is sent again a
// few times first, and points are dropped one by one only as long as others are taken.
void Outbox::refused(Part part, const Verdict& verdict) {
  delivery_.failed(part.last - part.first, verdict);
  if (isolated_ >= kMostIsolated || ++invalid_tries_ < kInvalidTries) return;
  if (part.last - part.first == 1) {
    ++isolated_;
    delivery_.dropped(1, verdict.reason);
  }
  halve(part);
}

void Outbox::confirm() {
  to_->clear();
  parts_.clear();
  cut_ = 0;
  holes_.clear();
  confirmed_accept_ns_.store(accept_ns_);
  confirmed_.store(seen_);
}

// ---- falling behind -----------------------------------------------------------------------------

bool Outbox::lags_too_far() const {
  std::uint64_t bytes = 0;
  for (const auto& segment : journal_.segments()) {
    if (segment.first > confirmed_.load()) bytes += segment.size_bytes;
  }
  return bytes > options_.max_lag_bytes;
}

void Outbox::give_up() {
  const auto confirmed = confirmed_.load();
  auto lost = seen_ - confirmed;
  for (const auto& hole : holes_) {  // these are counted already
    if (hole.first > confirmed) lost -= hole.last - hole.first + 1;
  }
  delivery_.gap(lost, Delivery::Gap::kLag);
  confirm();
}

Outbox::Lag Outbox::lag() const {
  const auto confirmed = confirmed_.load();
  const auto committed = journal_.committed();
  const auto accepted = confirmed_accept_ns_.load();
  if (committed <= confirmed) return {};
  Lag lag{committed - confirmed, 0};
  if (accepted > 0) {
    lag.seconds = static_cast<double>(std::max<Nanos>(clock_.wall_ns() - accepted, 0)) / 1e9;
  }
  return lag;
}

// ---- the end ------------------------------------------------------------------------------------

void Outbox::wait(Nanos for_ns) {
  constexpr Nanos kLook = 200 * kMillisecond;  // at the lag, too
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::nanoseconds(std::clamp<Nanos>(for_ns, kMillisecond, kLook)),
                 [this] { return closing_.load(); });
}

void Outbox::begin_close(Nanos within_ns) {
  to_->stop_by(clock_.monotonic_ns() + within_ns);
  const std::scoped_lock lock(mutex_);
  closing_.store(true);
  wake_.notify_all();
}

void Outbox::finish() {
  closing_.store(true);
  if (to_->count() > 0 && !closed_ && resumed_cut_ == 0) deliver();
  closed_ = true;
  save_cursor(0);
}

}  // namespace sightglass::exporting
