// A file from its beginning to its end, as batches of whole lines.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "follow/byte_source.h"
#include "follow/cut.h"

namespace sightglass::follow {

// Threads: one. Bounds: the larger of `most` and kMaxLineBytes is held, and one copy of nothing.
class LineBatches {
 public:
  LineBatches(std::unique_ptr<ByteSource> bytes, std::size_t most);

  // The first bytes, read on demand; fewer than `size` when the file has no more, or a pipe pauses
  // for a second. Only before the first pass_over() or take().
  Result<std::string_view> peek(std::size_t size);
  // Reads on to byte `position` and counts the lines before it. kNotFound when the file ends first.
  Status pass_over(std::uint64_t position);
  // Makes the next cut; `bytes` 0 at the end of the file. Valid until done_with() or set_most(). A
  // pipe that pauses gives the whole lines that have come.
  Result<Cut> next();
  void done_with(const Cut& cut);  // it was taken: goes on behind it

  void set_most(std::size_t most) { most_ = most; }
  std::size_t most() const { return most_; }
  std::uint64_t position() const { return position_; }
  std::uint64_t lines() const { return lines_; }  // that ended before position()
  const ByteSource& bytes() const { return *bytes_; }

 private:
  Status fill(std::size_t size, int pause_ms);
  std::string_view held() const { return std::string_view(buffer_).substr(begin_); }

  std::unique_ptr<ByteSource> bytes_;
  std::size_t most_;
  std::string buffer_;
  std::size_t begin_ = 0;
  bool ended_ = false;
  bool in_line_ = false;
  std::uint64_t position_ = 0;
  std::uint64_t lines_ = 0;
};

}  // namespace sightglass::follow
