// What becomes of sealed files with time: rows past their limit go, small files become larger ones.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "store/compaction.h"
#include "store/history.h"
#include "store/retention.h"

namespace sightglass::store {

// Threads: the history's. Ownership: history and writer outlive it.
// Each call does one thing, which the caller may interrupt through the writer; then it is kTimeout
// and nothing has changed. True: something was done, there may be more.
class Upkeep {
 public:
  Upkeep(const Retention& retention, const CompactionLimits& limits, History& history,
         TableWriter& writer);

  // Files whose rows are all past their limits, and the oldest past the bound of bytes, go whole;
  // then one file is rewritten without the classes of rows whose newest is past its limit.
  Result<bool> expire(const Schema& schema, Nanos now_ns);
  // One run of neighbours becomes a file.
  Result<bool> compact(const Schema& schema, Nanos now_ns);

 private:
  struct Newest {  // of one file
    bool has_ingested = false;
    std::vector<std::pair<std::int64_t, Nanos>> by_class;
  };
  Result<bool> expire_classes(const Schema& schema, Nanos now_ns);
  Result<const Newest*> newest_of(const ManifestFile& file);

  const Retention retention_;
  const RetentionClasses classes_;
  const CompactionLimits limits_;
  History& history_;
  TableWriter& writer_;
  std::map<std::string, Newest> newest_;  // by file name, of files that there are
};

}  // namespace sightglass::store
