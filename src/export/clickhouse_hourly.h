// ClickHouse's table of hourly sums: roll-ups that outlive the rows.
#pragma once

#include <memory>

#include "export/clickhouse.h"
#include "export/destination.h"

namespace sightglass::exporting {

inline constexpr const char* kHourlyTable = "hourly";

// The same servers, asked for the table of hourly sums.
ClickHouseOptions hourly_options(ClickHouseOptions options);

// Each batch is one block of sums, inserted once. Rows of a block have the position of the last
// record that they are made of; a shifted block lacks the requests that are summed already. For an
// outbox whose batches are exact.
// Errors: kInvalid for an address or a file of authorities that is none.
Result<std::unique_ptr<Destination>> make_clickhouse_hourly(const ClickHouseOptions& options,
                                                            const Clock& clock);

}  // namespace sightglass::exporting
