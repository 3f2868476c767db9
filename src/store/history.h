// The sealed part of the store: files, their manifest, and the order in which they change.
//
//   <store>/manifest.json   the only truth
//   <store>/parquet/        the files that it names; people may glob this folder
//   <store>/rollup/         roll-ups, which the manifest names likewise
//   <store>/tmp/            files being written; emptied on opening
//   <store>/orphaned/       files of our naming that no manifest named
//   <store>/damaged/        files whose size or checksum is wrong
//
// Order of a seal, each step's failure harmless: write to tmp/; fdatasync the file; read it back
// and compare with what was counted; rename into parquet/; fsync that folder; manifest aside,
// fdatasync, rename, fsync; only then is the journal covered. An attempt never reuses a name.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "base/log.h"
#include "base/telemetry.h"
#include "journal/forget.h"
#include "store/manifest.h"
#include "store/rollup_merge.h"

namespace sightglass::store {

// Who writes and reads Parquet: the engine, or a fake where a test is about the order.
// Paths are taken as they are; nothing is synced.
class TableWriter {
 public:
  virtual ~TableWriter() = default;
  virtual Status write(const std::string& select, const std::string& path) = 0;
  virtual Result<Facts> facts(const std::string& path) = 0;
  // The same of rows that stand in no file yet.
  virtual Result<Facts> facts_of(const std::string& select) = 0;
  // The one number that `select` gives.
  virtual Result<std::uint64_t> count(const std::string& select) = 0;
  // The names of the columns that at least one of the files has.
  virtual Result<std::vector<std::string>> columns(const std::vector<std::string>& paths) = 0;
  // The roll-up by minute of the terminal rows among these.
  virtual Result<RollupTable> roll_up(const std::string& select) = 0;
  // The rows of a `select` of two integers.
  virtual Result<std::vector<std::pair<std::int64_t, std::int64_t>>> pairs(
      const std::string& select) = 0;
  // Each row of a `select` of an integer and a text, however many there are.
  virtual Status texts(const std::string& select,
                       const std::function<void(std::int64_t, std::string_view)>& row) = 0;
};

// A sealed file as queries hold it. The file stays in its place as long as anybody holds this.
using DataFile = std::shared_ptr<const ManifestFile>;
using RollupFile = std::shared_ptr<const ManifestRollup>;

// Threads: one at a time. Bounds: one manifest of some 400 bytes a file; 16 MiB are read at most.
class History {
 public:
  // Errors: kVersion, from a newer version. A damaged or missing manifest beside files is made
  // again from the files, and report() says so. What is damaged or unnamed is set aside.
  static Result<std::unique_ptr<History>> open(std::string directory, FileSystem& fs,
                                               TableWriter& writer, Telemetry& telemetry, Log& log);

  // The rows of `select`, which cover the journal up to `covers_to`. No rows: no file, but the
  // journal is covered. Errors leave everything as it was; the same call may be repeated.
  Status add(const std::string& select, const Facts& facts, journal::Position covers_to,
             const Schema& schema);
  // Adds the rows of the first file that are not in the roll-ups yet: those of a version without,
  // or of a manifest that was made again. False when there is none. add() needs it to be so.
  Result<bool> roll_up_next();
  // Roll-up files of this step that end at or before the time go.
  Status expire_rollups(RollupStep step, Nanos before_ns);
  // Replaces the files at [first, first + count) by one with the same rows.
  Status merge(std::size_t first, std::size_t count, const std::string& select,
               const Schema& schema);
  // Rewrites the first file, other than those in `looked_at`, that holds one of the texts, and adds
  // to `looked_at` those that hold none; roll-ups at once. False when no file is left; then what
  // was set aside (orphaned, damaged) is deleted, too.
  Result<bool> forget_next(const journal::Forget& forget, const Schema& schema,
                           std::vector<std::string>& looked_at);
  // Replaces a file by one with the rows of `select`, which are some of its own; without any it
  // goes. What is missing is counted as expired.
  Status drop_rows(std::size_t index, const std::string& select, const Schema& schema);
  // Files whose newest row is older go, whole.
  Status expire(Nanos before_ns);
  // The oldest files go, whole, until those left are no larger together.
  Status expire_past(std::uint64_t bytes);
  // Reads `count` files from the one at `first` on; those with a wrong checksum are set aside. The
  // number of them. The engine itself does not notice every wrong byte.
  Result<std::size_t> set_damaged_aside(std::size_t first, std::size_t count);
  // One file of rows that were lost, in its place but in no manifest yet.
  Result<ManifestFile> write_piece(const std::string& select, const Facts& facts,
                                   journal::Position from, journal::Position to);
  // Ends the search for the first of manifest().wanted: these files have its rows, all of them, or
  // else it stays lost and the files are removed.
  Status settle_lost(std::vector<ManifestFile> pieces, const Schema& schema);
  // Reads every roll-up file; those that are damaged are made again from the rows that are left.
  Status repair_rollups();
  // Unlinks what was replaced or expired and nobody holds any more.
  void remove_retired();
  bool has_retired() const { return !retired_.empty() || !retired_rollups_.empty(); }

