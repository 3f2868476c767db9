// One segment file, read batch by batch: what recovery and readers share.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "journal/format.h"

namespace sightglass::journal {

// Threads: one. Cost: one pread per 256 KiB; no allocation in the steady state.
class SegmentScan {
 public:
  // Reads the head. Errors: kCorrupt when the file is no segment (or another one renamed),
  // kVersion when it is a newer one, kIo.
  static Result<SegmentScan> open(FileSystem& fs, const std::string& path, Position first);

  struct Found {
    BatchHeader header;
    std::uint64_t offset = 0;  // of the batch
    // What was skipped to reach it: bytes that are no intact batch of this segment.
    std::uint64_t damage_offset = 0;
    std::uint64_t damage_bytes = 0;
  };
  // The next intact batch that reaches to `from` or past it. `bytes` and `records` are replaced,
  // their room kept. False: nothing intact follows, or only what is at or past `before` (bytes of a
  // commit that failed, whose positions the next segment took).
  Result<bool> next(Position from, Position before, Found& found, std::string& bytes,
                    std::vector<Record>& records);

  const SegmentHeader& header() const { return header_; }
  std::uint64_t offset() const { return offset_; }  // behind the last batch found
  Result<std::uint64_t> tail_bytes() const;         // from offset() to the end of the file

 private:
  enum class Look : std::uint8_t { kBatch, kSkipped, kDamaged, kNothing };

  SegmentScan(std::unique_ptr<File> file, SegmentHeader header)
      : file_(std::move(file)), header_(std::move(header)) {}
  Result<Bytes> view(std::uint64_t offset, std::size_t size);
  Result<bool> find_magic(std::uint64_t& offset);
  // Whether an intact batch stands at `offset`; `size` is its extent where the header is intact.
  Result<Look> look(std::uint64_t offset, Position from, RawBatchHeader& header,
                    std::uint64_t& size_bytes, std::string& bytes, std::vector<Record>& records);

  std::unique_ptr<File> file_;
  SegmentHeader header_;
  std::uint64_t offset_ = kFirstBatchOffset;
  std::string window_;  // bytes of the file from window_offset_
  std::uint64_t window_offset_ = 0;
};

}  // namespace sightglass::journal
