// The whole server, wired: builds everything, passes references, destroys in reverse.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "admin/config_routes.h"
#include "app/config.h"
#include "app/config_file.h"
#include "base/result.h"

namespace sightglass::app {

// Threads: start and stop from one.
class Instance {
 public:
  // Recovers, folds what the journal holds, records what a crash interrupted, then listens. Errors
  // say what to do next; nothing is left behind by one.
  // `file` is where `config` was read from, for reload() and the admin API's changes.
  static Result<std::unique_ptr<Instance>> start(const Config& config, const ConfigFile& file);
  virtual ~Instance() = default;  // stops

  virtual std::uint16_t port() const = 0;
  // The admin key where this start made one, else "": shown once, stored hashed.
  virtual std::string new_admin_key() const = 0;
  // Puts in force what can be of the configuration file and its packs as they are now, under
  // running traffic. Any thread but a worker's. Errors: of the file or a pack, with its line;
  // everything is then as before, and the log and a counter say so, too.
  virtual Result<admin::Reloaded> reload() = 0;
  // Takes no more requests, lets running ones end (at most `within_ns`), commits, folds, seals.
  virtual Status stop(Nanos within_ns) = 0;
};

}  // namespace sightglass::app
