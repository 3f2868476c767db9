#include "store/history.h"

#include <algorithm>
#include <limits>
#include <map>

#include "base/crc32c.h"
#include "base/failpoint.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::uint64_t kManifestLimitBytes = 16ull << 20;
constexpr std::size_t kPieceBytes = 1ull << 20;
constexpr std::string_view kParquetMagic = "PAR1";

std::string counted(std::uint64_t n, std::string_view thing) {
  return std::to_string(n) + " " + std::string(thing) + (n == 1 ? "" : "s");
}

// A whole file ends in the magic: one that was cut short does not.
bool looks_whole(FileSystem& fs, const std::string& path, std::uint64_t bytes) {
  auto file = fs.open(path, OpenMode::kRead);
  if (!file) return false;
  const auto size = (*file)->size();
  if (!size || *size != bytes || bytes < 2 * kParquetMagic.size()) return false;
  char magic[4];
  const auto got = (*file)->pread(magic, sizeof magic, bytes - sizeof magic);
  return got && *got == sizeof magic && std::string_view(magic, sizeof magic) == kParquetMagic;
}

Facts joined(const std::vector<ManifestFile>& files, std::size_t first, std::size_t count) {
  auto out = files[first].facts;
  for (std::size_t i = first + 1; i < first + count; ++i) {
    const auto& facts = files[i].facts;
    out.rows += facts.rows;
    out.last = facts.last;
    out.min_time_ns = std::min(out.min_time_ns, facts.min_time_ns);
    out.max_time_ns = std::max(out.max_time_ns, facts.max_time_ns);
    // Not known of one file: of none, and read back from the new one.
    const bool known = out.accepted_to_ns != 0 && facts.accepted_to_ns != 0;
    out.accepted_from_ns = known ? std::min(out.accepted_from_ns, facts.accepted_from_ns) : 0;
    out.accepted_to_ns = known ? std::max(out.accepted_to_ns, facts.accepted_to_ns) : 0;
    out.totals = out.totals + facts.totals;
  }
  return out;
}

// A request is accepted after it has ended; what an application sent may lie in the future.
Nanos newest_request_of(const Facts& facts) {
  return std::min(facts.max_time_ns, facts.newest_accept_ns());
}

std::vector<Column> further_columns(const Schema& schema) {
  return {schema.columns().begin() + kFixedColumns, schema.columns().end()};
}

}  // namespace

Result<ManifestFile> checksum_file(FileSystem& fs, const std::string& path) {
  SG_ASSIGN(const auto file, fs.open(path, OpenMode::kRead));
  ManifestFile out;
  std::string piece(kPieceBytes, '\0');
  for (;;) {
    SG_ASSIGN(const auto got, file->pread(piece.data(), piece.size(), out.bytes));
    if (got == 0) return out;
    out.crc = crc32c(Bytes(piece).substr(0, got), out.crc);
    out.bytes += got;
  }
}

History::History(std::string directory, FileSystem& fs, TableWriter& writer, Telemetry& telemetry,
                 Log& log)
    : directory_(std::move(directory)),
      parquet_(directory_ + "/parquet"),
      rollup_(directory_ + "/rollup"),
      tmp_(directory_ + "/tmp"),
      fs_(fs),
      writer_(writer),
      log_(log),
      orphans_(telemetry.counter("sightglass_store_orphaned_files_total",
                                 "History files that no manifest named, set aside.")),
      damaged_(telemetry.counter("sightglass_store_damaged_files_total",
                                 "History files found missing or damaged, set aside.")) {}

Result<std::unique_ptr<History>> History::open(std::string directory, FileSystem& fs,
                                               TableWriter& writer, Telemetry& telemetry,
                                               Log& log) {
  std::unique_ptr<History> history(new History(std::move(directory), fs, writer, telemetry, log));
  SG_TRY(history->load());
  return history;
}

