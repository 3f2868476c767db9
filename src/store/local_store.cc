#include "store/local_store.h"

#include <pthread.h>

#include <algorithm>
#include <chrono>
#include <limits>

#include "event/sampling.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

// How often a waiting thread looks at the clock, which may be a test's.
constexpr auto kLook = std::chrono::milliseconds(50);
constexpr Nanos kFirstRetryNs = kSecond, kLastRetryNs = 30 * kSecond;
constexpr Nanos kHousekeepingNs = 60 * kSecond;
// Without rows the manifest is written this many seal ages apart, for the journal to be cut.
constexpr Nanos kEmptySealAges = 10;
// The share of the engine's memory that one tail's text may take.
constexpr std::uint64_t kTextShare = 8;
// And its tables' cells: rows of many types have hundreds of columns, most of them empty.
constexpr std::uint64_t kTableShare = 4;
// A merged file has the rows of so many seals at most.
constexpr std::uint64_t kMergedSeals = 64;
// Past so many files merging no longer gives way to sealing: queries have to open them all.
constexpr std::size_t kCrowded = 256;

}  // namespace

Result<std::unique_ptr<Store>> Store::open(Options options, FileSystem& fs, const Clock& clock,
                                           Telemetry& telemetry, Log& log) {
  return LocalStore::open(std::move(options), fs, clock, telemetry, log);
}

Result<std::unique_ptr<LocalStore>> LocalStore::open(Options options, FileSystem& fs,
                                                     const Clock& clock, Telemetry& telemetry,
                                                     Log& log) {
  if (options.directory.find_first_of("*?[]{}") != std::string::npos) {
    // The engine would take such a path for a pattern.
    return fail(Code::kInvalid, "the store's folder may not have any of *?[]{} in its path");
  }
  std::unique_ptr<LocalStore> store(new LocalStore(std::move(options), fs, clock, telemetry, log));
  SG_TRY(store->start(fs));
  return store;
}

LocalStore::LocalStore(Options options, FileSystem&, const Clock& clock, Telemetry& telemetry,
                       Log& log)
    : options_(std::move(options)),
      clock_(clock),
      telemetry_(telemetry),
      log_(log),
      sealed_rows_(telemetry.counter("sightglass_store_sealed_rows_total",
                                     "Rows written to history files.")),
      seals_(telemetry.counter("sightglass_store_seals_total", "Attempts to seal by result.",
                               {{"result", "done"}})),
      failed_seals_(telemetry.counter("sightglass_store_seals_total", "Attempts to seal by result.",
                                      {{"result", "failed"}})),
      stalls_(telemetry.counter("sightglass_store_stalls_total",
                                "Times that rows had to wait in the journal for a seal.")),
      malformed_(telemetry.counter("sightglass_store_malformed_records_total",
                                   "Event records that could not be read and made no row.")),
      sampled_(telemetry.counter("sightglass_store_rows_dropped_total",
                                 "Events of row types that made no row, by reason.",
                                 {{"reason", "sampled"}})) {}

Status LocalStore::start(FileSystem& fs) {
  SG_ASSIGN(database_,
            duck::Database::open({.memory_limit_bytes = options_.memory_limit_bytes,
                                  .temporary_directory = options_.directory + "/tmp/engine"}));
  SG_ASSIGN(auto writing, database_->connect());
  writer_ = std::make_unique<ParquetWriter>(std::move(writing));
  SG_ASSIGN(history_, History::open(options_.directory, fs, *writer_, telemetry_, log_));
  CompactionLimits limits;
  limits.seal_rows = options_.seal_rows;
  limits.file_rows = kMergedSeals * options_.seal_rows;
  upkeep_ = std::make_unique<Upkeep>(options_.retention, limits, *history_, *writer_);
  id_indexes_ = std::make_unique<IdIndexes>(options_.directory, fs, *history_, *writer_);
  rebuild_ = std::make_unique<Rebuild>(Rebuild::Parts{*database_, *history_, options_.gateway,
                                                      options_.seal_rows, options_.read_journal});
  for (const auto& column : history_->manifest().columns) {
    const auto id = schema_.add(column.name, column.type);
    if (id != kNoColumn && column.in_use) schema_.use(id);
  }
  applied_ = history_->manifest().covered;
  filling_ = new_tail();
  SG_ASSIGN(auto totals, database_->connect());
  totals_connection_ = std::make_unique<duck::Connection>(std::move(totals));
  SG_ASSIGN(auto querying, database_->connect());
  queries_ = std::make_unique<LocalQueries>(
      options_, options_.directory, fs, std::move(querying), clock_, telemetry_,
      [this] { return look(); },
      [this] {
        Lock lock(mutex_);
        suspect_ = true;
        work_.notify_all();
      });
  publish();
  seal_thread_ = std::thread([this] { seal_loop(); });
  house_thread_ = std::thread([this] { house_loop(); });
  return {};
}

