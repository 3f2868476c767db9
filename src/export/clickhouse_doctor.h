// What is wrong with a ClickHouse, before a gateway finds out.
#pragma once

#include <string>
#include <vector>

#include "export/clickhouse.h"

namespace sightglass::exporting {

struct Finding {
  bool ok = true;
  std::string text;  // a sentence; where it is not ok, with the next step
};

// Asks one replica: whether it is reached, lets us in, has the tables as deploy/clickhouse makes
// them, and lets us write. Writes an insert without rows, and nothing else. Ends where nothing
// further can be asked. Errors: kInvalid for an address that is none.
Result<std::vector<Finding>> examine_clickhouse(const ClickHouseOptions& options,
                                                const std::string& url, const Clock& clock);

}  // namespace sightglass::exporting
