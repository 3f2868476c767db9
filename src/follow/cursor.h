// A source and how far it has been taken. The receiver's mark is the only checkpoint: nothing is
// written on this side, so nothing here can disagree with what was recorded.
//
// The name of a file tells it from every other, whatever its path is or becomes:
//   file:<inode>-<birth>:<generation>:<hash of its first line>             its first bytes
//   file:<inode>-<birth>:<generation>:<hash of its first KiB>:<from>       from byte <from> on
// A file that is just beginning has no KiB yet, so it begins under the first name; the first batch
// that starts behind the KiB goes on under the second, which counts its bytes from there. A file
// that was emptied and written anew keeps its inode: its generation is the next one of that name
// that nobody has heard of.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"
#include "follow/receiver.h"

namespace sightglass::follow {

inline constexpr std::size_t kFingerprintBytes = 1024;

struct FileIdentity {
  std::uint64_t inode = 0;
  std::uint64_t born_ns = 0;  // 0 where the file system does not know
  std::string host;           // "" for files of the receiver's own machine
  bool operator==(const FileIdentity&) const = default;
};
Result<FileIdentity> identity_of(int fd, std::string host = {});

// Whether a file that begins so can be told from others: a whole line, or a KiB of one.
bool can_be_named(std::string_view prefix);

enum class Content : std::uint8_t {
  kMayBeKnown,  // goes on where the receiver stands
  kIsNew,       // was seen to begin: whatever the receiver knows by this name was another
};

// Threads: one. Ownership: the receiver outlives the call only.
class Cursor {
 public:
  // `name` as it is: standard input, or a name that somebody chose.
  static Result<Cursor> of_name(Receiver& receiver, std::string name);
  // `prefix`: the file's first bytes, at most kFingerprintBytes count. `size`: of the content, or
  // the largest number when that is not known; what is known of the source past it means that the
  // file was emptied since.
  static Result<Cursor> of_file(Receiver& receiver, const FileIdentity& identity,
                                std::string_view prefix, std::uint64_t size, Content content);

  // Of a copy that rotation made of the file `identity` before it emptied it: the generation that
  // was taken as far as the copy goes, else the one that was taken furthest of it. Position 0:
  // none.
  static Result<Cursor> of_copy(Receiver& receiver, const FileIdentity& identity,
                                std::string_view prefix, std::uint64_t size);

  std::uint64_t position() const { return base_ + next_; }
  const std::string& name() const { return name_; }

  // Sends the `bytes` bytes at position(), of which `body` is to be read. Afterwards position() is
  // where to go on, also when somebody else has been faster, and whatever verdict came.
  Result<Taken> send(Receiver& receiver, std::string_view body, std::uint64_t bytes, Form form);
  // What send() needs to change to the second name; may be given again.
  void know_prefix(std::string_view prefix);

 private:
  static Result<Cursor> at(Receiver& receiver, const FileIdentity& identity,
                           std::string_view prefix, unsigned generation);
  std::string name_;
  std::string later_;  // the second name without its base; "" when there is none, or not yet
  std::string hash_salt_;
  std::uint64_t base_ = 0;
  std::uint64_t next_ = 0;
  bool first_name_ = false;
};

}  // namespace sightglass::follow
