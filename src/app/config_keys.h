// What may become of each key of the configuration while the server runs, as data.
#pragma once

#include <string_view>

namespace sightglass::app {

// `path` as in the reference: "logging.file.path", "providers[].id". A reload puts such a key in
// force; any other waits for a restart.
bool takes_effect_at_once(std::string_view path);

// The admin API may not change it: what opens a door of the server's own, names a file of this
// machine, or keeps the audit trail. Whoever has the admin key has not the machine.
bool stands_in_the_file_only(std::string_view path);

}  // namespace sightglass::app