LocalStore::~LocalStore() {
  close();
  queries_.reset();  // may hold a version's tails
  filling_.reset();
  sealing_.reset();
}

void LocalStore::close() {
  {
    Lock lock(mutex_);
    closing_ = giving_up_ = detached_ = true;
    if (tending_) writer_->interrupt();
    work_.notify_all();
    tried_.notify_all();
  }
  for (auto* const thread : {&seal_thread_, &house_thread_}) {
    if (thread->joinable()) thread->join();
  }
  if (queries_ != nullptr) queries_->close();
}

void LocalStore::stop_waiting() {
  Lock lock(mutex_);
  giving_up_ = true;
  tried_.notify_all();
}

std::shared_ptr<Tail> LocalStore::new_tail() {
  const auto expected = filling_ == nullptr ? std::vector<ColumnId>() : filling_->used_columns();
  return std::make_shared<Tail>(*database_, schema_, options_.gateway, next_tail_++, expected);
}

// ---- the runner's thread ------------------------------------------------------------------------

const Layout& LocalStore::layout_of(const std::shared_ptr<const event::Catalogue>& catalogue) {
  if (layout_ == nullptr || &layout_->catalogue() != catalogue.get()) {
    layout_ = std::make_unique<Layout>(catalogue, schema_);
  }
  return *layout_;
}

void LocalStore::apply(const journal::Reader::Batch& batch) {
  Lock lock(mutex_);
  const auto& layout = layout_of(batch.catalogue);
  accept_ns_ = std::max(accept_ns_, batch.header.accept_ns);
  for (const auto& record : batch.records) {
    if (detached_) return;
    if (record.position <= applied_) continue;
    if (record.kind == journal::RecordKind::kEvent &&
        !apply_event(lock, record, batch.header.accept_ns, layout)) {
      detached_ = true;
      return;
    }
    if (uncovered_since_ns_ == 0) uncovered_since_ns_ = batch.header.accept_ns;
    applied_ = record.position;
  }
  count_dropped();
  if (sealing_ == nullptr && tail_is_full()) (void)rotate();  // else with the next row
}

// False: the row could not be taken, and none may be any more.
bool LocalStore::apply_event(Lock& lock, const journal::Record& record, Nanos accept_ns,
                             const Layout& layout) {
  if (!event::decode(record.payload, event_)) {
    malformed_.add();
    return true;
  }
  const auto* const type = layout.row_type(event_);
  if (type == nullptr) return true;
  if (type->sample > 1) {
    if (!event::is_kept(*type, record.position)) {
      sampled_.add();
      return true;
    }
    event_.fields.push_back({layout.sampling_field(), event::Value::integer(type->sample)});
  }
  for (;;) {
    if (!make_room(lock)) return false;
    const auto appended = filling_->append({record.position, accept_ns}, layout, event_, dropped_);
    refused_ = !appended.has_value();
    if (appended) return true;
    // Only the engine's memory can be short here, and a row goes before a query.
    stalls_.add();
    queries_->interrupt();
    if (giving_up_) return false;
    tried_.wait_for(lock, kLook);
  }
}

bool LocalStore::tail_is_full() const {
  return filling_->rows() >= options_.seal_rows ||
         filling_->text_bytes() >= options_.memory_limit_bytes / kTextShare ||
         filling_->table_bytes() >= options_.memory_limit_bytes / kTableShare;
}

// Waits while both tails are full: the journal is the queue.
bool LocalStore::make_room(Lock& lock) {
  while (tail_is_full()) {
    if (sealing_ == nullptr) {
      if (rotate()) break;
      queries_->interrupt();
    } else if (!stalled_) {
      stalled_ = true;
      stalls_.add();
    }
    if (detached_ || (giving_up_ && (sealing_ == nullptr || failures_ != 0))) return false;
    tried_.wait_for(lock, kLook);
  }
  stalled_ = false;
  return true;
}

Status LocalStore::rotate() {
  SG_TRY(filling_->flush());
  sealing_ = std::exchange(filling_, new_tail());
  sealing_to_ = applied_;
  uncovered_since_ns_ = 0;
  next_attempt_ns_ = 0;
  if (tending_ && gives_way_) writer_->interrupt();
  work_.notify_all();
  return {};
}