Status History::load() {
  SG_TRY(fs_.create_directories(directory_));
  SG_TRY(fs_.create_directories(parquet_));
  SG_TRY(fs_.create_directories(rollup_));
  SG_TRY(fs_.create_directories(temporary_directory()));
  SG_TRY(fs_.sync_directory(directory_));
  if (const auto slash = directory_.find_last_of('/'); slash != 0 && slash != directory_.npos) {
    SG_TRY(fs_.sync_directory(directory_.substr(0, slash)));
  }
  SG_TRY(clear_temporary());
  SG_ASSIGN(const auto names, fs_.list(parquet_));
  bool ours = false;
  for (const auto& name : names) {
    ManifestFile named;
    std::uint64_t generation = 0;
    if (!parse_file_name(name, named, generation)) continue;
    ours = true;
    attempt_ = std::max(attempt_, generation);
  }

  SG_ASSIGN(const auto rollups, fs_.list(rollup_));
  for (const auto& name : rollups) {
    ManifestRollup named;
    std::uint64_t number = 0;
    if (parse_rollup_file_name(name, named, number)) attempt_ = std::max(attempt_, number);
  }

  const auto manifest_path = directory_ + "/manifest.json";
  auto text = read_file(fs_, manifest_path, kManifestLimitBytes);
  auto parsed = text ? parse_manifest(*text) : Result<Manifest>(std::unexpected(text.error()));
  bool changed = false;
  if (parsed) {
    manifest_ = std::move(*parsed);
  } else if (parsed.error().code == Code::kCorrupt || parsed.error().code == Code::kNotFound) {
    // Without files a missing manifest is a new store. An empty one is written at once, so that
    // later a missing manifest always means a loss, and never the first seal's crash.
    if (parsed.error().code == Code::kCorrupt) {
      say("the manifest was damaged; it is kept as manifest.damaged and was made again from the "
          "files");
      SG_TRY(fs_.rename(manifest_path, directory_ + "/manifest.damaged"));
    } else if (ours) {
      say("the manifest was missing and was made again from the files");
    }
    SG_ASSIGN(manifest_, rebuild());
    changed = true;
  } else {
    return fail("manifest.json", parsed.error());
  }
  attempt_ = std::max(attempt_, manifest_.generation);
  const auto lost_before = manifest_.lost_files;
  SG_TRY(check_files());
  SG_TRY(set_orphans_aside());
  SG_ASSIGN(const bool mended, check_rollups());
  changed = changed || mended || manifest_.lost_files != lost_before || !manifest_.retired.empty();
  manifest_.retired.clear();
  if (changed) SG_TRY(commit(manifest_, "store.open"));
  SG_TRY(remove_unnamed_rollups());
  publish();
  return {};
}

// Every file says in its name what it covers. Where ranges overlap the wider one counts: a merge
// that was cut off leaves the merged file beside those it replaces.
Result<Manifest> History::rebuild() {
  SG_ASSIGN(const auto names, fs_.list(parquet_));
  std::vector<ManifestFile> found;
  for (const auto& name : names) {
    ManifestFile file;
    std::uint64_t generation = 0;
    if (!parse_file_name(name, file, generation)) continue;
    file.name = name;
    found.push_back(std::move(file));
  }
  std::sort(found.begin(), found.end(), [](const ManifestFile& a, const ManifestFile& b) {
    if (a.covers_from != b.covers_from) return a.covers_from < b.covers_from;
    if (a.covers_to != b.covers_to) return a.covers_to > b.covers_to;
    return a.name > b.name;
  });
  Manifest out;
  for (auto& file : found) {
    if (file.covers_from <= out.covered || file.covers_to < file.covers_from) continue;
    auto facts = writer_.facts(path(file));
    auto sum = checksum_file(fs_, path(file));
    if (!facts || !sum) {
      SG_TRY(set_aside(file.name, "damaged"));
      damaged_.add();
      ++out.lost_files;
      continue;
    }
    file.facts = *facts;
    file.bytes = sum->bytes;
    file.crc = sum->crc;
    out.covered = file.covers_to;
    out.files.push_back(std::move(file));
  }
  auto oldest = std::numeric_limits<Nanos>::max();
  for (const auto& file : out.files) oldest = std::min(oldest, file.facts.min_time_ns);
  SG_ASSIGN(out.rollups, adoptable_rollups(oldest));
  return out;
}

