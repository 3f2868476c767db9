// What could not be written at once.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace sightglass::http {

// A queue of bytes in segments: copied, moved in, or shared with others. An empty queue keeps its
// memory for the next use, up to kKeptBytes.
// Bounds: none of its own; the connection asks size().
class OutputQueue {
 public:
  static constexpr std::size_t kKeptBytes = 16 << 10;

  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }

  void copy(std::string_view bytes);
  void take(std::string bytes, std::size_t offset);
  void share(std::shared_ptr<const std::string> bytes, std::size_t offset);

  // The front of the queue as at most `max` parts; returns how many.
  int front(iovec* parts, int max) const;
  void consume(std::size_t bytes);
  void clear();

 private:
  struct Segment {
    std::string own;
    std::shared_ptr<const std::string> shared;
    std::size_t offset = 0;
    std::string_view left() const {
      return std::string_view(shared ? *shared : own).substr(offset);
    }
  };
  Segment& add();

  // segments_[first_, end_) are queued; those before and after wait for reuse.
  std::vector<Segment> segments_;
  std::size_t first_ = 0;
  std::size_t end_ = 0;
  std::size_t size_ = 0;
};

}  // namespace sightglass::http
