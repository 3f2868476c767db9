// Which files become one next: minutes become hours, hours become days, each of bounded size.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "store/manifest.h"

namespace sightglass::store {

struct CompactionLimits {
  std::uint64_t seal_rows = 32'768;     // of a seal at most
  std::uint64_t file_rows = 2'097'152;  // of a merged file at most
  std::uint64_t file_bytes = 512ull << 20;
};

// Neighbours in the manifest's order.
struct FileRun {
  std::size_t first = 0, count = 0;  // count 0: there is none
  friend bool operator==(const FileRun&, const FileRun&) = default;
};

// The first run of at least two files that ought to be one, the cheapest kind first:
//   1. sixteen to 64 small ones (a quarter of a seal each), or sixteen of at most two seals, of one
//      UTC hour: so that an hour under way is some files and not hundreds;
//   2. what is left of an hour that is over;
//   3. what is left of a day that is over.
// A file belongs to the hour and day in which its newest row was accepted. `now_ns`: accept time.
// What would pass a limit stays apart, so that each call makes the number of files smaller and
// there is an end. Cost: one pass over the files.
FileRun next_compaction(const std::vector<ManifestFile>& files, const CompactionLimits& limits,
                        Nanos now_ns);

}  // namespace sightglass::store