Status History::clear_temporary() {
  for (const auto& folder : {temporary_directory(), tmp_}) {
    SG_ASSIGN(const auto names, fs_.list(folder));
    for (const auto& name : names) {
      if (folder == tmp_ && folder + "/" + name == temporary_directory()) continue;
      SG_TRY(fs_.remove(folder + "/" + name));
    }
  }
  return {};
}

Status History::check_files() {
  std::vector<ManifestFile> good;
  std::uint64_t lost_files = 0, lost_rows = 0;
  for (auto& file : manifest_.files) {
    if (looks_whole(fs_, path(file), file.bytes)) {
      good.push_back(std::move(file));
      continue;
    }
    SG_TRY(set_aside(file.name, "damaged"));
    damaged_.add();
    ++lost_files;
    lost_rows += file.facts.rows;
    manifest_.wanted.push_back(std::move(file));
  }
  manifest_.files = std::move(good);
  manifest_.lost_files += lost_files;
  manifest_.lost_rows += lost_rows;
  if (lost_files != 0) {
    say(counted(lost_files, "history file") + " with " + counted(lost_rows, "row") +
        " missing or damaged; what is left of them is in store/damaged");
  }
  return {};
}

Status History::set_orphans_aside() {
  SG_ASSIGN(const auto names, fs_.list(parquet_));
  std::uint64_t orphans = 0;
  for (const auto& name : names) {
    ManifestFile ours;
    std::uint64_t generation = 0;
    if (!parse_file_name(name, ours, generation)) continue;
    const auto same = [&](const ManifestFile& file) { return file.name == name; };
    if (std::any_of(manifest_.files.begin(), manifest_.files.end(), same)) continue;
    const auto& retired = manifest_.retired;
    if (std::find(retired.begin(), retired.end(), name) != retired.end()) {
      SG_TRY(fs_.remove(parquet_ + "/" + name));
      continue;
    }
    SG_TRY(set_aside(name, "orphaned"));
    orphans_.add();
    ++orphans;
  }
  if (orphans != 0) {
    // Expected after a crash between two steps of a seal; the journal still has these rows.
    log_.warn("store", counted(orphans, "history file") +
                           " that the manifest does not name set aside in store/orphaned");
  }
  return {};
}

Status History::set_aside(const std::string& name, const std::string& folder) {
  const auto from = parquet_ + "/" + name;
  if (!fs_.exists(from)) return {};
  const auto to = directory_ + "/" + folder;
  SG_TRY(fs_.create_directories(to));
  SG_TRY(fs_.rename(from, to + "/" + name));
  SG_TRY(fs_.sync_directory(to));
  return fs_.sync_directory(parquet_);
}

// `steps`: what the failpoints are called, "store.seal" or "store.merge".
Result<ManifestFile> History::write_file(const std::string& steps, const std::string& select,
                                         const Facts& facts, journal::Position from,
                                         journal::Position to) {
  const auto name = file_name(from, to, ++attempt_);
  const auto aside = tmp_ + "/" + name;
  const auto write = [&]() -> Result<ManifestFile> {
    SG_TRY(writer_.write(select, aside));
    SG_FAILPOINT(steps + ".written");
    {
      SG_ASSIGN(const auto file, fs_.open(aside, OpenMode::kRead));
      SG_TRY(file->sync_data());
    }
    SG_FAILPOINT(steps + ".synced");
    SG_ASSIGN(const auto read_back, writer_.facts(aside));
    auto counted = facts;
    if (counted.accepted_to_ns == 0) {
      counted.accepted_from_ns = read_back.accepted_from_ns;
      counted.accepted_to_ns = read_back.accepted_to_ns;
    }
    if (read_back != counted) {
      return fail(Code::kCorrupt, "a sealed file does not hold the rows that were counted");
    }
    SG_ASSIGN(auto out, checksum_file(fs_, aside));
    out.name = name;
    out.covers_from = from;
    out.covers_to = to;
    out.facts = counted;
    SG_TRY(fs_.rename(aside, path(out)));
    failed_.push_back(name);  // until a manifest names it
    SG_FAILPOINT(steps + ".renamed");
    SG_TRY(fs_.sync_directory(parquet_));
    SG_FAILPOINT(steps + ".in_place");
    return out;
  };
  auto out = write();
  if (!out) (void)fs_.remove(aside);  // tmp/ is emptied on opening as well
  return out;
}

