#include "follow/cursor.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>

#include "base/sha256.h"

namespace sightglass::follow {
namespace {

constexpr unsigned kMaxGenerations = 100'000;
constexpr std::size_t kHashDigits = 16;

std::string hash_of(const std::string& host, std::string_view prefix) {
  return sha256_hex(host + '\n' + std::string(prefix)).substr(0, kHashDigits);
}

std::string_view first_line(std::string_view prefix) {
  const auto end = prefix.find('\n');
  return end == std::string_view::npos ? prefix : prefix.substr(0, end + 1);
}

}  // namespace

Result<FileIdentity> identity_of(int fd, std::string host) {
  struct statx found{};
  if (::statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &found) != 0) {
    return fail_errno("the file cannot be looked at", errno);
  }
  FileIdentity identity;
  identity.inode = found.stx_ino;
  identity.host = std::move(host);
  if ((found.stx_mask & STATX_BTIME) != 0) {
    identity.born_ns = static_cast<std::uint64_t>(found.stx_btime.tv_sec) * 1'000'000'000 +
                       found.stx_btime.tv_nsec;
  }
  return identity;
}

bool can_be_named(std::string_view prefix) {
  return prefix.size() >= kFingerprintBytes || prefix.find('\n') != std::string_view::npos;
}

Result<Cursor> Cursor::of_name(Receiver& receiver, std::string name) {
  Cursor cursor;
  cursor.name_ = std::move(name);
  SG_ASSIGN(cursor.next_, receiver.next(cursor.name_));
  return cursor;
}

Result<Cursor> Cursor::at(Receiver& receiver, const FileIdentity& identity, std::string_view prefix,
                          unsigned generation) {
  const auto stem = "file:" + std::to_string(identity.inode) + "-" +
                    std::to_string(identity.born_ns) + ":" + std::to_string(generation) + ":";
  Cursor cursor;
  cursor.first_name_ = true;
  cursor.hash_salt_ = identity.host;
  cursor.name_ = stem + hash_of(identity.host, first_line(prefix));
  cursor.later_ = stem;
  cursor.know_prefix(prefix);
  SG_ASSIGN(cursor.next_, receiver.next(cursor.name_));
  if (cursor.next_ < kFingerprintBytes || prefix.size() < kFingerprintBytes) return cursor;
  cursor.first_name_ = false;
  cursor.base_ = cursor.next_;
  cursor.name_ = cursor.later_ + ":" + std::to_string(cursor.base_);
  SG_ASSIGN(cursor.next_, receiver.next(cursor.name_));
  return cursor;
}

Result<Cursor> Cursor::of_file(Receiver& receiver, const FileIdentity& identity,
                               std::string_view prefix, std::uint64_t size, Content content) {
  prefix = prefix.substr(0, kFingerprintBytes);
  // The last generation that was heard of; its end if the file still holds that much.
  Cursor known;
  bool any = false;
  for (unsigned generation = 0; generation < kMaxGenerations; ++generation) {
    SG_ASSIGN(auto cursor, at(receiver, identity, prefix, generation));
    if (cursor.position() == 0) {
      const bool goes_on = any && content == Content::kMayBeKnown && known.position() <= size;
      return goes_on ? std::move(known) : std::move(cursor);
    }
    known = std::move(cursor);
    any = true;
  }
  return fail(Code::kTooLarge, "the file was emptied too often to be told apart");
}

Result<Cursor> Cursor::of_copy(Receiver& receiver, const FileIdentity& identity,
                               std::string_view prefix, std::uint64_t size) {
  prefix = prefix.substr(0, kFingerprintBytes);
  Cursor best;
  for (unsigned generation = 0; generation < kMaxGenerations; ++generation) {
    SG_ASSIGN(auto cursor, at(receiver, identity, prefix, generation));
    if (cursor.position() == 0) break;
    if (cursor.position() <= size && cursor.position() > best.position()) best = std::move(cursor);
  }
  return best;
}

void Cursor::know_prefix(std::string_view prefix) {
  if (!first_name_ || prefix.size() < kFingerprintBytes) return;
  const auto stem_end = name_.rfind(':') + 1;
  later_ = name_.substr(0, stem_end) + hash_of(hash_salt_, prefix.substr(0, kFingerprintBytes));
}

Result<Taken> Cursor::send(Receiver& receiver, std::string_view body, std::uint64_t bytes,
                           Form form) {
  if (first_name_ && position() >= kFingerprintBytes && later_.size() > name_.rfind(':') + 1) {
    first_name_ = false;
    base_ = next_;
    next_ = 0;
    name_ = later_ + ":" + std::to_string(base_);
  }
  SG_ASSIGN(auto taken, receiver.take({name_, next_, next_ + bytes, body, form}));
  if (taken.verdict == Taken::Verdict::kTaken) next_ += bytes;
  if (taken.verdict == Taken::Verdict::kKnown || taken.verdict == Taken::Verdict::kConflict) {
    next_ = taken.next;
  }
  return taken;
}

}  // namespace sightglass::follow
