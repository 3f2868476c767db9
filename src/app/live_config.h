// The configuration in force, and its changes while the server runs: by a reload of the file and by
// the admin API.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "admin/config_routes.h"
#include "app/client_side.h"
#include "app/config.h"
#include "app/config_file.h"
#include "app/packs.h"
#include "app/recorder.h"
#include "app/traffic_side.h"
#include "base/log.h"
#include "base/telemetry.h"

namespace sightglass::app {

// A change is whole or none: everything is read, compiled and tried before the file is replaced,
// and the file is as it was before where putting in force fails after all.
//
// Threads: any but an I/O worker's; one change at a time, in_force() never waits for one.
class LiveConfig {
 public:
  struct Parts {
    const Config& started;  // what a restart is needed for is told from it
    ConfigFile file;
    FileSystem& fs;
    Telemetry& telemetry;
    Log& log;
    ClientSide& clients;
    TrafficSide& traffic;
    Recorder& recorder;
    std::function<std::shared_ptr<const event::Catalogue>()> catalogue;  // in force
    std::function<Status(Packs)> change_packs;
  };
  explicit LiveConfig(Parts parts);

  std::shared_ptr<const Config> in_force() const;

  // Errors: of the file or a pack, with its line; everything is then as before, and the log and a
  // counter say so, too.
  Result<admin::Reloaded> reload();
  // As change_config_text says what `body` means. Errors: its own, those of the configuration, and
  // of the file that cannot be written.
  Result<admin::Reloaded> change(std::string_view body, std::string_view actor);

 private:
  Result<admin::Reloaded> do_change(std::string_view body, std::string_view actor);
  // Compiles and tries `next`; then runs `commit`, and puts in force what a reload can.
  Result<admin::Reloaded> apply(Config next, std::string_view actor,
                                const std::function<Status()>& commit);
  Status put_in_force(const std::shared_ptr<const Config>& next, Packs packs, bool packs_changed);
  void record(const admin::Reloaded& done, std::string_view actor);

  const Parts parts_;
  std::mutex change_mutex_;  // one change at a time
  mutable std::mutex mutex_;
  std::shared_ptr<const Config> in_force_;
};

}  // namespace sightglass::app
