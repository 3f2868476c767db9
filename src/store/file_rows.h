// The rows of a store's files, read beside a running server or without one: for exports.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "store/duckdb.h"
#include "store/manifest.h"
#include "store/store.h"

namespace sightglass::store {

// Reads only, and takes no lock: the server may seal, merge and drop files meanwhile. Each row that
// is there throughout is given once; one that retention takes meanwhile may or may not be. Rows
// that a running server has not sealed yet (at most Options::seal_age_ns) are in no file. Threads:
// one. Bounds: an engine of its own with `memory_limit_bytes`.
class FileRows {
 public:
  // `directory`: the store's. Errors: kNotFound when there is no history; kVersion, kCorrupt.
  static Result<std::unique_ptr<FileRows>> open(std::string directory, FileSystem& fs,
                                                std::uint64_t memory_limit_bytes = 256ull << 20);

  // In the order of positions. An error of `row` ends it.
  Status each(Range range, const std::function<Status(const StoredEvent&)>& row);
  // The names of the columns that some row of some file has a value in, in the table's order.
  const std::vector<std::string>& columns() const { return columns_; }

  // The same rows as one Parquet file at `path`, which must not exist; of them only those at
  // `positions`, when they are given. Syncs nothing. The number of rows.
  Result<std::uint64_t> copy_parquet(Range range, const std::vector<std::uint64_t>* positions,
                                     const std::string& path);

 private:
  FileRows(std::string directory, FileSystem& fs) : directory_(std::move(directory)), fs_(fs) {}
  Status read_manifest();
  std::string path(const ManifestFile& file) const { return directory_ + "/parquet/" + file.name; }

  const std::string directory_;
  FileSystem& fs_;
  std::unique_ptr<duck::Database> database_;
  std::optional<duck::Connection> connection_;
  Manifest manifest_;
  Schema schema_;
  std::vector<std::string> columns_;
};

}  // namespace sightglass::store
