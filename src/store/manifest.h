// Which files count, and how far the journal is covered by them. The manifest file is the only
// truth: a Parquet file that it does not name does not exist. Layout: docs/store-format.md.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "store/duckdb.h"
#include "store/facts.h"
#include "store/rollup.h"
#include "store/schema.h"

namespace sightglass::store {

inline constexpr std::uint32_t kManifestVersion = 2;

// One sealed file. Every journal position in [covers_from, covers_to] that became a row is in it.
struct ManifestFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC-32C of the whole file
  journal::Position covers_from = 0, covers_to = 0;
  Facts facts;
  friend bool operator==(const ManifestFile&, const ManifestFile&) = default;
};

// One file of roll-ups: every step of its partition that had a request.
struct ManifestRollup {
  std::string name;
  RollupStep step = RollupStep::kMinute;
  Nanos partition_ns = 0;  // where it begins
  std::uint64_t bytes = 0;
  std::uint32_t crc = 0;  // CRC-32C of the whole file
  Nanos end_ns() const { return partition_ns + store::partition_ns(step); }
  friend bool operator==(const ManifestRollup&, const ManifestRollup&) = default;
};

struct Manifest {
  std::uint64_t generation = 0;         // one more with each that is written
  journal::Position covered = 0;        // every position up to here is in a file, or made no row
  std::vector<Column> columns;          // past the base and core ones, in the table's order
  std::vector<ManifestFile> files;      // by covers_from; ranges do not overlap
  std::vector<std::string> retired;     // replaced or expired: to be removed
  journal::Position rolled_up = 0;      // every row up to here is in the roll-ups
  std::vector<ManifestRollup> rollups;  // by step and partition, each once
  // What retention took, so that totals go on to count it.
  std::uint64_t expired_files = 0;
  std::uint64_t expired_rows = 0;
  journal::Totals expired_totals;
  Nanos expired_newest_ns = 0;  // no terminal row that it took is newer; 0: it took none
  // What damage took.
  std::uint64_t lost_files = 0;
  std::uint64_t lost_rows = 0;
  std::vector<ManifestFile> wanted;  // of the lost: to be made again if the journal has the rows
};

// `<from>-<to>.<generation>.parquet`, in digits of fixed width, so that names sort by position and
// a file says what it covers even without its manifest.
std::string file_name(journal::Position from, journal::Position to, std::uint64_t generation);
// False when it is not such a name.
bool parse_file_name(std::string_view name, ManifestFile& out, std::uint64_t& generation);

// `<step>-<seconds>.<number>.rollup`: where the partition begins, in Unix seconds.
std::string rollup_file_name(RollupStep step, Nanos partition_ns, std::uint64_t number);
// False when it is not such a name.
bool parse_rollup_file_name(std::string_view name, ManifestRollup& out, std::uint64_t& number);

std::string write_manifest(const Manifest& manifest);
// Errors: kVersion when a newer version wrote it; kCorrupt when it is damaged.
Result<Manifest> parse_manifest(std::string_view text);

}  // namespace sightglass::store
