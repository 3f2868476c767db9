#include "app/line_reader.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

namespace sightglass::app {
namespace {

constexpr std::size_t kBufferBytes = 4 << 20;

}  // namespace

LineReader::LineReader(int fd) : fd_(fd), buffer_(kBufferBytes) {}

LineReader::LineReader(LineReader&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)),
      buffer_(std::move(other.buffer_)),
      begin_(other.begin_),
      scanned_(other.scanned_),
      end_(other.end_),
      at_end_(other.at_end_),
      skipping_(other.skipping_),
      number_(other.number_),
      too_long_(other.too_long_) {}

LineReader::~LineReader() {
  if (fd_ > STDIN_FILENO) ::close(fd_);
}

Result<LineReader> LineReader::open(const std::string& path) {
  if (path == "-") return LineReader(STDIN_FILENO);
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return fail_errno(path, errno);
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return LineReader(fd);
}

// Moves what is left to the front and reads behind it. False: there is no more.
Result<bool> LineReader::fill() {
  if (at_end_) return false;
  std::memmove(buffer_.data(), buffer_.data() + begin_, end_ - begin_);
  end_ -= begin_;
  scanned_ -= begin_;
  begin_ = 0;
  while (true) {
    const auto n = ::read(fd_, buffer_.data() + end_, buffer_.size() - end_);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return fail_errno("reading", errno);
    at_end_ = n == 0;
    end_ += static_cast<std::size_t>(n);
    return n > 0;
  }
}

Result<bool> LineReader::next(std::string_view& line) {
  while (true) {
    const auto* const found =
        static_cast<const char*>(std::memchr(buffer_.data() + scanned_, '\n', end_ - scanned_));
    auto line_end = found == nullptr ? end_ : static_cast<std::size_t>(found - buffer_.data());
    if (found == nullptr) {
      scanned_ = end_;
      if (skipping_ || end_ - begin_ > kMaxLineBytes) {  // only its end is of interest
        skipping_ = true;
        begin_ = end_;
      }
      SG_ASSIGN(const bool more, fill());
      if (more) continue;
      line_end = end_;
      if (begin_ == end_ && !skipping_) return false;
    }
    const auto begin = begin_;
    begin_ = found == nullptr ? end_ : line_end + 1;
    scanned_ = begin_;
    ++number_;
    if (std::exchange(skipping_, false) || line_end - begin > kMaxLineBytes) {
      ++too_long_;
      if (found == nullptr) return false;
      continue;
    }
    line = std::string_view(buffer_.data() + begin, line_end - begin);
    return true;
  }
}

}  // namespace sightglass::app