void LocalStore::idle(Nanos accept_ns) {
  Lock lock(mutex_);
  accept_ns_ = std::max(accept_ns_, accept_ns);
  if (detached_ || sealing_ != nullptr) return;
  bool due = tail_is_full();
  if (filling_->rows() != 0) {
    due = due || accept_ns - filling_->first_accept_ns() >= options_.seal_age_ns;
  } else if (uncovered_since_ns_ != 0) {
    due = accept_ns - uncovered_since_ns_ >= kEmptySealAges * options_.seal_age_ns;
  }
  if (due) (void)rotate();  // tried again at the next call
}

void LocalStore::count_dropped() {
  const auto count = [&](std::string_view reason, std::uint64_t n) {
    if (n == 0) return;
    telemetry_
        .counter("sightglass_store_dropped_values_total",
                 "Values of events that did not fit their column and read as null.",
                 {{"reason", std::string(reason)}})
        .add(n);
  };
  count("kind", dropped_.kind);
  count("not_utf8", dropped_.not_utf8);
  count("too_long", dropped_.too_long);
  count("no_column", dropped_.no_column);
  dropped_ = {};
}

std::optional<journal::Position> LocalStore::durable_position() const {
  return covered_.load(std::memory_order_acquire);
}

Status LocalStore::seal_now() {
  Lock lock(mutex_);
  // Twice at most: what is being sealed already, then the rest.
  for (;;) {
    if (sealing_ == nullptr) {
      if (closing_) return fail(Code::kUnavailable, "the history is closed");
      if (applied_ == covered_.load(std::memory_order_relaxed)) return {};
      SG_TRY(rotate());
    }
    const auto before = attempts_;
    next_attempt_ns_ = 0;
    work_.notify_all();
    while (attempts_ == before && !closing_) tried_.wait_for(lock, kLook);
    if (attempts_ == before) return fail(Code::kUnavailable, "the history is closed");
    if (!last_attempt_) return last_attempt_;
  }
}

Status LocalStore::forget_texts(const journal::Forget& forget, journal::Position up_to) {
  Lock lock(mutex_);
  const auto ended = [&] { return closing_ || forgets_no_more_; };
  while (!ended() && covered_.load(std::memory_order_relaxed) < std::min(up_to, applied_)) {
    if (sealing_ == nullptr) SG_TRY(rotate());
    tried_.wait_for(lock, kLook);
  }
  while (!ended() && forgetting_ != nullptr) tried_.wait_for(lock, kLook);
  if (ended()) return fail(Code::kUnavailable, "the history is being closed");
  Forgetting forgetting;
  forgetting.texts = &forget;
  forgetting_ = &forgetting;
  work_.notify_all();
  while (!ended() && !forgetting.done) tried_.wait_for(lock, kLook);
  // The house thread looks at it only under the mutex and while it stands here.
  forgetting_ = nullptr;
  tried_.notify_all();
  if (!forgetting.done) return fail(Code::kUnavailable, "the history is being closed");
  return forgetting.status;
}

void LocalStore::stop_forgetting() {
  Lock lock(mutex_);
  forgets_no_more_ = true;
  tried_.notify_all();
}

journal::Totals LocalStore::totals() const {
  auto version = look();
  Lock lock(mutex_);
  const auto expired = expired_totals_;
  lock.unlock();
  constexpr Range kAll{std::numeric_limits<Nanos>::min(), std::numeric_limits<Nanos>::max()};
  constexpr std::string_view kColumns =
      "pos, terminal, accept_time, event_time, input_tokens, cache_read_tokens, "
      "cache_write_5m_tokens, "
      "cache_write_1h_tokens, output_tokens, cost_nanousd, unpriced_reason";
  if (!version) {
    log_.error("store", "the totals could not be read: the newest rows are not in a table");
    return expired;
  }
  const auto from = select_version(*version, options_.directory + "/parquet", kColumns, kAll);
  if (from.empty()) return expired;
  const auto rows = totals_connection_->query(select_facts("(" + from + ")"));
  if (!rows) {
    log_.error("store", "the totals could not be read: " + rows.error().message);
    return expired;
  }
  return facts_of(*rows).totals + expired;
}

