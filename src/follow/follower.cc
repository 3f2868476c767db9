#include "follow/follower.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <limits>

namespace sightglass::follow {
namespace {

// A folder that changed so recently may change again under the same time stamp.
constexpr std::int64_t kStampNs = 2'000'000'000;
constexpr std::size_t kLeastBytes = 64 << 10;  // of a batch, however much it is halved
constexpr auto kIgnored = std::numeric_limits<std::uint64_t>::max();

Descriptor open_file(const std::string& path) {
  return Descriptor(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
}

// Reads until `size` or the file's end.
std::size_t read_at(int fd, char* out, std::size_t size, std::uint64_t offset) {
  std::size_t done = 0;
  while (done < size) {
    const auto n = ::pread(fd, out + done, size - done, static_cast<off_t>(offset + done));
    if (n < 0 && errno == EINTR) continue;
    if (n <= 0) break;
    done += static_cast<std::size_t>(n);
  }
  return done;
}

std::string read_at(int fd, std::size_t size, std::uint64_t offset) {
  std::string out(size, '\0');
  out.resize(read_at(fd, out.data(), size, offset));
  return out;
}

std::uint64_t size_of(int fd) {
  struct stat status{};
  return ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

std::int64_t changed_ns(const struct stat& status) {
  return status.st_mtim.tv_sec * std::int64_t{1'000'000'000} + status.st_mtim.tv_nsec;
}

std::string before(int fd, std::uint64_t position) {
  const auto size = std::min<std::uint64_t>(position, kFingerprintBytes);
  return read_at(fd, size, position - size);
}

}  // namespace

Follower::Follower(std::string path, FollowOptions options, Receiver& receiver, const Clock& clock,
                   Watcher& watcher)
    : path_(std::move(path)),
      options_(std::move(options)),
      receiver_(receiver),
      clock_(clock),
      watcher_(watcher),
      most_(options_.most_bytes) {}

Result<bool> Follower::step() {
  SG_TRY(look());
  bool sent = false;
  for (auto& log : rotated_) {
    SG_ASSIGN(const auto pumped, pump(log));
    sent = sent || pumped == Pumped::kSent;
    log.spoiled = pumped == Pumped::kEmptied;
  }
  let_go();
  if (!current_) return sent;
  SG_ASSIGN(const auto pumped, pump(*current_));
  if (pumped == Pumped::kEmptied) SG_TRY(on_emptied());
  return sent || pumped != Pumped::kIdle;
}

// Is the file at the path still the one that is open?
Status Follower::look() {
  struct stat status{};
  if (::stat(path_.c_str(), &status) != 0) return {};  // being rotated, or not there yet
  if (current_ && current_->identity.inode == status.st_ino) {
    return folder_changed() ? discover() : Status{};
  }
  auto file = open_file(path_);
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode)) {
    if (!unreadable_) watcher_.on_note(path_, "cannot be read, or is no file; still trying");
    unreadable_ = true;
    return {};
  }
  unreadable_ = false;
  if (!current_) {
    SG_TRY(start_current(std::move(file), Content::kMayBeKnown));
  } else {
    watcher_.on_note(path_, "was rotated; going on with the new file");
    current_->rotated = true;
    current_->grown_ns = clock_.monotonic_ns();
    rotated_.push_back(std::move(*current_));
    current_.reset();
    const auto back = std::find_if(rotated_.begin(), rotated_.end(), [&](const Log& log) {
      return log.identity.inode == status.st_ino;
    });
    if (back != rotated_.end()) {
      current_ = std::move(*back);
      current_->rotated = false;
      rotated_.erase(back);
    } else {
      SG_TRY(start_current(std::move(file), Content::kMayBeKnown));
      // Where no birth is known, an inode that is used again looks like the file it was before.
      if (current_->identity.born_ns == 0) current_->content = Content::kIsNew;
    }
  }
  return discover();
}

Status Follower::start_current(Descriptor file, Content content) {
  Log log;
  SG_ASSIGN(log.identity, identity_of(file.get(), options_.host));
  log.file = std::move(file);
  log.path = path_;
  log.content = content;
  log.grown_ns = clock_.monotonic_ns();
  current_ = std::move(log);
  return {};
}

bool Follower::tracked(std::uint64_t inode) const {
  return (current_ && current_->identity.inode == inode) ||
         std::any_of(rotated_.begin(), rotated_.end(),
                     [inode](const Log& log) { return log.identity.inode == inode; });
}

// Whether a file may have come beside the path: a log that was written, copied and emptied between
// two looks at it when empty shows nothing of that itself.
bool Follower::folder_changed() {
  const auto slash = path_.rfind('/');
  const auto folder = slash == std::string::npos ? std::string(".") : path_.substr(0, slash + 1);
  struct stat status{};
  if (::stat(folder.c_str(), &status) != 0) return unsettled_;
  const auto changed = changed_ns(status);
  if (changed == folder_ns_) return unsettled_;
  struct timespec now{};
  ::clock_gettime(CLOCK_REALTIME, &now);
  const auto age = now.tv_sec * std::int64_t{1'000'000'000} + now.tv_nsec - changed;
  if (age > kStampNs) folder_ns_ = changed;
  return true;
}

// Looks for rotated files that hold something to send.
Status Follower::discover() {
  unsettled_ = false;
  const auto all = rotated_files(path_);
  std::erase_if(judged_, [&](const auto& item) {
    return std::none_of(all.begin(), all.end(),
                        [&](const Rotated& found) { return found.inode == item.first; });
  });
  any_known_ = begun_;
  std::size_t ignored = 0;
  for (const auto& found : all) {
    if (tracked(found.inode)) continue;
    const auto judged = judged_.find(found.inode);
    if (judged != judged_.end() && (judged->second == kIgnored || judged->second == found.size)) {
      continue;
    }
    if (rotated_.size() >= kMaxOpen) {
      unsettled_ = true;
      break;
    }
    SG_TRY(judge(found));
    const auto now = judged_.find(found.inode);
    ignored += now != judged_.end() && now->second == kIgnored ? 1 : 0;
  }
  begun_ = true;
  if (ignored > 0) {
    watcher_.on_note(path_, std::to_string(ignored) +
                                " older rotated files are left alone; name them to send them");
  }
  return {};
}

// Whether a file holds what the current one begins with: a copy in the making, of which nobody
// can say yet how far it will go. Once the current file is emptied, it is whole.
bool Follower::is_being_copied(const Log& log) const {
  if (!current_) return false;
  const int copy = log.file.get(), current = current_->file.get();
  const auto size = size_of(copy);
  return size_of(current) >= size &&
         read_at(current, kFingerprintBytes, 0).starts_with(log.prefix) &&
         before(copy, size) == before(current, size);
}

// One rotated file: known under its own name, known as a copy of the current file, or new.
Status Follower::judge(Rotated found) {
  Log log;
  log.file = open_file(found.path);
  if (log.file.get() < 0) return {};
  SG_ASSIGN(log.identity, identity_of(log.file.get(), options_.host));
  log.prefix = read_at(log.file.get(), kFingerprintBytes, 0);
  if (log.prefix.empty() || is_being_copied(log)) {
    unsettled_ = true;
    return {};
  }
  found.size = size_of(log.file.get());  // a copy may have become whole since it was listed
  SG_ASSIGN(auto own,
            Cursor::of_file(receiver_, log.identity, log.prefix, found.size, Content::kMayBeKnown));
  if (own.position() > 0) {
    any_known_ = true;
    log.cursor = std::move(own);
    track(found, std::move(log));
    return {};
  }
  if (current_) {
    SG_ASSIGN(auto copy, Cursor::of_copy(receiver_, current_->identity, log.prefix, found.size));
    if (copy.position() > 0) {
      any_known_ = true;
      log.cursor = std::move(copy);
      track(found, std::move(log));
      return {};
    }
  }
  if (!any_known_) {
    judged_[found.inode] = kIgnored;
    return {};
  }
  log.cursor = std::move(own);
  track(found, std::move(log));
  return {};
}

// Takes a named file among the rotated ones, if there is something left of it.
void Follower::track(const Rotated& found, Log log) {
  if (log.cursor->position() >= found.size) {
    judged_[found.inode] = found.size;
    return;
  }
  log.path = found.path;
  log.rotated = true;
  log.grown_ns = clock_.monotonic_ns();
  settle_at(log);
  rotated_.push_back(std::move(log));
}

// The current file was cut off, perhaps after it was copied: what was not read of it before is in
// the copy, and goes on there under the old name.
Status Follower::on_emptied() {
  watcher_.on_note(path_, "was emptied; going on at its beginning");
  Log old = std::move(*current_);
  current_.reset();
  if (auto file = open_file(path_); file.get() >= 0) {
    SG_TRY(start_current(std::move(file), Content::kIsNew));
  }
  if (!old.cursor) return discover();
  for (const auto& found : rotated_files(path_)) {
    if (tracked(found.inode) || found.size < old.cursor->position()) continue;
    auto file = open_file(found.path);
    old.file = std::move(file);
    if (old.file.get() < 0 || !unchanged(old)) continue;
    SG_ASSIGN(old.identity, identity_of(old.file.get(), options_.host));
    track(found, std::move(old));
    break;
  }
  return discover();
}

bool Follower::is_over(const Log& log) const {
  return log.rotated && clock_.monotonic_ns() - log.grown_ns >= options_.quiet_ns;
}

// Closes what is over and has been taken: its writer has had time to notice the rotation.
void Follower::let_go() {
  std::erase_if(rotated_, [&](const Log& log) {
    const bool taken = !log.cursor || log.cursor->position() == log.size;
    if (!log.spoiled && (!taken || !is_over(log))) return false;
    judged_[log.identity.inode] = log.size;
    return true;
  });
}

// One batch of one file.
Result<Follower::Pumped> Follower::pump(Log& log) {
  const auto size = size_of(log.file.get());
  if (size != log.size) {
    log.size = size;
    log.grown_ns = clock_.monotonic_ns();
  }
  if (!log.cursor) {
    SG_ASSIGN(const bool named, name(log));
    if (!named) return Pumped::kIdle;
  }
  if (size < log.cursor->position()) return Pumped::kEmptied;
  if (size == log.cursor->position()) return Pumped::kIdle;
  if (!read_chunk(log) || !unchanged(log)) return Pumped::kEmptied;
  if (log.prefix.size() < kFingerprintBytes) {
    log.prefix = read_at(log.file.get(), kFingerprintBytes, 0);
  }
  log.cursor->know_prefix(log.prefix);
  const auto cut =
      cut_lines(chunk_, log.in_line, is_over(log) ? Ends::kIsOver : Ends::kMayGo, most_);
  if (cut.bytes == 0) return Pumped::kIdle;
  return send(log, cut);
}

// Gives the file its name, once it has a first line.
Result<bool> Follower::name(Log& log) {
  log.prefix = read_at(log.file.get(), kFingerprintBytes, 0);
  if (log.prefix.empty() || (!can_be_named(log.prefix) && !is_over(log))) return false;
  SG_ASSIGN(auto cursor,
            Cursor::of_file(receiver_, log.identity, log.prefix, log.size, log.content));
  log.cursor = std::move(cursor);
  settle_at(log);
  return true;
}

// What is known around the position, after it was not reached by sending.
void Follower::settle_at(Log& log) {
  log.behind = before(log.file.get(), log.cursor->position());
  log.in_line = !log.behind.empty() && log.behind.back() != '\n';
  const auto start = log.prefix.find_first_not_of(" \t\r\n");
  const bool json = start != std::string::npos && log.prefix[start] == '{';
  log.form = options_.form.value_or(json ? Form::kEvents : Form::kLines);
}

// What stands behind the position, into chunk_. False: less than there was a moment ago.
bool Follower::read_chunk(const Log& log) {
  const auto position = log.cursor->position();
  const auto size = std::min<std::uint64_t>(log.size - position, std::max(most_, kMaxLineBytes));
  chunk_.resize(size);
  return read_at(log.file.get(), chunk_.data(), size, position) == size;
}

// Asked after reading: then what was read stood behind what was read before.
bool Follower::unchanged(const Log& log) const {
  const auto fd = log.file.get();
  const auto position = log.cursor->position();
  return read_at(fd, log.prefix.size(), 0) == log.prefix &&
         read_at(fd, log.behind.size(), position - log.behind.size()) == log.behind;
}

Result<Follower::Pumped> Follower::send(Log& log, const Cut& cut) {
  SG_ASSIGN(const auto taken, log.cursor->send(receiver_, cut.body, cut.bytes, log.form));
  switch (taken.verdict) {
    case Taken::Verdict::kTaken: {
      const auto sent = std::string_view(chunk_).substr(0, cut.bytes);
      log.behind.append(sent.substr(sent.size() - std::min(sent.size(), kFingerprintBytes)));
      log.behind.erase(0, log.behind.size() - std::min(log.behind.size(), kFingerprintBytes));
      log.in_line = cut.in_line;
      watcher_.on_taken(log.path, taken, cut.bytes);
      break;
    }
    case Taken::Verdict::kKnown:
    case Taken::Verdict::kConflict:
      settle_at(log);
      break;
    case Taken::Verdict::kTooMuch:
      if (most_ <= kLeastBytes) {
        return fail(Code::kTooLarge, path_ + ": the server refuses even " +
                                         std::to_string(kLeastBytes) + " bytes at a time");
      }
      most_ = std::max(kLeastBytes, most_ / 2);
      break;
  }
  return Pumped::kSent;
}

}  // namespace sightglass::follow
