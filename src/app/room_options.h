// What the configuration says, in the words of the rooms.
#pragma once

#include "app/config.h"
#include "base/clock.h"
#include "event/catalogue.h"
#include "http/auth.h"
#include "http/server.h"
#include "journal/record.h"
#include "logs/logs.h"
#include "store/retention.h"

namespace sightglass::app {

// `to_file`: with the JSON log; without, as long as nothing is recorded yet.
logs::Options log_options(const Config& config, const Clock& clock, bool to_file);
logs::ActivityOptions activity_options(const Config& config, journal::Position begin_at);
// Errors: a type, pack or duration that is none.
Result<store::Retention> retention_options(const Config& config, const event::Catalogue& catalogue);
logs::FileOptions audit_options(const Config& config);
// All but the error shape. `socket_path`: of the commands on this machine. Errors: an address that
// is none, a certificate that cannot be read.
Result<http::ServerOptions> server_options(const Config& config, const std::string& socket_path);
http::AuthOptions auth_options(const Config& config, bool loopback);

}  // namespace sightglass::app