// The rows are counted in the files and tables, not remembered.
journal::Account LocalStore::account() const {
  auto version = look();
  journal::Account out;
  {
    Lock lock(mutex_);
    out.expired = expired_rows_;
    out.lost = lost_rows_;
  }
  if (!version) return out;  // totals() has said so
  constexpr Range kAll{std::numeric_limits<Nanos>::min(), std::numeric_limits<Nanos>::max()};
  const auto from = select_version(*version, options_.directory + "/parquet", "pos", kAll);
  if (from.empty()) return out;
  const auto counted = totals_connection_->query("SELECT count(*) FROM (" + from + ")");
  if (!counted) {
    log_.error("store", "the rows could not be counted: " + counted.error().message);
    return out;
  }
  out.rows = static_cast<std::uint64_t>(counted->integer(0, 0));
  return out;
}

Result<Version> LocalStore::look() const {
  Lock lock(mutex_);
  SG_TRY(filling_->flush());
  Version version;
  version.files = files_;
  // What is due to go is gone, so that what is there of a step is all of it from there on.
  for (const auto& file : rollups_) {
    const bool due = options_.retention.is_due(file->step, file->end_ns(), accept_ns_);
    if (!due) version.rollups.push_back(file);
  }
  version.rolled_up = rolled_up_;
  version.expired_newest_ns = expired_newest_ns_;
  version.columns = schema_.columns();
  version.up_to = applied_;
  version.newest_ns = accept_ns_;
  for (const auto& tail : {sealing_, filling_}) {
    if (tail == nullptr || tail->rows() == 0) continue;
    version.tails.push_back(tail);
    version.tables.insert(version.tables.end(), tail->tables().begin(), tail->tables().end());
  }
  return version;
}

Store::Health LocalStore::health() const {
  Lock lock(mutex_);
  Health out;
  out.problem = report_;
  if (failures_ != 0) {
    if (!out.problem.empty()) out.problem += "; ";
    out.problem += "rows cannot be sealed (" + last_attempt_.error().message + ")";
    out.problem += stalled_ ? "; newer ones wait in the journal" : "; tried again shortly";
  }
  if (refused_) {
    if (!out.problem.empty()) out.problem += "; ";
    out.problem += "the query engine takes no rows; they wait in the journal";
  }
  out.ok = out.problem.empty();
  out.files = files_.size();
  for (const auto& file : files_) {
    out.rows += file->facts.rows;
    out.bytes += file->bytes;
  }
  out.tail_rows = filling_->rows() + (sealing_ == nullptr ? 0 : sealing_->rows());
  return out;
}

// ---- the threads of the history: one at a time --------------------------------------------------

void LocalStore::publish() {
  files_ = history_->files();
  rollups_ = history_->rollups();
  rolled_up_ = history_->manifest().rolled_up;
  expired_newest_ns_ = history_->manifest().expired_newest_ns;
  expired_totals_ = history_->manifest().expired_totals;
  expired_rows_ = history_->manifest().expired_rows;
  lost_rows_ = history_->manifest().lost_rows;
  report_ = history_->report();
  covered_.store(history_->manifest().covered, std::memory_order_release);
}

bool LocalStore::seal_is_due() const {
  return sealing_ != nullptr && clock_.monotonic_ns() >= next_attempt_ns_;
}

// Not in the background: rows wait for it, and on a busy machine that would be all the time.
void LocalStore::seal_loop() {
  pthread_setname_np(pthread_self(), "sg-seal");
  Lock lock(mutex_);
  while (!closing_) {
    if (seal_is_due() && !history_taken_) {
      history_taken_ = true;
      attempt_seal(lock);
      history_taken_ = false;
      work_.notify_all();
    } else {
      // A waiting attempt is a matter of a clock that may be a test's; the rest can be slower.
      work_.wait_for(lock, sealing_ != nullptr ? kLook : 20 * kLook);
    }
  }
}

void LocalStore::house_loop() {
  become_background_thread("sg-house");
  Lock lock(mutex_);
  while (!closing_) {
    if (history_taken_ || seal_is_due() || !look_after_history(lock)) {
      work_.wait_for(lock, history_taken_ || sealing_ != nullptr ? kLook : 20 * kLook);
    }
  }
}

// False when there was nothing to do.
bool LocalStore::look_after_history(Lock& lock) {
  const auto now = clock_.monotonic_ns();
  const bool keep = (suspect_ && now >= next_check_ns_) || now >= next_housekeeping_ns_ ||
                    more_to_tend_ || history_->has_retired();
  if (!keep && (forgetting_ == nullptr || forgetting_->done)) return false;
  history_taken_ = true;
  if (keep) {
    keep_house(lock);
  } else {
    attempt_forget(lock);
  }
  history_taken_ = false;
  work_.notify_all();
  // A query still reads what was replaced.
  if (!closing_ && history_->has_retired()) work_.wait_for(lock, kLook);
  return true;
}

