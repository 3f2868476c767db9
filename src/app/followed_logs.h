// The log files that the configuration names under `follow`, sent by the server to itself.
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "app/config.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "follow/follower.h"
#include "follow/receiver.h"

namespace sightglass::app {

// Does what `sightglass ingest --follow` does, by the same endpoints over the server's own socket:
// so a line counts once over restarts of either kind, and a file that one of them has followed the
// other goes on with. Where a file stands is kept in the journal's marks alone.
//
// Threads: one of its own ("follow") for all files. Bounds: Config's number of files; per file what
// follow::Follower says.
// Errors: a file that is not there is waited for; a server that takes nothing is waited for; any
// other fault is logged, and that file is looked at again after a second.
class FollowedLogs final : public follow::Watcher {
 public:
  // `socket_path`: of the server, which must be listening when start() is called.
  FollowedLogs(const std::vector<FollowConfig>& files, const std::string& socket_path,
               const Clock& clock, Telemetry& telemetry, Log& log);
  ~FollowedLogs() override { stop(); }

  Status start();
  void stop();  // after the batch that is under way

 private:
  struct File {
    std::unique_ptr<follow::Follower> follower;
    Nanos not_before_ns = 0;  // after a fault
    Counter* accepted = nullptr;
    Counter* rejected = nullptr;
  };
  void run();
  bool wait(Nanos ns);  // false: stop() was called
  void on_taken(const std::string& path, const follow::Taken& taken, std::uint64_t bytes) override;
  void on_note(const std::string& path, std::string_view note) override;

  const std::vector<FollowConfig> configs_;
  const std::string socket_path_;
  const Clock& clock_;
  Telemetry& telemetry_;
  Log& log_;
  std::unique_ptr<follow::Receiver> receiver_;
  std::vector<File> files_;
  File* stepping_ = nullptr;  // whose step() runs

  std::mutex mutex_;
  std::condition_variable wake_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace sightglass::app
