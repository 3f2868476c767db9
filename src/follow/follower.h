// Follows one log file through whatever happens to it: growth, rotation by renaming or by copying
// and emptying, being emptied, its own restarts and the receiver's.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "follow/cursor.h"
#include "follow/cut.h"
#include "follow/descriptor.h"
#include "follow/receiver.h"
#include "follow/rotation.h"

namespace sightglass::follow {

struct FollowOptions {
  std::string host;          // part of the sources' names, for receivers on another machine
  std::optional<Form> form;  // none: by each file's first line
  std::size_t most_bytes = 4u << 20;
  // What was renamed and has not grown for so long is over; its unfinished last line goes as it is.
  Nanos quiet_ns = 5 * kSecond;
};

// Is told what happens, from inside step().
class Watcher {
 public:
  virtual ~Watcher() = default;
  virtual void on_taken(const std::string& path, const Taken& taken, std::uint64_t bytes) = 0;
  virtual void on_note(const std::string& path, std::string_view note) = 0;  // for a person
};

// Every whole line that reaches the file is sent once, and none twice, as long as it stays readable
// for one look in some file beside `path` (see is_rotation_of); an unfinished last line waits.
// After a restart it goes on where the receiver stands, in the rotated files too; on the very first
// start rotated files are left alone. It polls: step() is one look.
//
// What is read is compared with what was read before it (the file's first KiB and the KiB before
// the position), so that a file that was emptied and has already grown past the position is told.
// Ownership: receiver, clock and watcher outlive it. Threads: one.
// Bounds: one batch of memory; a descriptor and 2 KiB per file that is open, at most kMaxOpen.
class Follower {
 public:
  static constexpr std::size_t kMaxOpen = 64;

  Follower(std::string path, FollowOptions options, Receiver& receiver, const Clock& clock,
           Watcher& watcher);

  // Looks once and sends at most one batch of each file. True: something was sent, look again at
  // once. Errors: the receiver's; a file that is not there, or not readable, is none.
  Result<bool> step();

 private:
  struct Log {
    Descriptor file;
    std::string path;
    FileIdentity identity;
    Content content = Content::kMayBeKnown;
    bool rotated = false;
    std::optional<Cursor> cursor;  // none until it can be named
    Form form = Form::kEvents;
    std::string prefix;    // its first bytes, at most a KiB
    std::string behind;    // the bytes before the position, at most a KiB
    bool in_line = false;  // the position is within a line
    bool spoiled = false;  // was cut off after its rotation: nobody knows what it holds now
    std::uint64_t size = 0;
    Nanos grown_ns = 0;
  };
  enum class Pumped : std::uint8_t { kIdle, kSent, kEmptied };

  Status look();
  Status start_current(Descriptor file, Content content);
  bool folder_changed();
  Status discover();
  bool is_being_copied(const Log& log) const;
  Status judge(Rotated found);
  void track(const Rotated& found, Log log);
  Status on_emptied();
  void let_go();
  bool tracked(std::uint64_t inode) const;
  bool is_over(const Log& log) const;

  Result<Pumped> pump(Log& log);
  Result<bool> name(Log& log);
  bool read_chunk(const Log& log);
  bool unchanged(const Log& log) const;
  Result<Pumped> send(Log& log, const Cut& cut);
  void settle_at(Log& log);

  const std::string path_;
  const FollowOptions options_;
  Receiver& receiver_;
  const Clock& clock_;
  Watcher& watcher_;
  std::size_t most_;

  bool begun_ = false;
  bool any_known_ = false;  // while discovering: an older file is known to the receiver
  bool unreadable_ = false;
  std::int64_t folder_ns_ = 0;  // the folder's last change that is known to have been looked at
  bool unsettled_ = false;      // something beside the path could not be judged yet
  std::optional<Log> current_;
  std::deque<Log> rotated_;                        // oldest first
  std::map<std::uint64_t, std::uint64_t> judged_;  // inode → size of what needs no more looking at
  std::string chunk_;
};

}  // namespace sightglass::follow
