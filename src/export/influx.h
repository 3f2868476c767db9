// InfluxDB's write API, versions 2 and 1, and what else speaks them.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "export/sink.h"

namespace sightglass::exporting {

struct InfluxOptions {
  std::string addr;  // "http://host:8086"
  std::string token, org, bucket;
  std::string database, retention_policy, username, password;  // version 1
  int version = 0;                                             // 0: 2 if the server has it, else 1
  std::string ca_file;
  Nanos timeout_ns = 30 * kSecond;
};

// POSTs to /api/v2/write or /write, packed with gzip. Where the version is not given, an answer
// that the path does not exist makes it version 1, until the connection fails next. Errors:
// kInvalid for an address or a file of authorities that is none.
Result<std::unique_ptr<Sink>> make_influx(const InfluxOptions& options, const Clock& clock);

// What InfluxDB's answer means. `body`: the beginning of what it said; nothing of it is passed on
// but a number.
Verdict read_influx_answer(int status, std::string_view body, std::string_view retry_after);

}  // namespace sightglass::exporting
