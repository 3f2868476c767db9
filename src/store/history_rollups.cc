// The roll-ups' part of the history: each seal adds its requests to the file of every minute, hour
// and day that they fall into, as new files beside the old; the seal's manifest names the new ones.
#include <algorithm>

#include "base/crc32c.h"
#include "base/failpoint.h"
#include "store/history.h"
#include "store/rollup_merge.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::uint64_t kRollupLimitBytes = 256ull << 20;

auto place_of(std::vector<ManifestRollup>& rollups, RollupStep step, Nanos partition) {
  return std::lower_bound(rollups.begin(), rollups.end(), std::pair(step, partition),
                          [](const ManifestRollup& file, const auto& place) {
                            return std::pair(file.step, file.partition_ns) < place;
                          });
}

}  // namespace

namespace {

// The bytes that the manifest names.
Result<std::string> read_rollup_bytes(FileSystem& fs, const std::string& path,
                                      const ManifestRollup& file) {
  SG_ASSIGN(auto bytes, read_file(fs, path, kRollupLimitBytes));
  if (bytes.size() != file.bytes || crc32c(bytes) != file.crc) {
    return fail(Code::kCorrupt, "a roll-up file is damaged");
  }
  return bytes;
}

Status check_place(RollupStep step, Nanos partition, const ManifestRollup& file) {
  if (step == file.step && partition == file.partition_ns) return {};
  return fail(Code::kCorrupt, "a roll-up file is not what its name says");
}

// What a file holds once these are added.
Result<std::string> merged_file(FileSystem& fs, const std::string& path, const ManifestRollup& file,
                                RollupCells cells) {
  SG_ASSIGN(const auto bytes, read_rollup_bytes(fs, path, file));
  ByteReader in({});
  SG_ASSIGN(const auto head, read_rollup_head(bytes, in));
  SG_TRY(check_place(head.step, head.partition_ns, file));
  return merge_rollup(bytes, cells);
}

RollupCells all_of(const RollupTable& table) {
  return {table.cells().begin(), table.cells().end()};
}

}  // namespace

Result<DecodedRollup> read_rollup_file(FileSystem& fs, const std::string& path,
                                       const ManifestRollup& file) {
  SG_ASSIGN(const auto bytes, read_rollup_bytes(fs, path, file));
  SG_ASSIGN(auto out, decode_rollup(bytes));
  SG_TRY(check_place(out.step, out.partition_ns, file));
  return out;
}

Status visit_rollup_file(FileSystem& fs, const std::string& path, const ManifestRollup& file,
                         const RollupVisitor& each) {
  SG_ASSIGN(const auto bytes, read_rollup_bytes(fs, path, file));
  ByteReader in({});
  SG_ASSIGN(const auto head, read_rollup_head(bytes, in));
  SG_TRY(check_place(head.step, head.partition_ns, file));
  return visit_cells(in, head, each);
}

Result<ManifestRollup> History::write_rollup(RollupStep step, Nanos partition, RollupCells cells,
                                             const ManifestRollup* old) {
  std::string bytes;
  if (old == nullptr) {
    bytes = encode_rollup(step, partition, cells);
  } else if (auto merged = merged_file(fs_, path(*old), *old, cells)) {
    bytes = std::move(*merged);
  } else if (merged.error().code == Code::kCorrupt || merged.error().code == Code::kNotFound) {
    damaged_.add();
    say("a roll-up file was damaged and made again from the rows that are left; what had expired "
        "is lost");
    SG_ASSIGN(auto sum, cells_of_rows(step, partition));
    for (auto at = cells.first; at != cells.last; ++at) sum.add(at->first, at->second);
    bytes = encode_rollup(step, partition, sum);
  } else {
    return std::unexpected(std::move(merged).error());
  }
  ManifestRollup out;
  out.name = rollup_file_name(step, partition, ++attempt_);
  out.step = step;
  out.partition_ns = partition;
  out.bytes = bytes.size();
  out.crc = crc32c(bytes);
  const auto aside = tmp_ + "/" + out.name;
  const auto write = [&]() -> Status {
    {
      SG_ASSIGN(const auto file, fs_.open(aside, OpenMode::kCreateNew));
      SG_TRY(file->append(bytes));
      SG_FAILPOINT("store.rollup.written");
      SG_TRY(file->sync_data());
    }
    SG_TRY(fs_.rename(aside, path(out)));
    failed_rollups_.push_back(out.name);  // until a manifest names it
    SG_FAILPOINT("store.rollup.renamed");
    return {};
  };
  if (auto written = write(); !written) {
    (void)fs_.remove(aside);
    return std::unexpected(std::move(written).error());
  }
  return out;
}