  const Manifest& manifest() const { return manifest_; }
  const std::vector<DataFile>& files() const { return files_; }
  const std::vector<RollupFile>& rollups() const { return rollups_; }
  std::string path(const ManifestRollup& file) const { return rollup_ + "/" + file.name; }
  std::string path(const ManifestFile& file) const { return parquet_ + "/" + file.name; }
  const std::string& report() const { return report_; }  // for people; empty when all is well
  std::string temporary_directory() const { return tmp_ + "/engine"; }

 private:
  History(std::string directory, FileSystem& fs, TableWriter& writer, Telemetry& telemetry,
          Log& log);
  Status load();
  Result<Manifest> rebuild();
  Status clear_temporary();
  Status check_files();
  Status set_orphans_aside();
  Status set_aside(const std::string& name, const std::string& folder);
  Result<ManifestFile> write_file(const std::string& steps, const std::string& select,
                                  const Facts& facts, journal::Position from, journal::Position to);
  Status replace(Manifest next, std::size_t first, std::size_t count, ManifestFile file,
                 const Schema& schema);
  Status expire_files(const std::function<bool(std::size_t)>& is_due);
  Status commit(Manifest next, const std::string& steps);
  // Adds the cells to the roll-ups that `next` names, in new files.
  Status roll_up(Manifest& next, const RollupTable& minutes);
  Result<ManifestRollup> write_rollup(RollupStep step, Nanos partition_ns, RollupCells cells,
                                      const ManifestRollup* old);
  void retire_rollups(const Manifest& next);
  Status remove_unnamed_rollups();
  Result<bool> check_rollups();
  Status mend(Manifest& next, const std::vector<ManifestRollup>& lost);
  // What the rows that the roll-ups have say of a partition.
  Result<RollupTable> cells_of_rows(RollupStep step, Nanos partition_ns);
  Result<std::vector<ManifestRollup>> adoptable_rollups(Nanos before_ns);
  Status remove_set_aside();
  Status forget_in_rollups(const journal::Forget& forget, std::vector<std::string>& looked_at);
  void publish();
  void say(std::string sentence);

  const std::string directory_, parquet_, rollup_, tmp_;
  FileSystem& fs_;
  TableWriter& writer_;
  Log& log_;
  Counter& orphans_;
  Counter& damaged_;
  Manifest manifest_;
  std::vector<DataFile> files_;
  std::vector<RollupFile> rollups_;
  struct Retired {
    std::string name;
    std::weak_ptr<const ManifestFile> holder;
  };
  struct RetiredRollup {
    std::string path;
    std::weak_ptr<const ManifestRollup> holder;
  };
  std::vector<RetiredRollup> retired_rollups_;
  std::vector<Retired> retired_;
  std::uint64_t attempt_ = 0;  // never below any name's generation
  // Files of attempts that came to nothing.
  std::vector<std::string> failed_, failed_rollups_;
  std::string report_;
};

// The cells of a roll-up file that the manifest names so.
Result<DecodedRollup> read_rollup_file(FileSystem& fs, const std::string& path,
                                       const ManifestRollup& file);
// The same, one by one.
Status visit_rollup_file(FileSystem& fs, const std::string& path, const ManifestRollup& file,
                         const RollupVisitor& each);

// The checksum and size of a file, read in pieces of 1 MiB.
Result<ManifestFile> checksum_file(FileSystem& fs, const std::string& path);

}  // namespace sightglass::store