Status History::commit(Manifest next, const std::string& steps) {
  next.generation = manifest_.generation + 1;
  next.retired.clear();
  for (const auto& retired : retired_) next.retired.push_back(retired.name);
  SG_TRY(replace_file(fs_, directory_ + "/manifest.json", write_manifest(next)));
  SG_FAILPOINT(steps + ".committed");
  retire_rollups(next);
  manifest_ = std::move(next);
  // A failed commit may have reached the disk and named these; only now nothing does.
  for (const auto& name : failed_) {
    const auto named = [&](const ManifestFile& file) { return file.name == name; };
    if (std::any_of(manifest_.files.begin(), manifest_.files.end(), named)) continue;
    (void)fs_.remove(parquet_ + "/" + name);  // else an orphan for the next opening
  }
  failed_.clear();
  for (const auto& name : failed_rollups_) {
    const auto named = [&](const ManifestRollup& file) { return file.name == name; };
    if (std::any_of(manifest_.rollups.begin(), manifest_.rollups.end(), named)) continue;
    (void)fs_.remove(rollup_ + "/" + name);
  }
  failed_rollups_.clear();
  return {};
}

void History::publish() {
  std::map<std::string, DataFile> known;
  for (const auto& file : files_) known.emplace(file->name, file);
  std::vector<DataFile> files;
  for (const auto& file : manifest_.files) {
    const auto it = known.find(file.name);
    files.push_back(it != known.end() ? it->second : std::make_shared<const ManifestFile>(file));
  }
  files_ = std::move(files);
  std::map<std::string, RollupFile> known_rollups;
  for (const auto& file : rollups_) known_rollups.emplace(file->name, file);
  std::vector<RollupFile> rollups;
  for (const auto& file : manifest_.rollups) {
    const auto it = known_rollups.find(file.name);
    rollups.push_back(it != known_rollups.end() ? it->second
                                                : std::make_shared<const ManifestRollup>(file));
  }
  rollups_ = std::move(rollups);
}

Status History::add(const std::string& select, const Facts& facts, journal::Position covers_to,
                    const Schema& schema) {
  auto next = manifest_;
  if (facts.rows != 0) {
    SG_ASSIGN(auto file, write_file("store.seal", select, facts, manifest_.covered + 1, covers_to));
    next.files.push_back(std::move(file));
  }
  next.columns = further_columns(schema);
  next.covered = covers_to;
  if (next.rolled_up != manifest_.covered) {
    return fail(Code::kInternal, "older rows must be rolled up before newer ones are sealed");
  }
  next.rolled_up = covers_to;
  if (facts.totals.requests != 0) {
    SG_ASSIGN(const auto minutes, writer_.roll_up(select));
    SG_TRY(roll_up(next, minutes));
  }
  SG_TRY(commit(std::move(next), "store.seal"));
  publish();
  return {};
}

Status History::merge(std::size_t first, std::size_t count, const std::string& select,
                      const Schema& schema) {
  const auto& old = manifest_.files;
  SG_ASSIGN(auto file, write_file("store.merge", select, joined(old, first, count),
                                  old[first].covers_from, old[first + count - 1].covers_to));
  return replace(manifest_, first, count, std::move(file), schema);
}

