#include "logs/log_file.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "logs/forget_file.h"
#include "logs/json_line.h"

namespace sightglass::logs {
namespace {

constexpr std::string_view kStateMagic = "sgls2";
constexpr std::string_view kFirstMagic = "sgls1";  // without the time of the first line
constexpr std::size_t kSyncBytes = 1u << 20;
constexpr Nanos kSyncEvery = kSecond;
constexpr std::uint64_t kStateBytes = 16u << 20;
constexpr Nanos kStateEvery = 30 * kSecond;
constexpr Nanos kRetryEvery = kSecond;
constexpr std::size_t kMaxUnsynced = 8u << 20;
constexpr std::size_t kChunk = 1u << 20;

void add(journal::Totals& to, const journal::Totals& from) {
  to.requests += from.requests;
  to.input_tokens += from.input_tokens;
  to.output_tokens += from.output_tokens;
  to.cost_nanousd += from.cost_nanousd;
  to.unpriced += from.unpriced;
}

void subtract(journal::Totals& from, const journal::Totals& what) {
  from.requests -= what.requests;
  from.input_tokens -= what.input_tokens;
  from.output_tokens -= what.output_tokens;
  from.cost_nanousd -= what.cost_nanousd;
  from.unpriced -= what.unpriced;
}

// Gives each whole line from `offset` on, without its end, until `see` says no or a line holds a
// zero byte (what a crash leaves where bytes were lost). Returns where it stopped: the end of the
// last line taken.
template <typename See>
Result<std::uint64_t> each_line(const File& file, std::uint64_t offset, const See& see) {
  std::string buffer;
  std::uint64_t good = offset;
  std::uint64_t at = offset;
  while (true) {
    const auto kept = buffer.size();
    buffer.resize(kept + kChunk);
    SG_ASSIGN(const auto got, file.pread(buffer.data() + kept, kChunk, at));
    buffer.resize(kept + got);
    at += got;
    std::size_t from = 0;
    for (auto end = buffer.find('\n'); end != std::string::npos; end = buffer.find('\n', from)) {
      const auto line = std::string_view(buffer).substr(from, end - from);
      if (line.find('\0') != std::string_view::npos || !see(line)) return good;
      from = end + 1;
      good += line.size() + 1;
    }
    if (got == 0) return good;
    buffer.erase(0, from);
  }
}

// By memchr: a byte loop over every line cost 0.7 µs a request.
std::uint64_t count_lines(std::string_view lines) {
  std::uint64_t count = 0;
  for (auto end = lines.find('\n'); end != std::string_view::npos;
       end = lines.find('\n', end + 1)) {
    ++count;
  }
  return count;
}

}  // namespace

LogFile::LogFile(FileOptions options, FileSystem& fs, Telemetry& telemetry, Log& log)
    : options_(std::move(options)),
      fs_(fs),
      telemetry_(telemetry),
      log_(log),
      ok_(telemetry.gauge("sightglass_log_file_ok",
                          "1 while the log file takes lines, 0 while it cannot be written.")) {
  ok_.set(1);
  if (const auto status = recover(); !status) {
    // Where to go on is then known from the state file at least; the rest comes with a retry.
    const Saved saved = read_state();
    resume_ = applied_ = saved_applied_ = saved.applied;
    totals_ = saved.totals;
    failed(status.error(), 0);
  }
}

LogFile::~LogFile() {
  if (file_ != nullptr && sync() && applied_ != saved_applied_) (void)write_state();
}

std::string LogFile::folder() const {
  const auto slash = options_.path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : options_.path.substr(0, slash);
}

LogFile::Saved LogFile::read_state() const {
  const auto text = read_file(fs_, options_.path + ".state", 4096);
  if (!text || text->size() < kStateMagic.size() + 4) return {};
  const bool has_time = text->starts_with(kStateMagic);
  if (!has_time && !text->starts_with(kFirstMagic)) return {};
  const auto body = Bytes(*text).substr(0, text->size() - 4);
  ByteReader check(Bytes(*text).substr(body.size()));
  if (check.u32() != crc32c(body)) return {};
  ByteReader in(body.substr(kStateMagic.size()));
  Saved out;
  out.seq = in.u64();
  out.applied = in.u64();
  out.offset = in.u64();
  out.totals.requests = in.u64();
  out.totals.input_tokens = in.u64();
  out.totals.output_tokens = in.u64();
  out.totals.cost_nanousd = in.i64();
  out.totals.unpriced = in.u64();
  if (has_time) out.first_ns = in.i64();
  return in.ok() && in.empty() ? out : Saved{};
}

Status LogFile::write_state() {
  std::string text(kStateMagic);
  ByteWriter out(text);
  out.u64(last_seq_);
  out.u64(applied_);
  out.u64(size_);
  out.u64(totals_.requests);
  out.u64(totals_.input_tokens);
  out.u64(totals_.output_tokens);
  out.i64(totals_.cost_nanousd);
  out.u64(totals_.unpriced);
  out.i64(first_ns_);
  out.u32(crc32c(text));
  SG_TRY(replace_file(fs_, options_.path + ".state", text));
  saved_applied_ = applied_;
  bytes_since_state_ = 0;
  return {};
}

// Whether the file still is the one that the state was written for: the line that ends at its
// offset has its seq.
bool LogFile::offset_holds(File& file, std::uint64_t size, const Saved& saved) const {
  if (saved.offset == 0 || saved.offset > size || saved.seq == 0) return false;
  const auto length = std::min<std::uint64_t>(saved.offset, kChunk);
  std::string tail(length, '\0');
  const auto got = file.pread(tail.data(), length, saved.offset - length);
  if (!got || *got != length || tail.back() != '\n') return false;
  tail.pop_back();
  const auto start = tail.rfind('\n');
  return line_seq(std::string_view(tail).substr(start == std::string::npos ? 0 : start + 1)) ==
         saved.seq;
}

// Adds up what lies behind the state, and finds where the intact lines end.
Result<std::uint64_t> LogFile::check_tail(File& file, std::uint64_t from, const Saved& saved) {
  return each_line(file, from, [&](std::string_view line) {
    const auto seq = line_seq(line);
    if (seq > saved.seq) add_line_totals(line, totals_);
    last_seq_ = std::max(last_seq_, seq);
    return true;
  });
}

// Lines behind the state may lie in backups when the file was rotated since, or when there is no
// state. A backup that begins before it ends the search.
void LogFile::count_backups(const Saved& saved) {
  for (std::uint32_t n = 1; n <= options_.max_backups; ++n) {
    if (!fs_.exists(backup(n))) continue;
    auto file = fs_.open(backup(n), OpenMode::kRead);
    if (!file) continue;
    journal::Position first = 0;
    (void)each_line(**file, 0, [&](std::string_view line) {
      const auto seq = line_seq(line);
      if (first == 0) first = seq;
      if (seq > saved.seq) add_line_totals(line, totals_);
      last_seq_ = std::max(last_seq_, seq);
      return true;
    });
    if (first != 0 && first <= saved.seq) return;
  }
}

Status LogFile::recover() {
  SG_TRY(fs_.create_directories(folder()));
  const Saved saved = read_state();
  SG_ASSIGN(auto file, fs_.open(options_.path, OpenMode::kAppend));
  SG_TRY(fs_.sync_directory(folder()));
  SG_ASSIGN(const auto size, file->size());
  totals_ = saved.totals;
  last_seq_ = saved.seq;
  const bool holds = offset_holds(*file, size, saved);
  first_ns_ = holds ? saved.first_ns : 0;
  SG_ASSIGN(const auto good, check_tail(*file, holds ? saved.offset : 0, saved));
  if (!holds) count_backups(saved);
  if (good < size) {
    SG_TRY(file->truncate(good));
    telemetry_
        .counter("sightglass_log_file_cut_bytes_total",
                 "Bytes of a torn end that were cut from the log file at start.")
        .add(size - good);
  }
  SG_TRY(file->sync_data());  // what a killed process left in the cache
  file_ = std::move(file);
  size_ = synced_size_ = good;
  synced_seq_ = last_seq_;
  saved_applied_ = saved.applied;
  resume_ = applied_ = std::max(last_seq_, saved.applied);
  recovered_ = true;
  return {};
}

void LogFile::append(std::string_view lines, journal::Position last_seq, journal::Position applied,
                     const journal::Totals& added, Nanos accept_ns) {
  Status status;
  if (file_ != nullptr && size_ > 0 && !lines.empty() && is_full(lines.size(), accept_ns)) {
    status = rotate();  // its state speaks of what was written so far, not of these lines
  }
  if (!lines.empty() && (size_ == 0 || first_ns_ == 0)) first_ns_ = accept_ns;
  applied_ = applied;
  add(totals_, added);
  if (!lines.empty()) {
    last_seq_ = last_seq;
    unsynced_.append(lines);
    if (file_ != nullptr && status) status = write(lines);
    if (!status) failed(status.error(), accept_ns);
    if (file_ == nullptr) bound_unsynced();
  }
  maintain(accept_ns);
}

Status LogFile::write(std::string_view lines) {
  SG_TRY(file_->append(lines));
  size_ += lines.size();
  bytes_since_state_ += lines.size();
  return {};
}

Status LogFile::sync() {
  if (unsynced_.empty()) return {};
  SG_TRY(file_->sync_data());
  telemetry_.counter("sightglass_log_lines_written_total", "JSON lines in the log file, synced.")
      .add(count_lines(unsynced_));
  synced_size_ = size_;
  synced_seq_ = last_seq_;
  unsynced_.clear();
  return {};
}

bool LogFile::is_full(std::size_t more, Nanos accept_ns) const {
  if (size_ + more > options_.max_size_bytes) return true;
  return options_.max_age_ns > 0 && first_ns_ > 0 && accept_ns - first_ns_ >= options_.max_age_ns;
}

// The names move up to the first free one, so that a chain that broke off loses no backup when it
// is begun again.
Status LogFile::rotate() {
  SG_TRY(sync());
  if (options_.max_backups == 0) {
    // Nothing is kept: first the state, which then alone remembers what the lines added up to.
    SG_TRY(write_state());
    SG_TRY(file_->truncate(0));
    size_ = synced_size_ = 0;
    return write_state();
  }
  std::uint32_t free = 1;
  while (free < options_.max_backups && fs_.exists(backup(free))) ++free;
  for (auto n = free; n > 1; --n) SG_TRY(fs_.rename(backup(n - 1), backup(n)));
  SG_TRY(fs_.rename(options_.path, backup(1)));
  file_.reset();
  size_ = synced_size_ = 0;
  SG_ASSIGN(auto fresh, fs_.open(options_.path, OpenMode::kAppend));
  SG_TRY(fs_.sync_directory(folder()));
  file_ = std::move(fresh);
  telemetry_.counter("sightglass_log_rotations_total", "Times the log file was rotated.").add();
  return write_state();
}

Status LogFile::forget(const journal::Forget& forget) {
  if (file_ == nullptr) return fail(Code::kUnavailable, "the log file cannot be written");
  SG_TRY(sync());
  SG_TRY(forget_in_backups(fs_, options_.path, forget));
  // A file that was replaced takes no lines any more, so it is opened again, whatever became of it.
  file_.reset();
  const auto changed = forget_in_file(fs_, options_.path, forget);
  auto again = fs_.open(options_.path, OpenMode::kAppend);
  if (!again) {
    failed(again.error(), 0);
    return std::unexpected(std::move(again).error());
  }
  file_ = std::move(*again);
  if (!changed) return std::unexpected(changed.error());
  return write_state();
}

void LogFile::maintain(Nanos accept_ns) {
  if (file_ == nullptr) {
    if (accept_ns >= retry_at_ns_) reopen(accept_ns);
    return;
  }
  const bool state_due = applied_ != saved_applied_ && (bytes_since_state_ >= kStateBytes ||
                                                        accept_ns - state_at_ns_ >= kStateEvery);
  if (state_due || unsynced_.size() >= kSyncBytes || accept_ns - synced_at_ns_ >= kSyncEvery) {
    synced_at_ns_ = accept_ns;
    if (const auto status = sync(); !status) return failed(status.error(), accept_ns);
  }
  if (state_due) {
    state_at_ns_ = accept_ns;
    if (const auto status = write_state(); !status) failed(status.error(), accept_ns);
  }
}

void LogFile::failed(const Error& error, Nanos accept_ns) {
  telemetry_
      .counter("sightglass_log_file_errors_total", "Failed operations on the log file, by code.",
               {{"code", std::string(code_name(error.code))}})
      .add();
  if (ok_.value() != 0) {
    log_.error("logs", "the log file cannot be written (" + std::string(code_name(error.code)) +
                           "); lines wait and it is tried again every second");
  }
  ok_.set(0);
  file_.reset();
  retry_at_ns_ = accept_ns + kRetryEvery;
}

// Back to the durable part, then everything behind it once more: after a failed write or sync
// nothing is known about those bytes.
void LogFile::reopen(Nanos accept_ns) {
  auto status = recovered_ ? open_at_durable() : recover_late();
  if (status) status = write_again();
  if (!status) return failed(status.error(), accept_ns);
  ok_.set(1);
  log_.info("logs", "the log file takes lines again");
}

Status LogFile::open_at_durable() {
  SG_ASSIGN(file_, fs_.open(options_.path, OpenMode::kAppend));
  SG_TRY(fs_.sync_directory(folder()));
  SG_ASSIGN(const auto size, file_->size());
  size_ = synced_size_ = std::min(size, synced_size_);
  return file_->truncate(size_);
}

// The file could not be read at the start; what waited meanwhile may stand in it already.
Status LogFile::recover_late() {
  const auto applied = applied_;
  SG_TRY(recover());
  applied_ = std::max(applied, applied_);
  std::string behind;
  for (std::size_t from = 0; from < unsynced_.size();) {
    const auto end = unsynced_.find('\n', from);
    const auto line = std::string_view(unsynced_).substr(from, end - from);
    if (line_seq(line) > last_seq_) {
      behind.append(line).push_back('\n');
      add_line_totals(line, totals_);
    }
    from = end + 1;
  }
  unsynced_ = std::move(behind);
  return {};
}

Status LogFile::write_again() {
  if (unsynced_.empty()) return {};
  const std::string_view whole(unsynced_.data(), unsynced_.size() - 1);
  last_seq_ = line_seq(whole.substr(whole.rfind('\n') + 1));  // npos + 1 is 0: a single line
  SG_TRY(write(unsynced_));
  return sync();
}

void LogFile::bound_unsynced() {
  if (unsynced_.size() <= kMaxUnsynced) return;
  std::size_t from = 0;
  std::uint64_t dropped = 0;
  while (unsynced_.size() - from > kMaxUnsynced - kSyncBytes) {
    const auto end = unsynced_.find('\n', from);
    journal::Totals lost;
    add_line_totals(std::string_view(unsynced_).substr(from, end - from), lost);
    subtract(totals_, lost);
    from = end + 1;
    ++dropped;
  }
  unsynced_.erase(0, from);
  telemetry_
      .counter("sightglass_log_lines_dropped_total", "JSON lines that no file took, by reason.",
               {{"reason", "file_error"}})
      .add(dropped);
}

// A start finds at least the last synced line, or what the state says was folded by then.
journal::Position LogFile::durable() const { return std::max(synced_seq_, saved_applied_); }

}  // namespace sightglass::logs
