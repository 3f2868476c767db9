#include "store/file_rows.h"

#include <algorithm>

#include "store/queries.h"
#include "store/sql.h"

namespace sightglass::store {
namespace {

constexpr std::uint64_t kManifestLimitBytes = 16ull << 20;
// A file that was replaced after the manifest was read is looked for in the next one so often.
constexpr int kAttempts = 50;

bool overlaps(const ManifestFile& file, Range range) {
  return file.facts.max_time_ns >= range.start_ns && file.facts.min_time_ns < range.end_ns;
}

std::string in_range(Range range) {
  return "event_time >= make_timestamp_ns(" + std::to_string(range.start_ns) +
         ") AND event_time < make_timestamp_ns(" + std::to_string(range.end_ns) + ")";
}

}  // namespace

Result<std::unique_ptr<FileRows>> FileRows::open(std::string directory, FileSystem& fs,
                                                 std::uint64_t memory_limit_bytes) {
  if (directory.find_first_of("*?[]{}") != std::string::npos) {
    return fail(Code::kInvalid, "the store's folder may not have any of *?[]{} in its path");
  }
  std::unique_ptr<FileRows> out(new FileRows(std::move(directory), fs));
  SG_TRY(out->read_manifest());
  SG_ASSIGN(out->database_, duck::Database::open({.memory_limit_bytes = memory_limit_bytes,
                                                  .temporary_directory = ""}));
  SG_ASSIGN(auto connection, out->database_->connect());
  out->connection_.emplace(std::move(connection));
  return out;
}

Status FileRows::read_manifest() {
  const auto text = read_file(fs_, directory_ + "/manifest.json", kManifestLimitBytes);
  if (!text && text.error().code == Code::kNotFound) {
    return fail(Code::kNotFound, "there is no history in " + directory_ +
                                     "; name the server's data folder with --data");
  }
  if (!text) return std::unexpected(text.error());
  SG_ASSIGN(manifest_, parse_manifest(*text));
  schema_ = Schema();
  for (const auto& column : manifest_.columns) {
    const auto id = schema_.add(column.name, column.type);
    if (id != kNoColumn && column.in_use) schema_.use(id);
  }
  columns_.clear();
  for (const auto& column : schema_.columns()) {
    if (column.in_use) columns_.push_back(column.name);
  }
  return {};
}

Status FileRows::each(Range range, const std::function<Status(const StoredEvent&)>& row) {
  range = within_engine(range);
  journal::Position done = 0;
  int missed = 0;
  for (;;) {
    const auto& files = manifest_.files;
    const auto file = std::find_if(files.begin(), files.end(), [&](const ManifestFile& one) {
      return one.facts.last > done && overlaps(one, range);
    });
    if (file == files.end()) return {};
    const auto last = file->facts.last;
    const auto name = file->name;
    const std::string paths[] = {path(*file)};
    std::optional<Error> stopped;  // by `row`, which is not the file's fault
    const auto read = connection_->each("SELECT * FROM " + scan_files(paths) + " WHERE pos > " +
                                            std::to_string(done) + " AND " + in_range(range),
                                        {}, [&](const duck::Rows& rows) -> Status {
                                          for (std::size_t i = 0; i < rows.size(); ++i) {
                                            const auto event = event_of(rows, i);
                                            if (auto taken = row(event); !taken) {
                                              stopped = taken.error();
                                              return taken;
                                            }
                                            done = event.position;
                                          }
                                          return {};
                                        });
    if (stopped) return std::unexpected(*stopped);
    if (read) {
      done = std::max(done, last);
      missed = 0;
      continue;
    }
    SG_TRY(read_manifest());
    const bool still_named = std::any_of(manifest_.files.begin(), manifest_.files.end(),
                                         [&](const ManifestFile& one) { return one.name == name; });
    if (still_named || ++missed == kAttempts) return std::unexpected(read.error());
  }
}

Result<std::uint64_t> FileRows::copy_parquet(Range range,
                                             const std::vector<std::uint64_t>* positions,
                                             const std::string& path_out) {
  range = within_engine(range);
  std::string where = in_range(range);
  if (positions != nullptr) {
    SG_TRY(connection_->run("CREATE OR REPLACE TABLE wanted (pos UBIGINT)"));
    SG_ASSIGN(auto appender, connection_->appender("wanted"));
    const duck::Type types[] = {duck::Type::kUbigint};
    duck::Chunk chunk(types);
    for (const auto position : *positions) {
      chunk.set_integer(0, static_cast<std::int64_t>(position));
      chunk.next_row();
      if (!chunk.full()) continue;
      SG_TRY(appender.append(chunk));
      chunk.clear();
    }
    if (chunk.size() != 0) SG_TRY(appender.append(chunk));
    where += " AND pos IN (SELECT pos FROM wanted)";
  }
  for (int attempt = 0;; ++attempt) {
    std::vector<std::string> paths;
    for (const auto& file : manifest_.files) {
      if (overlaps(file, range)) paths.push_back(path(file));
    }
    const auto schema = schema_.only(columns_);
    // Without a file the empty part alone gives a table without rows.
    auto select = select_files(schema, paths);
    if (paths.empty()) select = select.substr(0, select.find(" UNION ALL BY NAME"));
    const auto copied = connection_->run(
        copy_to_parquet("SELECT * FROM (" + select + ") WHERE " + where, path_out));
    if (copied) break;
    const auto before = manifest_.generation;
    SG_TRY(fs_.remove(path_out));
    SG_TRY(read_manifest());
    if (manifest_.generation == before || attempt == kAttempts) {
      return std::unexpected(copied.error());
    }
  }
  const std::string made[] = {path_out};
  SG_ASSIGN(const auto rows, connection_->query("SELECT count(*) FROM " + scan_files(made)));
  return static_cast<std::uint64_t>(rows.integer(0, 0));
}

}  // namespace sightglass::store
