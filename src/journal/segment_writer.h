// The segment that batches go to: creation, commit, roll.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/file_system.h"
#include "journal/format.h"
#include "journal/segment_list.h"

namespace sightglass::journal {

// Threads: the journal's writer (and its opener, before that runs).
class SegmentWriter {
 public:
  SegmentWriter(FileSystem& fs, std::string directory, SegmentList& list)
      : fs_(fs), directory_(std::move(directory)), list_(list) {}

  // Creates the file, makes head and name durable, then enters it in the list. `room_bytes` is
  // allocated ahead where the file system can. On failure nothing is left behind if possible.
  Status open(SegmentHeader header, std::uint64_t room_bytes);
  bool is_open() const { return file_ != nullptr; }
  std::uint64_t size_bytes() const { return size_bytes_; }

  // One gathered write, one fdatasync. After an error: abandon().
  Status commit(const BatchHeader& header, Bytes records);

  void finish();   // gives back what was allocated ahead; removes the file if it holds no record
  void abandon();  // after an error: cuts what was not committed, if the disk still lets us

 private:
  std::string path() const { return directory_ + "/" + segment_name(first_); }

  FileSystem& fs_;
  const std::string directory_;
  SegmentList& list_;
  std::unique_ptr<File> file_;
  Position first_ = 0;
  std::uint32_t seed_ = 0;
  std::uint64_t size_bytes_ = 0;  // committed
  std::vector<Bytes> parts_;
};

}  // namespace sightglass::journal
