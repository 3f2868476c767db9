// Lines of a file or of standard input, in bounded memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace sightglass::app {

// Ownership: a line is borrowed until the next call. Bounds: a buffer of 4 MiB; a longer line than
// kMaxLineBytes is skipped whole and counted. Cost: about 0.05 µs a line of 300 bytes.
class LineReader {
 public:
  static constexpr std::size_t kMaxLineBytes = 1 << 20;

  // "-" is standard input. Errors: what the operating system says of the file.
  static Result<LineReader> open(const std::string& path);
  LineReader(LineReader&& other) noexcept;
  LineReader(const LineReader&) = delete;
  LineReader& operator=(const LineReader&) = delete;
  LineReader& operator=(LineReader&&) = delete;
  ~LineReader();

  // False at the end. The line stands without its LF; a last line needs none.
  Result<bool> next(std::string_view& line);
  std::uint64_t number() const { return number_; }      // of the line given last, from 1
  std::uint64_t too_long() const { return too_long_; }  // lines skipped so far

 private:
  explicit LineReader(int fd);
  Result<bool> fill();

  int fd_ = -1;
  std::vector<char> buffer_;
  std::size_t begin_ = 0;
  std::size_t scanned_ = 0;  // no LF before this
  std::size_t end_ = 0;
  bool at_end_ = false;
  bool skipping_ = false;  // within a line that is too long
  std::uint64_t number_ = 0;
  std::uint64_t too_long_ = 0;
};

}  // namespace sightglass::app
