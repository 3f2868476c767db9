// Folds on a thread of their own: load, follow, snapshot, let the journal be cut.
#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <deque>
#include <limits>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "journal/durable_file.h"
#include "journal/fold.h"
#include "journal/format.h"
#include "journal/snapshot.h"

namespace sightglass::journal {
namespace {

constexpr std::string_view kLogger = "journal";
constexpr Nanos kIdleEvery = 50 * kMillisecond;
constexpr Nanos kRetryEvery = kSecond;
constexpr std::size_t kBarriersKept = 64;

// One fold, where it stands, and its files.
struct Runner {
  Fold* fold = nullptr;
  SnapshotFiles files;
  Position position = 0;  // folded
  Counter* snapshots = nullptr;
  Counter* snapshot_failures = nullptr;
  Counter* unreadable = nullptr;
  Counter* skipped = nullptr;

  // Where it could go on from after a crash now.
  Position durable() const {
    if (const auto own = fold->durable_position()) return *own;
    return files.older_position();
  }
};

class FoldRunnerImpl final : public FoldRunner {
 public:
  FoldRunnerImpl(RunnerOptions options, Options journal_options, Journal& journal, FileSystem& fs,
                 const Clock& clock, Telemetry& telemetry, Log& log,
                 const std::vector<Fold*>& folds)
      : options_(std::move(options)),
        journal_options_(std::move(journal_options)),
        journal_(journal),
        fs_(fs),
        clock_(clock),
        log_(log),
        errors_(telemetry.counter("sightglass_fold_errors_total",
                                  "Times a fold could not read on in the journal.")),
        hold_(journal.hold(options_.required ? Need::kRequired : Need::kOptional)) {
    options_.snapshot_every_bytes =
        std::clamp<std::uint64_t>(journal.max_bytes() / 8, 1, options_.snapshot_every_bytes);
    for (auto* fold : folds) add(*fold, telemetry);
  }

  ~FoldRunnerImpl() override { (void)stop(kNoLimit); }

  Status load() override;
  void start() override {
    thread_ = std::thread([this] { follow(); });
    // The first fold's name: "sg-fold-meter".
    const auto name = "sg-fold-" + std::string(runners_.front().fold->name());
    pthread_setname_np(thread_.native_handle(), name.substr(0, 15).c_str());
  }
  Status stop(Nanos within_ns) override;
  Position position() const override { return position_.load(std::memory_order_acquire); }
  Position durable() const override { return durable_.load(std::memory_order_acquire); }
  Position wait_position(Position at_least, Nanos timeout_ns) override;
  std::optional<Totals> barrier_totals(std::string_view fold, std::uint64_t id) const override;
  std::optional<Account> barrier_account(std::string_view fold, std::uint64_t id) const override;
  Status forget(const Forget& forget) override;
  void snapshot_soon() override { snapshot_wanted_.store(true, std::memory_order_release); }

 private:
  void add(Fold& fold, Telemetry& telemetry);
  Status load_fold(Runner& runner);
  Status load_snapshot(Runner& runner);
  Status start_afresh(Runner& runner);
  Status open_reader_at(Position after);
  Result<bool> step();  // folds one batch
  void apply(Runner& runner, const Reader::Batch& batch);
  void apply_part(Runner& runner, const Reader::Batch& batch);
  void publish_barriers(const Reader::Batch& batch);
  void publish_position();
  void follow();
  void keep_up();
  void release();
  void pause_if_closed();
  void rest(Nanos for_ns);
  void wait_after_error(const Error& error);
  void serve_forget();
  void snapshot_if_due();
  Status snapshot_all();

  RunnerOptions options_;
  const Options journal_options_;
  Journal& journal_;
  FileSystem& fs_;
  const Clock& clock_;
  Log& log_;
  Counter& errors_;
  std::unique_ptr<Hold> hold_;
  std::vector<Runner> runners_;

  std::unique_ptr<Reader> reader_;
  Reader::Batch batch_;
  std::uint64_t folded_bytes_ = 0;   // since the last snapshots
  std::uint64_t counted_skips_ = 0;  // of reader_->skipped()
  Position moved_ahead_to_ = 0;
  Nanos accept_ns_ = 0;
  std::string state_;  // reused

