// Changing the configuration of a running server.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/route.h"

namespace sightglass::admin {

// What a reload did.
struct Reloaded {
  struct Pack {
    std::string name;
    std::size_t event_types = 0, fields = 0, meters = 0;
  };
  bool changed = false;  // false: the packs are the same, byte for byte
  std::vector<Pack> packs;
  std::size_t meters_kept = 0;   // their counters go on
  std::size_t meters_begun = 0;  // new, or of a changed rule: from 0
  std::size_t meters_gone = 0;
  std::vector<std::string> applied;         // changed settings that are in force now
  std::vector<std::string> warnings;        // patterns that can hardly be meant
  std::vector<std::string> restart_needed;  // changed settings that only a restart applies
};
std::string to_json(const Reloaded& reloaded);

// What the routes need to know. Threads: called from the pool's.
struct ConfigSource {
  std::function<Result<Reloaded>()> reload;
  // The file with what `body` names in place of what it has, in force and durable on return.
  std::function<Result<Reloaded>(std::string_view body, std::string_view actor)> change;
  std::function<std::string()> show;    // as JSON, secrets masked
  std::function<std::string()> policy;  // of it, in the small names
  std::function<Status(std::string_view)> validate;
};

// GET /admin/v1/config; POST /admin/v1/config/validate: 200 `Config is valid`, or as JSON where
// that is accepted {"valid":true,"errors":[]}; 400 with every fault otherwise; nothing is changed.
// POST /admin/v1/config/reload: reads the configuration file and the packs again; 400 with the
// file, the line and the reason where they are wrong, and nothing is changed then.
// POST /admin/v1/config {"message","in_force":[],"restart_needed":[]} and PUT
// /admin/v1/config/policy {"message","policy":{},…}: change the file and what is in force; all of
// it, or nothing and 400 with every fault.
std::vector<http::Route> config_routes(ConfigSource source, http::WorkPool& pool);

}  // namespace sightglass::admin
