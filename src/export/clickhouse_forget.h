// Takes a person out of a gateway's rows in ClickHouse.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "export/clickhouse.h"
#include "journal/forget.h"
#include "journal/record.h"

namespace sightglass::exporting {

// Rows stay, as in the embedded store: what named the person becomes NULL, in the lists of further
// fields an empty text. Only columns that can hold an identifier are looked at.
// Source: ClickHouse documentation, "Mutations"; tried on 18.16.
// Threads: forget() from one; stop_by() from any.
class ClickHouseForgetting {
 public:
  // Errors: kInvalid for an address or a file of authorities that is none.
  static Result<std::unique_ptr<ClickHouseForgetting>> make(const ClickHouseOptions& options,
                                                            const Clock& clock);

  // One step. True: no replica has one of the texts in a row up to `up_to`. False: they are being
  // rewritten; ask again after a while. Errors: kUnavailable, with the next step; nothing is lost
  // by asking again. Cost: each replica reads these columns of the gateway's rows.
  Result<bool> forget(const journal::Forget& texts, journal::Position up_to);
  void stop_by(Nanos monotonic_ns);

 private:
  ClickHouseForgetting(const ClickHouseOptions& options, const Clock& clock)
      : options_(options), clock_(clock) {}
  Status rewrite(ClickHouseNode& node, const std::string& sql);
  Result<std::int64_t> number(ClickHouseNode& node, const std::string& sql);

  const ClickHouseOptions options_;
  const Clock& clock_;
  std::string last_sql_;  // that was told last, and when (monotonic)
  Nanos told_ns_ = 0;
  std::vector<std::unique_ptr<ClickHouseNode>> nodes_;
};

// The statement that counts the rows which name one of them, and the one that rewrites these.
std::string count_named(const ClickHouseOptions& options, const journal::Forget& texts,
                        journal::Position up_to);
std::string rewrite_named(const ClickHouseOptions& options, const journal::Forget& texts,
                          journal::Position up_to);

}  // namespace sightglass::exporting