Status History::replace(Manifest next, std::size_t first, std::size_t count, ManifestFile file,
                        const Schema& schema) {
  const auto& old = manifest_.files;
  next.columns = further_columns(schema);
  const auto begin = next.files.begin() + static_cast<std::ptrdiff_t>(first);
  next.files.erase(begin + 1, begin + static_cast<std::ptrdiff_t>(count));
  next.files[first] = std::move(file);
  const auto kept = retired_.size();
  for (auto i = first; i < first + count; ++i) retired_.push_back({old[i].name, files_[i]});
  if (auto committed = commit(std::move(next), "store.merge"); !committed) {
    retired_.resize(kept);
    return committed;
  }
  publish();
  return {};
}

Status History::drop_rows(std::size_t index, const std::string& select, const Schema& schema) {
  const auto& old = manifest_.files[index];
  SG_ASSIGN(const auto facts, writer_.facts_of(select));
  if (facts.rows > old.facts.rows) {
    return fail(Code::kInternal, "a rewriting that was to drop rows would add some");
  }
  if (facts.rows == 0) {
    return expire_files([&](std::size_t i) { return i == index; });
  }
  auto next = manifest_;
  next.expired_rows += old.facts.rows - facts.rows;
  next.expired_totals = next.expired_totals + (old.facts.totals - facts.totals);
  if (facts.totals != old.facts.totals) {
    next.expired_newest_ns = std::max(next.expired_newest_ns, newest_request_of(old.facts));
  }
  SG_ASSIGN(auto file, write_file("store.merge", select, facts, old.covers_from, old.covers_to));
  return replace(std::move(next), index, 1, std::move(file), schema);
}

Result<bool> History::forget_next(const journal::Forget& forget, const Schema& schema,
                                  std::vector<std::string>& looked_at) {
  SG_TRY(forget_in_rollups(forget, looked_at));
  for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
    const auto& file = manifest_.files[i];
    if (std::find(looked_at.begin(), looked_at.end(), file.name) != looked_at.end()) continue;
    const std::vector<std::string> paths = {path(file)};
    SG_ASSIGN(const auto names, writer_.columns(paths));
    const auto there = schema.only(names);
    std::vector<std::string> columns;
    for (const auto& column : there.columns()) {
      if (column.type != duck::Type::kText || !column.in_use) continue;
      SG_ASSIGN(const auto rows, writer_.count(count_rows_with(column, paths, forget)));
      if (rows != 0) columns.push_back(column.name);
    }
    if (columns.empty()) {
      looked_at.push_back(file.name);
    } else {
      SG_TRY(merge(i, 1, select_files_without(there, paths, columns, forget), schema));
    }
    return true;
  }
  SG_TRY(repair_rollups());
  SG_TRY(remove_set_aside());
  return false;
}

// Nothing reads these files; they may hold anything.
Status History::remove_set_aside() {
  std::uint64_t removed = 0;
  for (const auto* const folder : {"/orphaned", "/damaged"}) {
    const auto names = fs_.list(directory_ + folder);
    if (!names) continue;
    for (const auto& name : *names) {
      SG_TRY(fs_.remove(directory_ + folder + "/" + name));
      ++removed;
    }
  }
  SG_TRY(fs_.remove(directory_ + "/manifest.damaged"));
  if (removed != 0) {
    log_.warn("store", counted(removed, "file") +
                           " set aside before deleted: they may hold what is to be forgotten");
  }
  return {};
}

Status History::expire(Nanos before_ns) {
  return expire_files(
      [&](std::size_t i) { return manifest_.files[i].facts.max_time_ns < before_ns; });
}

Status History::expire_past(std::uint64_t bytes) {
  std::uint64_t kept = 0;
  auto first = manifest_.files.size();
  for (; first > 0 && kept + manifest_.files[first - 1].bytes <= bytes; --first) {
    kept += manifest_.files[first - 1].bytes;
  }
  return expire_files([&](std::size_t i) { return i < first; });
}

