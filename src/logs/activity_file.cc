#include "logs/activity_file.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/crc32c.h"
#include "logs/forget_file.h"

namespace sightglass::logs {
namespace {

constexpr std::string_view kStateMagic = "sgac1";
constexpr Nanos kSyncEvery = kSecond;
constexpr Nanos kStateEvery = 30 * kSecond;  // while no line is written
constexpr Nanos kRetryEvery = kSecond;
constexpr std::size_t kSyncBytes = 1u << 20;
constexpr std::size_t kMaxUnsynced = 8u << 20;

}  // namespace

ActivityFile::ActivityFile(FileOptions options, std::string_view what, journal::Position begin_at,
                           FileSystem& fs, Telemetry& telemetry, Log& log)
    : options_(std::move(options)),
      what_(what),
      fs_(fs),
      telemetry_(telemetry),
      log_(log),
      ok_(telemetry.gauge(
          "sightglass_" + what_ + "_file_ok",
          "1 while the " + what_ + " file takes lines, 0 while it cannot be written.")) {
  ok_.set(1);
  if (!read_state()) applied_ = saved_applied_ = begin_at;
  resume_ = applied_;
  if (const auto status = open(); !status) failed(status.error(), 0);
}

ActivityFile::~ActivityFile() {
  if (file_ != nullptr) (void)sync();
}

Counter& ActivityFile::counter(std::string_view name, std::string_view help, Labels labels) {
  return telemetry_.counter("sightglass_" + what_ + std::string(name), help, std::move(labels));
}

std::string ActivityFile::folder() const {
  const auto slash = options_.path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : options_.path.substr(0, slash);
}

bool ActivityFile::read_state() {
  const auto text = read_file(fs_, state_path(), 4096);
  if (!text || text->size() < kStateMagic.size() + 4 || !text->starts_with(kStateMagic)) {
    return false;
  }
  const auto body = Bytes(*text).substr(0, text->size() - 4);
  ByteReader check(Bytes(*text).substr(body.size()));
  if (check.u32() != crc32c(body)) return false;
  ByteReader in(body.substr(kStateMagic.size()));
  const auto position = in.u64();
  const auto length = in.u64();
  if (!in.ok() || !in.empty()) return false;
  applied_ = saved_applied_ = position;
  synced_size_ = length;
  length_known_ = true;
  return true;
}

Status ActivityFile::write_state(journal::Position applied, std::uint64_t length) {
  std::string text(kStateMagic);
  ByteWriter out(text);
  out.u64(applied);
  out.u64(length);
  out.u32(crc32c(text));
  SG_TRY(replace_file(fs_, state_path(), text));
  saved_applied_ = applied;
  return {};
}

// Opens the file and cuts it back to what is known to be right. The state says so first: a write of
// it that failed may have taken place all the same, and must not speak of bytes that are cut here.
Status ActivityFile::open() {
  SG_TRY(fs_.create_directories(folder()));
  SG_ASSIGN(auto file, fs_.open(options_.path, OpenMode::kAppend));
  SG_TRY(fs_.sync_directory(folder()));
  SG_ASSIGN(const auto size, file->size());
  if (!length_known_ || size < synced_size_) synced_size_ = size;
  length_known_ = true;
  SG_TRY(write_state(saved_applied_, synced_size_));
  if (size > synced_size_) {
    SG_TRY(file->truncate(synced_size_));
    counter("_file_cut_bytes_total",
            "Bytes cut from the end of the " + what_ + " file, to be written again.")
        .add(size - synced_size_);
  }
  size_ = synced_size_;
  file_ = std::move(file);
  return {};
}

void ActivityFile::append(std::string_view lines, journal::Position applied, Nanos accept_ns) {
  Status status;
  if (file_ != nullptr && size_ > 0 && !lines.empty() &&
      size_ + lines.size() > options_.max_size_bytes) {
    status = rotate();  // its state speaks of what was written so far, not of these lines
  }
  applied_ = applied;
  if (!lines.empty()) {
    unsynced_.append(lines);
    if (file_ != nullptr && status) status = write(lines);
    if (!status) failed(status.error(), accept_ns);
    if (file_ == nullptr) bound_unsynced();
  }
  maintain(accept_ns);
}

Status ActivityFile::write(std::string_view lines) {
  SG_TRY(file_->append(lines));
  size_ += lines.size();
  return {};
}

// The file first, then what the state says of it.
Status ActivityFile::sync() {
  if (!unsynced_.empty()) {
    SG_TRY(file_->sync_data());
    counter("_lines_written_total", "Lines in the " + what_ + " file, synced.")
        .add(static_cast<std::uint64_t>(std::ranges::count(unsynced_, '\n')));
  }
  if (applied_ != saved_applied_ || size_ != synced_size_) SG_TRY(write_state(applied_, size_));
  synced_size_ = size_;
  unsynced_.clear();
  return {};
}

Status ActivityFile::rotate() {
  SG_TRY(sync());
  if (options_.max_backups == 0) {
    SG_TRY(file_->truncate(0));
  } else {
    std::uint32_t free = 1;
    while (free < options_.max_backups && fs_.exists(backup(free))) ++free;
    for (auto n = free; n > 1; --n) SG_TRY(fs_.rename(backup(n - 1), backup(n)));
    SG_TRY(fs_.rename(options_.path, backup(1)));
    file_.reset();
    SG_ASSIGN(auto fresh, fs_.open(options_.path, OpenMode::kAppend));
    SG_TRY(fs_.sync_directory(folder()));
    file_ = std::move(fresh);
  }
  size_ = synced_size_ = 0;
  return write_state(applied_, 0);
}

Status ActivityFile::forget(const journal::Forget& forget) {
  if (file_ == nullptr) return fail(Code::kUnavailable, "the " + what_ + " file cannot be written");
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
  return changed ? Status() : Status(std::unexpected(changed.error()));
}

void ActivityFile::maintain(Nanos accept_ns) {
  if (file_ == nullptr) {
    if (accept_ns >= retry_at_ns_) reopen(accept_ns);
    return;
  }
  const bool lines_due = !unsynced_.empty() && (unsynced_.size() >= kSyncBytes ||
                                                accept_ns - synced_at_ns_ >= kSyncEvery);
  const bool state_due = applied_ != saved_applied_ && accept_ns - state_at_ns_ >= kStateEvery;
  if (!lines_due && !state_due) return;
  synced_at_ns_ = state_at_ns_ = accept_ns;
  if (const auto status = sync(); !status) failed(status.error(), accept_ns);
}

void ActivityFile::failed(const Error& error, Nanos accept_ns) {
  counter("_file_errors_total", "Failed operations on the " + what_ + " file, by code.",
          {{"code", std::string(code_name(error.code))}})
      .add();
  if (ok_.value() != 0) {
    log_.error("logs", "the " + what_ + " file cannot be written (" +
                           std::string(code_name(error.code)) +
                           "); lines wait and it is tried again every second");
  }
  ok_.set(0);
  file_.reset();
  retry_at_ns_ = accept_ns + kRetryEvery;
}

// Back to the synced part, then everything behind it once more: after a failed write or sync
// nothing is known about those bytes.
void ActivityFile::reopen(Nanos accept_ns) {
  auto status = open();
  if (status && !unsynced_.empty()) status = write(unsynced_);
  if (status) status = sync();
  if (!status) return failed(status.error(), accept_ns);
  ok_.set(1);
  log_.info("logs", "the " + what_ + " file takes lines again");
}

void ActivityFile::bound_unsynced() {
  if (unsynced_.size() <= kMaxUnsynced) return;
  std::size_t from = 0;
  std::uint64_t dropped = 0;
  while (unsynced_.size() - from > kMaxUnsynced - kSyncBytes) {
    from = unsynced_.find('\n', from) + 1;
    ++dropped;
  }
  unsynced_.erase(0, from);
  counter("_lines_dropped_total", "Lines that no " + what_ + " file took, by reason.",
          {{"reason", "file_error"}})
      .add(dropped);
}

}  // namespace sightglass::logs
