// Where in a data file a request may stand, by the first characters of its id: the ones that a
// console line shows. Layout: docs/store-format.md.
//
// A split-block Bloom filter for each stretch of positions, all of a file laid out so that one read
// of some KB tells of every stretch. It is a cache: without it, or where it is damaged, the file is
// read as a whole. Cost: 1.5 bytes a request on disk, 20 µs a file and question; under 1 % of the
// stretches are named for nothing.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file_system.h"
#include "journal/record.h"

namespace sightglass::store {

// Bytes of an id that the index knows. A shorter beginning is not looked up in it.
inline constexpr std::size_t kIndexedIdBytes = 8;

// Both ends belong to it.
struct Stretch {
  journal::Position first = 0, last = 0;
  friend bool operator==(const Stretch&, const Stretch&) = default;
};

// Threads: one. Bounds: 1.5 bytes a row in memory, rounded up to a block for each stretch.
class IdIndexBuilder {
 public:
  // Of a file with `rows` rows from `first` to `last`. `data_crc`: the file's checksum.
  IdIndexBuilder(std::uint32_t data_crc, std::uint64_t rows, journal::Position first,
                 journal::Position last);
  // In any order; a position outside counts for the nearest stretch.
  void add(journal::Position position, std::string_view id);
  std::string finish() const;

 private:
  std::uint64_t stretch_of(journal::Position position) const;

  const std::uint32_t data_crc_;
  const journal::Position first_, last_;
  std::uint64_t stretches_, width_, blocks_;
  std::string lines_;  // without their checksums
};

// The stretches of a file that may hold an id which begins so, ascending, neighbours joined; all
// others hold none. Nothing: there is no index, or it cannot be relied on, or `begin` is shorter
// than kIndexedIdBytes. Reads two pieces of the file. Threads: any.
std::optional<std::vector<Stretch>> stretches_with(FileSystem& fs, const std::string& path,
                                                   std::uint32_t data_crc, std::string_view begin);

}  // namespace sightglass::store