  std::thread thread_;
  std::atomic<bool> stopping_{false};
  bool stopped_ = false;
  bool loaded_ = false;
  std::atomic<bool> snapshot_wanted_{false};
  const Forget* forget_ = nullptr;  // asked for, under mutex_; null again once it is answered
  Status forgotten_;
  std::atomic<bool> forget_wanted_{false};
  std::atomic<Position> position_{0};
  std::atomic<Position> durable_{0};
  mutable std::mutex mutex_;
  std::condition_variable moved_;
  struct Published {
    Totals totals;
    Account account;
  };
  struct Barrier {
    std::uint64_t id = 0;
    std::map<std::string, Published, std::less<>> folds;
  };
  const Published* published(std::string_view fold, std::uint64_t id) const;  // under mutex_
  std::deque<Barrier> barriers_;
};

void FoldRunnerImpl::add(Fold& fold, Telemetry& telemetry) {
  const std::string name(fold.name());
  const Labels labels = {{"fold", name}};
  runners_.push_back(
      {&fold, SnapshotFiles(fs_, options_.snapshot_directory, name), 0,
       &telemetry.counter("sightglass_snapshots_total", "Snapshots written.", labels),
       &telemetry.counter("sightglass_snapshot_failures_total",
                          "Snapshots that could not be written.", labels),
       &telemetry.counter("sightglass_snapshots_unreadable_total",
                          "Snapshot generations that could not be read at start.", labels),
       &telemetry.counter("sightglass_fold_skipped_records_total",
                          "Records a fold did not see: lost to damage, cut away, or skipped "
                          "because an optional fold lagged too far.",
                          labels)});
}

// ---- load ---------------------------------------------------------------------------------------

Status FoldRunnerImpl::start_afresh(Runner& runner) {
  SG_TRY(runner.files.remove_all());
  const auto segments = journal_.segments();
  runner.position =
      segments.empty() || segments.front().first == 0 ? 0 : segments.front().first - 1;
  return {};
}

// Newest first; a generation that the fold itself refuses is as unreadable as a torn one.
Status FoldRunnerImpl::load_snapshot(Runner& runner) {
  const std::string name(runner.fold->name());
  SG_TRY(runner.files.look());
  const auto present = runner.files.present();
  while (runner.files.intact() > 0) {
    if (const auto snapshot = runner.files.read_newest();
        snapshot && runner.fold->load(snapshot->state)) {
      runner.position = snapshot->position;
      break;
    }
    runner.files.discard_newest();
  }
  const auto intact = runner.files.intact();
  for (int i = intact; i < present; ++i) {
    runner.unreadable->add();
    log_.error(kLogger, "a snapshot of the fold '" + name + "' cannot be read" +
                            (intact > 0 ? "; going on from the other generation" : ""));
  }
  if (intact > 0) return {};
  const auto segments = journal_.segments();
  const bool begins_at_first = segments.empty() || segments.front().first <= 1;
  if (begins_at_first) {
    // Snapshots save time only: the journal still holds every record.
    if (present == 0) return {};
    log_.warn(kLogger, "the fold '" + name + "' is folded again from the journal's first record");
    return start_afresh(runner);
  }
  if (present == 0 && options_.is_new && options_.is_new(name)) {
    log_.warn(kLogger,
              "the fold '" + name +
                  "' is new to this data folder and begins at the journal's first record, " +
                  std::to_string(segments.front().first));
    runner.skipped->add(segments.front().first - 1);
    return start_afresh(runner);
  }
  if (options_.lost_snapshot == LostSnapshot::kStartAfresh) {
    log_.warn(kLogger, "the fold '" + name + "' starts afresh at the journal's first record");
    return start_afresh(runner);
  }
  return fail(Code::kCorrupt,
              "no snapshot of the fold '" + name + "' in " + options_.snapshot_directory +
                  " can be read, and the journal behind it is cut, so its counts are not known. "
                  "Restore the folder from a backup, or start with --reset-counters to begin at 0 "
                  "with a new start time; the stored rows stay");
}

Status FoldRunnerImpl::load_fold(Runner& runner) {
  if (const auto own = runner.fold->durable_position()) {
    runner.position = *own;
  } else {
    SG_TRY(load_snapshot(runner));
  }
  if (runner.position > journal_.committed()) {
    log_.error(kLogger, "the fold '" + std::string(runner.fold->name()) + "' stands at record " +
                            std::to_string(runner.position) + ", the journal ends at " +
                            std::to_string(journal_.committed()) +
                            ": it lost its end; going on behind the fold");
    SG_TRY(journal_.advance_to(runner.position));
  }
  return {};
}

Status FoldRunnerImpl::open_reader_at(Position after) {
  auto reader = open_reader(journal_options_, fs_, &journal_, after);
  if (!reader && reader.error().code == Code::kNotFound) {
    // What lies between was cut or lost. Everything counted stays; the hole is counted, too.
    const auto first = journal_.segments().front().first;
    for (auto& runner : runners_) {
      if (runner.position + 1 >= first) continue;
      runner.skipped->add(first - 1 - runner.position);
      log_.error(kLogger, "the journal begins at record " + std::to_string(first) + ", the fold '" +
                              std::string(runner.fold->name()) + "' stands at " +
                              std::to_string(runner.position));
      runner.position = first - 1;
    }
    reader = open_reader(journal_options_, fs_, &journal_, first - 1);
  }
  if (!reader) return std::unexpected(std::move(reader).error());
  reader_ = std::move(*reader);
  counted_skips_ = 0;
  return {};
}

Status FoldRunnerImpl::load() {
  SG_TRY(make_durable_folder(fs_, options_.snapshot_directory));
  for (auto& runner : runners_) SG_TRY(load_fold(runner));
  Position least = std::numeric_limits<Position>::max();
  for (const auto& runner : runners_) least = std::min(least, runner.position);
  if (runners_.empty()) least = journal_.committed();
  SG_TRY(open_reader_at(least));
  loaded_ = true;
  publish_position();
  const auto upto = journal_.committed();
  while (reader_->position() < upto) {
    SG_ASSIGN(const bool more, step());
    if (!more) break;
  }
  publish_position();
  return {};
}

// ---- folding ------------------------------------------------------------------------------------

Result<bool> FoldRunnerImpl::step() {
  SG_ASSIGN(const bool more, reader_->next(batch_));
  if (!more) return false;
  if (const auto skips = reader_->skipped(); skips > counted_skips_) {
    for (auto& runner : runners_) {
      if (runner.position < batch_.header.first) runner.skipped->add(skips - counted_skips_);
    }
    counted_skips_ = skips;
    log_.error(kLogger, "records before " + std::to_string(batch_.header.first) +
                            " are lost; the folds go on behind them");
  }
  for (auto& runner : runners_) apply(runner, batch_);
  publish_barriers(batch_);
  accept_ns_ = batch_.header.accept_ns;
  for (auto& runner : runners_) runner.fold->idle(accept_ns_);
  folded_bytes_ += kBatchHeaderBytes + batch_.bytes.size();
  publish_position();
  snapshot_if_due();
  return true;
}

void FoldRunnerImpl::apply(Runner& runner, const Reader::Batch& batch) {
  const auto last = batch.header.first + batch.header.count - 1;
  if (last <= runner.position) return;
  if (batch.header.first > runner.position) {
    runner.fold->apply(batch);
  } else {
    apply_part(runner, batch);
  }
  runner.position = last;
}

// A fold with durable state of its own may stand in the middle of a batch.
void FoldRunnerImpl::apply_part(Runner& runner, const Reader::Batch& batch) {
  const auto known = runner.position + 1 - batch.header.first;
  Reader::Batch rest;
  rest.header = batch.header;
  rest.header.first += known;
  rest.header.count -= static_cast<std::uint32_t>(known);
  rest.catalogue = batch.catalogue;
  rest.records.assign(batch.records.begin() + static_cast<std::ptrdiff_t>(known),
                      batch.records.end());
  runner.fold->apply(rest);
}

// A barrier is the last record of its batch, so every fold has just passed it.
void FoldRunnerImpl::publish_barriers(const Reader::Batch& batch) {
  if (batch.records.empty() || batch.records.back().kind != RecordKind::kBarrier) return;
  const auto id = decode_barrier(batch.records.back().payload);
  if (!id) return;
  Barrier barrier{*id, {}};
  for (auto& runner : runners_) {
    // A fold that was loaded past it cannot say any more what it counted then.
    if (runner.position != batch.records.back().position) continue;
    barrier.folds.emplace(runner.fold->name(),
                          Published{runner.fold->totals(), runner.fold->account()});
  }
  const std::scoped_lock lock(mutex_);
  barriers_.push_back(std::move(barrier));
  if (barriers_.size() > kBarriersKept) barriers_.pop_front();
}

void FoldRunnerImpl::publish_position() {
  Position least = std::numeric_limits<Position>::max();
  for (const auto& runner : runners_) least = std::min(least, runner.durable());
  if (runners_.empty()) least = reader_->position();
  durable_.store(least, std::memory_order_release);
  const std::scoped_lock lock(mutex_);
  position_.store(reader_->position(), std::memory_order_release);
  moved_.notify_all();
}

const FoldRunnerImpl::Published* FoldRunnerImpl::published(std::string_view fold,
                                                           std::uint64_t id) const {
  for (auto it = barriers_.rbegin(); it != barriers_.rend(); ++it) {
    if (it->id != id) continue;
    const auto found = it->folds.find(fold);
    if (found != it->folds.end()) return &found->second;
  }
  return nullptr;
}

std::optional<Totals> FoldRunnerImpl::barrier_totals(std::string_view fold,
                                                     std::uint64_t id) const {
  const std::scoped_lock lock(mutex_);
  const auto* const found = published(fold, id);
  return found == nullptr ? std::nullopt : std::optional(found->totals);
}

std::optional<Account> FoldRunnerImpl::barrier_account(std::string_view fold,
                                                       std::uint64_t id) const {
  const std::scoped_lock lock(mutex_);
  const auto* const found = published(fold, id);
  return found == nullptr ? std::nullopt : std::optional(found->account);
}

Position FoldRunnerImpl::wait_position(Position at_least, Nanos timeout_ns) {
  std::unique_lock lock(mutex_);
  moved_.wait_for(lock, std::chrono::nanoseconds(timeout_ns),
                  [&] { return position() >= at_least || stopping_.load(); });
  return position();
}

// ---- snapshots ----------------------------------------------------------------------------------

void FoldRunnerImpl::snapshot_if_due() {
  const bool wanted = snapshot_wanted_.exchange(false, std::memory_order_acq_rel);
  if (folded_bytes_ < options_.snapshot_every_bytes && !wanted) return;
  if (auto written = snapshot_all(); !written) {
    log_.error(kLogger, "a snapshot could not be written (" + written.error().message +
                            "); the journal keeps what it needs and it is tried again");
    // Not at once: a full disk would be written to after every batch.
    folded_bytes_ -= std::max<std::uint64_t>(options_.snapshot_every_bytes / 16, 1);
  }
}

// The first error, after every fold was tried.
Status FoldRunnerImpl::snapshot_all() {
  Status first;
  for (auto& runner : runners_) {
    if (runner.fold->durable_position() || runner.files.newest_position() == runner.position) {
      continue;
    }
    state_.clear();
    runner.fold->save(state_);
    auto written = runner.files.write(runner.position, state_);
    (written ? runner.snapshots : runner.snapshot_failures)->add();
    if (!written && first) first = std::move(written);
  }
  if (first) folded_bytes_ = 0;
  publish_position();
  return first;
}

// ---- forgetting ---------------------------------------------------------------------------------

Status FoldRunnerImpl::forget(const Forget& forget) {
  std::unique_lock lock(mutex_);
  moved_.wait(lock, [&] { return forget_ == nullptr || stopping_.load(); });  // one at a time
  if (stopping_.load()) return fail(Code::kUnavailable, "the server is stopping");
  forget_ = &forget;
  forget_wanted_.store(true, std::memory_order_release);
  moved_.wait(lock, [&] { return forget_ != &forget || stopping_.load(); });
  if (forget_ == &forget) {
    forget_ = nullptr;
    return fail(Code::kUnavailable, "the server is stopping");
  }
  return forgotten_;
}

// The asker holds what is asked for until it is answered, or until it sees the stop: then the lock
// tells which came first.
void FoldRunnerImpl::serve_forget() {
  if (!forget_wanted_.exchange(false, std::memory_order_acq_rel)) return;
  Forget asked;
  {
    const std::scoped_lock lock(mutex_);
    if (forget_ == nullptr) return;
    asked = *forget_;
  }
  Status first;
  for (auto& runner : runners_) {
    if (auto status = runner.fold->forget(asked); !status && first) first = std::move(status);
  }
  const std::scoped_lock lock(mutex_);
  if (forget_ == nullptr) return;
  forgotten_ = std::move(first);
  forget_ = nullptr;
  moved_.notify_all();
}

// ---- following ----------------------------------------------------------------------------------

void FoldRunnerImpl::follow() {
  bool flowing = false;
  while (!stopping_.load(std::memory_order_acquire)) {
    if (!options_.required) keep_up();
    serve_forget();
    const auto more = step();
    release();
    if (!more) {
      wait_after_error(more.error());
    } else if (*more) {
      flowing = true;
    } else if (std::exchange(flowing, false) && options_.gather_ns > 0) {
      rest(options_.gather_ns);
    } else {
      journal_.wait_committed(reader_->position(), kIdleEvery);
      if (reader_->position() < journal_.committed()) continue;
      for (auto& runner : runners_) runner.fold->idle(accept_ns_);
      publish_position();
      release();
      pause_if_closed();
    }
  }
}

// What was skipped is not needed, though no snapshot reaches past it yet.
void FoldRunnerImpl::release() { hold_->release_up_to(std::max(durable(), moved_ahead_to_)); }

// A closed journal does not make wait_committed wait.
void FoldRunnerImpl::pause_if_closed() {
  if (!journal_.writable()) rest(kIdleEvery / 5);
}

// Until the time is over or the runner stops.
void FoldRunnerImpl::rest(Nanos for_ns) {
  std::unique_lock lock(mutex_);
  moved_.wait_for(lock, std::chrono::nanoseconds(for_ns), [&] { return stopping_.load(); });
}

// Moves an optional fold that lags too far to the oldest segment within half its allowance.
void FoldRunnerImpl::keep_up() {
  const auto segments = journal_.segments();
  std::uint64_t lag_bytes = 0;
  Position target = 0;
  for (auto it = segments.rbegin(); it != segments.rend() && it->first > reader_->position();
       ++it) {
    lag_bytes += it->size_bytes;
    if (lag_bytes <= options_.max_lag_bytes / 2 || target == 0) target = it->first - 1;
  }
  if (lag_bytes <= options_.max_lag_bytes || target <= reader_->position()) return;
  log_.warn(kLogger,
            "an optional fold lags too far and is moved ahead to record " + std::to_string(target));
  for (auto& runner : runners_) {
    if (runner.position >= target) continue;
    runner.skipped->add(target - runner.position);
    runner.position = target;
  }
  moved_ahead_to_ = target;
  (void)open_reader_at(target);
  publish_position();
}

void FoldRunnerImpl::wait_after_error(const Error& error) {
  errors_.add();
  log_.error(kLogger, "folding waits: " + error.message);
  rest(kRetryEvery);
}

Status FoldRunnerImpl::stop(Nanos within_ns) {
  if (stopped_) return {};
  stopped_ = true;
  {
    const std::scoped_lock lock(mutex_);
    stopping_.store(true, std::memory_order_release);
    moved_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  if (!loaded_) return {};
  const auto began = clock_.monotonic_ns();
  while (clock_.monotonic_ns() - began < within_ns) {
    SG_ASSIGN(const bool more, step());
    if (!more) break;
  }
  return snapshot_all();
}

}  // namespace

std::unique_ptr<FoldRunner> FoldRunner::make(RunnerOptions options, Options journal_options,
                                             Journal& journal, FileSystem& fs, const Clock& clock,
                                             Telemetry& telemetry, Log& log,
                                             std::vector<Fold*> folds) {
  return std::make_unique<FoldRunnerImpl>(std::move(options), std::move(journal_options), journal,
                                          fs, clock, telemetry, log, folds);
}

}  // namespace sightglass::journal