void LocalStore::attempt_seal(Lock& lock) {
  const auto tail = sealing_;
  const auto to = sealing_to_;
  const auto schema = schema_;
  const auto facts = tail->facts();
  lock.unlock();
  // Rows of a version without roll-ups come first; after that this is one comparison.
  auto older = history_->roll_up_next();
  while (older && *older) older = history_->roll_up_next();
  auto status = older ? history_->add(select_tail(schema, *tail), facts, to, schema)
                      : Status(std::unexpected(older.error()));
  lock.lock();
  ++attempts_;
  last_attempt_ = status;
  if (status) {
    failures_ = 0;
    seals_.add();
    sealed_rows_.add(facts.rows);
    publish();  // from here on queries see the file and no longer the tail
    sealing_.reset();
  } else {
    failed_seals_.add();
    const auto delay = kFirstRetryNs << std::min<std::uint32_t>(failures_++, 5);
    next_attempt_ns_ = clock_.monotonic_ns() + std::min(delay, kLastRetryNs);
    log_.error("store", "sealing failed: " + status.error().message);
  }
  tried_.notify_all();
}

void LocalStore::keep_house(Lock& lock) {
  const auto now = clock_.monotonic_ns();
  const bool check = suspect_ && now >= next_check_ns_;
  if (check) suspect_ = false;
  const bool full = now >= next_housekeeping_ns_;
  lock.unlock();
  history_->remove_retired();
  Status status;
  if (check || full) {
    // On suspicion all files, but not on every query's; else one a minute, in turn.
    const auto files = history_->files().size();
    const auto damaged = check ? history_->set_damaged_aside(0, files)
                               : history_->set_damaged_aside(next_checked_file_, 1);
    if (!damaged) status = std::unexpected(damaged.error());
    if (status && check) status = history_->repair_rollups();
    if (!check) next_checked_file_ = next_checked_file_ + 1 < files ? next_checked_file_ + 1 : 0;
  }
  if (!status) log_.warn("store", "housekeeping failed: " + status.error().message);
  lock.lock();
  if (full) next_housekeeping_ns_ = clock_.monotonic_ns() + kHousekeepingNs;
  if (check) next_check_ns_ = clock_.monotonic_ns() + kHousekeepingNs;
  publish();
  if (full || more_to_tend_) more_to_tend_ = tend(lock);
}

// One step of retention or merging; true when there may be another.
bool LocalStore::tend(Lock& lock) {
  if (closing_ || sealing_ != nullptr) return false;
  const bool crowded = files_.size() > kCrowded;
  const bool idle = crowded || filling_->rows() < options_.seal_rows / 2;
  const auto accept_ns = accept_ns_;
  const auto schema = schema_;
  // Never the name of a tail of the fold's: those count up from 1.
  const auto first_tail = std::numeric_limits<std::uint64_t>::max() / 2;
  tending_ = true;
  gives_way_ = !crowded;
  lock.unlock();
  auto more = rebuild_->next(schema, first_tail);
  if (more && !*more) more = upkeep_->expire(schema, accept_ns);
  if (more && !*more && idle) more = upkeep_->compact(schema, accept_ns);
  if (more && !*more && idle) more = id_indexes_->make_next();
  // What gave way is done again with the next round.
  if (!more && more.error().code != Code::kTimeout) {
    log_.warn("store", "housekeeping failed: " + more.error().message);
  }
  lock.lock();
  tending_ = false;
  publish();
  return more && *more;
}

// One file, or the end of it.
void LocalStore::attempt_forget(Lock& lock) {
  const auto texts = *forgetting_->texts;  // a copy: who asked may leave
  auto looked_at = forgetting_->looked_at;
  const auto schema = schema_;
  const auto* const asked = forgetting_;
  lock.unlock();
  history_->remove_retired();
  auto more = history_->forget_next(texts, schema, looked_at);
  lock.lock();
  publish();
  if (forgetting_ != asked) return;
  forgetting_->looked_at = std::move(looked_at);
  if (!more) log_.error("store", "rewriting the history failed: " + more.error().message);
  if (more && *more) return;
  if (more && history_->has_retired()) return;  // a query still reads what was replaced
  forgetting_->status = more ? Status() : Status(std::unexpected(more.error()));
  forgetting_->done = true;
  tried_.notify_all();
}

}  // namespace sightglass::store
