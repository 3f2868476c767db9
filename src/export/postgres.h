// PostgreSQL as an outbox's destination: sums by the hour, in the tables of
// deploy/postgres/schema.sql.
#pragma once

#include <memory>
#include <string>

#include "export/destination.h"
#include "export/pg_link.h"

namespace sightglass::exporting {

inline constexpr int kPostgresSchema = 1;  // the version that schema.sql makes

// A batch is one transaction: it adds its requests to their hours and moves the mark of this
// journal behind them. Requests that the mark already covers are left out, so that each counts once
// whatever is sent again: a batch cut otherwise after a restart, one whose commit was never
// answered, the whole journal.
// `gateway`: stands in the rows. `journal`: names the data folder, so that two gateways of one name
// add to the same rows and neither hides the other's.
// Errors: of the system. A server that is away is none.
Result<std::unique_ptr<Destination>> make_postgres(PgOptions options, std::string gateway,
                                                   std::string journal, const Clock& clock);

}  // namespace sightglass::exporting
