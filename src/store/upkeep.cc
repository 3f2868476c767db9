#include "store/upkeep.h"

#include <algorithm>

#include "store/sql.h"

namespace sightglass::store {

Upkeep::Upkeep(const Retention& retention, const CompactionLimits& limits, History& history,
               TableWriter& writer)
    : retention_(retention),
      classes_(retention),
      limits_(limits),
      history_(history),
      writer_(writer) {}

Result<bool> Upkeep::expire(const Schema& schema, Nanos now_ns) {
  for (const auto step : kRollupSteps) {
    const auto keep = retention_.rollups_ns(step);
    if (keep != 0 && now_ns > keep) SG_TRY(history_.expire_rollups(step, now_ns - keep));
  }
  const auto before = history_.files().size();
  const auto longest = classes_.longest_ns();
  if (longest != 0 && now_ns > longest) SG_TRY(history_.expire(now_ns - longest));
  if (retention_.max_bytes != 0) SG_TRY(history_.expire_past(retention_.max_bytes));
  const bool whole = history_.files().size() != before;
  if (classes_.alike()) return whole;
  SG_ASSIGN(const auto rewritten, expire_classes(schema, now_ns));
  return whole || rewritten;
}

// A file's newest row of each class, asked once: files do not change.
Result<const Upkeep::Newest*> Upkeep::newest_of(const ManifestFile& file) {
  if (const auto known = newest_.find(file.name); known != newest_.end()) return &known->second;
  const std::vector<std::string> paths = {history_.path(file)};
  SG_ASSIGN(const auto names, writer_.columns(paths));
  Newest out;
  out.has_ingested = std::find(names.begin(), names.end(), "ingested") != names.end();
  SG_ASSIGN(out.by_class, writer_.pairs(classes_.select_newest(paths, out.has_ingested)));
  return &newest_.emplace(file.name, std::move(out)).first->second;
}

Result<bool> Upkeep::expire_classes(const Schema& schema, Nanos now_ns) {
  const auto& files = history_.manifest().files;
  std::erase_if(newest_, [&](const auto& known) {
    return std::none_of(files.begin(), files.end(),
                        [&](const auto& file) { return file.name == known.first; });
  });
  for (std::size_t i = 0; i < files.size(); ++i) {
    // Most files are too young for any class; this spares opening them.
    if (files[i].facts.min_time_ns >= now_ns - classes_.shortest_ns()) continue;
    SG_ASSIGN(const auto* const newest, newest_of(files[i]));
    std::vector<std::size_t> due;
    for (const auto& [row_class, time_ns] : newest->by_class) {
      const auto keep = classes_.keep_ns(static_cast<std::size_t>(row_class));
      if (keep != 0 && time_ns < now_ns - keep) due.push_back(static_cast<std::size_t>(row_class));
    }
    if (due.empty()) continue;
    const std::vector<std::string> paths = {history_.path(files[i])};
    SG_ASSIGN(const auto names, writer_.columns(paths));
    const auto there = schema.only(names);
    SG_TRY(history_.drop_rows(
        i, classes_.select_without(select_files(there, paths), due, newest->has_ingested), schema));
    return true;
  }
  return false;
}

Result<bool> Upkeep::compact(const Schema& schema, Nanos now_ns) {
  // Else a file could become one of rows that the roll-ups have and of rows that they lack.
  SG_ASSIGN(const bool rolled_up, history_.roll_up_next());
  if (rolled_up) return true;
  const auto& files = history_.manifest().files;
  const auto run = next_compaction(files, limits_, now_ns);
  if (run.count == 0) return false;
  std::vector<std::string> paths;
  for (auto i = run.first; i < run.first + run.count; ++i) paths.push_back(history_.path(files[i]));
  SG_ASSIGN(const auto names, writer_.columns(paths));
  SG_TRY(history_.merge(run.first, run.count, select_files(schema.only(names), paths), schema));
  return true;
}

}  // namespace sightglass::store
