// What a journal folder holds after whatever happened to it.
#pragma once

#include <string>
#include <vector>

#include "journal/journal.h"
#include "journal/segment_list.h"

namespace sightglass::journal {

struct Recovered {
  Recovery report;
  std::vector<SegmentList::Entry> segments;  // that stay, by position
  Position next = 1;                         // of the next record
  Nanos accept_floor_ns = 0;                 // the last batch's accept time
  std::string catalogue_hash;                // in force at the end; empty: none
  std::string gateway_id;                    // of the last segment; empty: no segment
};

// The newest segments, up to this many bytes of them, are read and checked whole; of older ones
// the head, their batches when somebody reads them.
inline constexpr std::uint64_t kVerifiedBytes = 256ull << 20;

// Cuts the torn tail, removes a segment whose creation never finished, and says what is damaged.
// Damaged and foreign files are left as they are.
// Errors: kVersion for a segment of a newer version, kIo where the folder or its last segment
// cannot be read or cut: nothing is cut on a guess.
Result<Recovered> recover(FileSystem& fs, const std::string& directory);

}  // namespace sightglass::journal
