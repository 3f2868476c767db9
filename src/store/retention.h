// How long rows stay, by what they are, and which of a file's rows are due.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "store/rollup.h"

namespace sightglass::store {

struct Retention {
  Nanos all_ns = 0;       // of what has no limit of its own; 0: for ever
  Nanos ingested_ns = 0;  // of what applications sent; 0: as all_ns
  struct Rule {
    std::vector<std::string> types;  // of events; `*` and `?`
    Nanos keep_ns = 0;               // 0: for ever
  };
  std::vector<Rule> types;      // the first that fits counts, whoever sent the event
  std::uint64_t max_bytes = 0;  // of all files; past it the oldest go; 0: no bound
  // Of roll-ups; 0: for ever.
  Nanos minutes_ns = 7 * 86'400 * kSecond;
  Nanos hours_ns = 400 * 86'400 * kSecond;
  Nanos days_ns = 0;
  Nanos rollups_ns(RollupStep step) const {
    return step == RollupStep::kMinute ? minutes_ns
           : step == RollupStep::kHour ? hours_ns
                                       : days_ns;
  }
  // Whether roll-ups of this step, all of them before `end_ns`, are to go.
  bool is_due(RollupStep step, Nanos end_ns, Nanos now_ns) const {
    const auto keep = rollups_ns(step);
    return keep != 0 && now_ns > keep && end_ns <= now_ns - keep;
  }
};

// The classes of rows that a retention tells apart: one a rule, what applications sent, the rest.
class RetentionClasses {
 public:
  explicit RetentionClasses(const Retention& retention);

  std::size_t size() const { return keep_ns_.size(); }
  Nanos keep_ns(std::size_t row_class) const { return keep_ns_[row_class]; }  // 0: for ever
  Nanos shortest_ns() const;  // of those that end; 0: none does
  Nanos longest_ns() const;   // 0: some class stays for ever
  bool alike() const;         // all classes stay equally long

  // `SELECT class, <time of its newest row>` over files, for classes that have rows.
  // `has_ingested`: whether the files have this column; without it no row is an application's.
  std::string select_newest(const std::vector<std::string>& paths, bool has_ingested) const;
  // Those rows of `select` that are of none of the classes.
  std::string select_without(const std::string& select, const std::vector<std::size_t>& classes,
                             bool has_ingested) const;

 private:
  std::string class_of_row(bool has_ingested) const;

  std::vector<std::vector<std::string>> types_;
  std::vector<Nanos> keep_ns_;  // by class
};

}  // namespace sightglass::store