Status History::roll_up(Manifest& next, const RollupTable& minutes) {
  RollupTable longer;
  for (const auto step : kRollupSteps) {
    // Days of hours, hours of minutes: there are fewer of them.
    if (step != RollupStep::kMinute) {
      longer = (step == RollupStep::kHour ? minutes : longer).coarser(step);
    }
    const auto& cells = (step == RollupStep::kMinute ? minutes : longer).cells();
    // A partition's cells stand together.
    for (auto first = cells.begin(); first != cells.end();) {
      const auto partition = begin_of(first->first.start_ns, partition_ns(step));
      RollupKey end;
      end.start_ns = partition + partition_ns(step);
      const auto last = cells.lower_bound(end);
      const auto at = place_of(next.rollups, step, partition);
      const bool there =
          at != next.rollups.end() && at->step == step && at->partition_ns == partition;
      SG_ASSIGN(auto file, write_rollup(step, partition, {first, last}, there ? &*at : nullptr));
      if (there) {
        *at = std::move(file);
      } else {
        next.rollups.insert(at, std::move(file));
      }
      first = last;
    }
  }
  SG_TRY(fs_.sync_directory(rollup_));
  SG_FAILPOINT("store.rollup.in_place");
  return {};
}

Result<bool> History::roll_up_next() {
  if (manifest_.rolled_up == manifest_.covered) return false;
  auto next = manifest_;
  const auto file =
      std::find_if(next.files.begin(), next.files.end(),
                   [&](const ManifestFile& one) { return one.covers_to > next.rolled_up; });
  if (file == next.files.end()) {
    next.rolled_up = next.covered;
  } else {
    const std::vector<std::string> paths = {path(*file)};
    SG_ASSIGN(const auto minutes, writer_.roll_up("SELECT * FROM " + scan_files(paths)));
    next.rolled_up = file->covers_to;
    SG_TRY(roll_up(next, minutes));
  }
  SG_TRY(commit(std::move(next), "store.rollup"));
  publish();
  return true;
}

Status History::expire_rollups(RollupStep step, Nanos before_ns) {
  auto next = manifest_;
  const auto gone = std::erase_if(next.rollups, [&](const ManifestRollup& file) {
    return file.step == step && file.end_ns() <= before_ns;
  });
  if (gone == 0) return {};
  SG_TRY(commit(std::move(next), "store.expire"));
  publish();
  return {};
}

// What `next` no longer names, which queries may still read.
void History::retire_rollups(const Manifest& next) {
  for (const auto& file : rollups_) {
    const auto same = [&](const ManifestRollup& one) { return one.name == file->name; };
    if (std::any_of(next.rollups.begin(), next.rollups.end(), same)) continue;
    retired_rollups_.push_back({path(*file), file});
  }
}

// A name that is to be forgotten becomes none: the requests count on among those without one.
Status History::forget_in_rollups(const journal::Forget& forget,
                                  std::vector<std::string>& looked_at) {
  auto next = manifest_;
  bool changed = false;
  for (auto& file : next.rollups) {
    if (std::find(looked_at.begin(), looked_at.end(), file.name) != looked_at.end()) continue;
    looked_at.push_back(file.name);
    const auto read = read_rollup_file(fs_, path(file), file);
    if (!read) {
      // Made again in the end from rows, which have been rewritten by then.
      const auto code = read.error().code;
      if (code == Code::kCorrupt || code == Code::kNotFound) continue;
      return std::unexpected(read.error());
    }
    RollupTable without;
    bool holds = false;
    for (const auto& [key, cell] : read->table.cells()) {
      auto left = key;
      for (auto* const name : {&left.provider, &left.client, &left.model, &left.key, &left.outcome,
                               &left.error_type}) {
        if (name->empty() || !forget.names(*name)) continue;
        name->clear();
        holds = true;
      }
      without.add(left, cell);
    }
    if (!holds) continue;
    SG_ASSIGN(file, write_rollup(file.step, file.partition_ns, all_of(without), nullptr));
    looked_at.push_back(file.name);
    changed = true;
  }
  if (!changed) return {};
  SG_TRY(fs_.sync_directory(rollup_));
  SG_TRY(commit(std::move(next), "store.merge"));
  publish();
  return {};
}

