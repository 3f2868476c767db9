#include "store/retention.h"

#include <algorithm>

#include "store/sql.h"

namespace sightglass::store {

RetentionClasses::RetentionClasses(const Retention& retention) {
  for (const auto& rule : retention.types) {
    types_.push_back(rule.types);
    keep_ns_.push_back(rule.keep_ns);
  }
  keep_ns_.push_back(retention.ingested_ns != 0 ? retention.ingested_ns : retention.all_ns);
  keep_ns_.push_back(retention.all_ns);
}

Nanos RetentionClasses::shortest_ns() const {
  Nanos out = 0;
  for (const auto keep : keep_ns_) {
    if (keep != 0 && (out == 0 || keep < out)) out = keep;
  }
  return out;
}

Nanos RetentionClasses::longest_ns() const {
  Nanos out = 0;
  for (const auto keep : keep_ns_) {
    if (keep == 0) return 0;
    out = std::max(out, keep);
  }
  return out;
}

bool RetentionClasses::alike() const {
  return std::all_of(keep_ns_.begin(), keep_ns_.end(),
                     [&](Nanos keep) { return keep == keep_ns_.front(); });
}

// GLOB is case-sensitive and knows `*` and `?`; brackets are refused with the configuration.
std::string RetentionClasses::class_of_row(bool has_ingested) const {
  const auto rules = types_.size();
  std::string sql = "CASE";
  for (std::size_t i = 0; i < rules; ++i) {
    std::string names;
    sql += " WHEN ";
    for (const auto& type : types_[i]) {
      if (type.find_first_of("*?") == type.npos) {
        names += (names.empty() ? "" : ", ") + duck::quoted_text(type);
      } else {
        sql += "event_type GLOB " + duck::quoted_text(type) + " OR ";
      }
    }
    sql +=
        (names.empty() ? "false" : "event_type IN (" + names + ")") + " THEN " + std::to_string(i);
  }
  sql += std::string(" WHEN ") + (has_ingested ? "coalesce(ingested, false)" : "false") + " THEN " +
         std::to_string(rules);
  return sql + " ELSE " + std::to_string(rules + 1) + " END";
}

std::string RetentionClasses::select_newest(const std::vector<std::string>& paths,
                                            bool has_ingested) const {
  return "SELECT " + class_of_row(has_ingested) + "::BIGINT, max(epoch_ns(event_time)) FROM " +
         scan_files(paths) + " GROUP BY 1 ORDER BY 1";
}

std::string RetentionClasses::select_without(const std::string& select,
                                             const std::vector<std::size_t>& classes,
                                             bool has_ingested) const {
  std::string list;
  for (const auto one : classes) list += (list.empty() ? "" : ", ") + std::to_string(one);
  return "SELECT * FROM (" + select + ") WHERE " + class_of_row(has_ingested) + " NOT IN (" + list +
         ")";
}

}  // namespace sightglass::store