Status History::expire_files(const std::function<bool(std::size_t)>& is_due) {
  auto next = manifest_;
  next.files.clear();
  const auto kept = retired_.size();
  for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
    const auto& file = manifest_.files[i];
    if (!is_due(i)) {
      next.files.push_back(file);
      continue;
    }
    ++next.expired_files;
    next.expired_rows += file.facts.rows;
    next.expired_totals = next.expired_totals + file.facts.totals;
    if (file.facts.totals.requests != 0) {
      next.expired_newest_ns = std::max(next.expired_newest_ns, newest_request_of(file.facts));
    }
    retired_.push_back({file.name, files_[i]});
  }
  if (retired_.size() == kept) return {};
  if (auto committed = commit(std::move(next), "store.expire"); !committed) {
    retired_.resize(kept);
    return committed;
  }
  publish();
  return {};
}

Result<std::size_t> History::set_damaged_aside(std::size_t first, std::size_t count) {
  auto next = manifest_;
  next.files.clear();
  std::vector<std::string> bad;
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i < manifest_.files.size(); ++i) {
    const auto& file = manifest_.files[i];
    const auto intact = [&] {
      const auto sum = checksum_file(fs_, path(file));
      return sum && sum->bytes == file.bytes && sum->crc == file.crc;
    };
    if (i < first || i - first >= count || intact()) {
      next.files.push_back(file);
      continue;
    }
    bad.push_back(file.name);
    rows += file.facts.rows;
    next.wanted.push_back(file);
  }
  if (bad.empty()) return std::size_t{0};
  next.lost_files += bad.size();
  next.lost_rows += rows;
  SG_TRY(commit(std::move(next), "store.damage"));
  for (const auto& name : bad) SG_TRY(set_aside(name, "damaged"));
  damaged_.add(bad.size());
  say(counted(bad.size(), "history file") + " with " + counted(rows, "row") +
      " damaged; set aside in store/damaged");
  publish();
  return bad.size();
}

Result<ManifestFile> History::write_piece(const std::string& select, const Facts& facts,
                                          journal::Position from, journal::Position to) {
  return write_file("store.rebuild", select, facts, from, to);
}

Status History::settle_lost(std::vector<ManifestFile> pieces, const Schema& schema) {
  auto next = manifest_;
  const auto lost = next.wanted.front();
  next.wanted.erase(next.wanted.begin());
  // What the journal gives must be what the file had: else retention or a forgetting had changed
  // it.
  const bool whole = !pieces.empty() && [&] {
    auto got = joined(pieces, 0, pieces.size());
    if (lost.facts.accepted_to_ns == 0) got.accepted_from_ns = got.accepted_to_ns = 0;
    return got == lost.facts;
  }();
  if (whole) {
    next.columns = further_columns(schema);
    --next.lost_files;
    next.lost_rows -= lost.facts.rows;
    const auto at = std::find_if(next.files.begin(), next.files.end(), [&](const auto& file) {
      return file.covers_from > lost.covers_from;
    });
    next.files.insert(at, pieces.begin(), pieces.end());
  }
  SG_TRY(commit(std::move(next), "store.rebuild"));
  publish();
  say(counted(lost.facts.rows, "row") +
      (whole ? " of a damaged history file made again from the journal"
             : " of a damaged history file stay lost: the journal does not hold them any more"));
  return {};
}

void History::remove_retired() {
  std::erase_if(retired_, [&](const Retired& retired) {
    return retired.holder.expired() && fs_.remove(parquet_ + "/" + retired.name).has_value();
  });
  std::erase_if(retired_rollups_, [&](const RetiredRollup& retired) {
    return retired.holder.expired() && fs_.remove(retired.path).has_value();
  });
}

void History::say(std::string sentence) {
  log_.error("store", sentence);
  if (!report_.empty()) report_ += "; ";
  report_ += sentence;
}

}  // namespace sightglass::store