// Reads as little as opening a store may cost: sizes. True when the manifest changed.
Result<bool> History::check_rollups() {
  std::vector<ManifestRollup> good, lost;
  for (auto& file : manifest_.rollups) {
    const auto opened = fs_.open(path(file), OpenMode::kRead);
    const auto size = opened ? (*opened)->size() : Result<std::uint64_t>(0);
    const bool whole = opened && size && *size == file.bytes;
    (whole ? good : lost).push_back(std::move(file));
  }
  manifest_.rollups = std::move(good);
  if (lost.empty()) return false;
  SG_TRY(mend(manifest_, lost));
  return true;
}

Status History::repair_rollups() {
  std::vector<ManifestRollup> lost;
  auto next = manifest_;
  std::erase_if(next.rollups, [&](const ManifestRollup& file) {
    if (read_rollup_file(fs_, path(file), file)) return false;
    lost.push_back(file);
    return true;
  });
  if (lost.empty()) return {};
  SG_TRY(mend(next, lost));
  SG_TRY(commit(std::move(next), "store.damage"));
  publish();
  return {};
}

// Makes partitions again that `next` no longer has.
Status History::mend(Manifest& next, const std::vector<ManifestRollup>& lost) {
  for (const auto& file : lost) {
    SG_ASSIGN(const auto cells, cells_of_rows(file.step, file.partition_ns));
    damaged_.add();
    if (cells.cells().empty()) continue;
    SG_ASSIGN(auto made, write_rollup(file.step, file.partition_ns, all_of(cells), nullptr));
    next.rollups.insert(place_of(next.rollups, file.step, file.partition_ns), std::move(made));
  }
  SG_TRY(fs_.sync_directory(rollup_));
  say(std::to_string(lost.size()) + " roll-up file" + (lost.size() == 1 ? "" : "s") +
      " missing or damaged and made again from the rows that are left; what had expired is lost");
  return {};
}

Result<RollupTable> History::cells_of_rows(RollupStep step, Nanos partition) {
  RollupTable out;
  const auto end = partition + partition_ns(step);
  for (const auto& file : manifest_.files) {
    if (file.covers_to > manifest_.rolled_up) continue;  // is still to be added
    if (file.facts.max_time_ns < partition || file.facts.min_time_ns >= end) continue;
    const std::vector<std::string> paths = {path(file)};
    SG_ASSIGN(const auto minutes, writer_.roll_up("SELECT * FROM " + scan_files(paths)));
    const auto steps = minutes.coarser(step);
    for (const auto& [key, cell] : steps.cells()) {
      if (key.start_ns >= partition && key.start_ns < end) out.add(key, cell);
    }
  }
  return out;
}

// When the manifest was lost: of each partition that ends before any row that is left, the newest
// file that reads well. The others are made again from the rows.
Result<std::vector<ManifestRollup>> History::adoptable_rollups(Nanos before_ns) {
  SG_ASSIGN(const auto names, fs_.list(rollup_));
  std::map<std::pair<RollupStep, Nanos>, std::pair<std::uint64_t, ManifestRollup>> found;
  for (const auto& name : names) {
    ManifestRollup file;
    std::uint64_t number = 0;
    if (!parse_rollup_file_name(name, file, number) || file.end_ns() > before_ns) continue;
    file.name = name;
    const auto sum = checksum_file(fs_, path(file));
    if (!sum) continue;
    file.bytes = sum->bytes;
    file.crc = sum->crc;
    if (!read_rollup_file(fs_, path(file), file)) continue;
    auto& best = found[{file.step, file.partition_ns}];
    if (number > best.first) best = {number, std::move(file)};
  }
  std::vector<ManifestRollup> out;
  for (auto& [place, file] : found) out.push_back(std::move(file.second));
  return out;
}

// Left by an attempt that a crash cut off. They hold nothing that rows or journal do not.
Status History::remove_unnamed_rollups() {
  SG_ASSIGN(const auto names, fs_.list(rollup_));
  for (const auto& name : names) {
    ManifestRollup ours;
    std::uint64_t number = 0;
    if (!parse_rollup_file_name(name, ours, number)) continue;
    const auto same = [&](const ManifestRollup& file) { return file.name == name; };
    if (std::any_of(manifest_.rollups.begin(), manifest_.rollups.end(), same)) continue;
    SG_TRY(fs_.remove(rollup_ + "/" + name));
  }
  return {};
}

}  // namespace sightglass::store
