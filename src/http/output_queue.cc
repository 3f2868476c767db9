#include "http/output_queue.h"

#include <algorithm>

namespace sightglass::http {

OutputQueue::Segment& OutputQueue::add() {
  if (end_ == segments_.size()) segments_.emplace_back();
  return segments_[end_++];
}

void OutputQueue::copy(std::string_view bytes) {
  if (bytes.empty()) return;
  const bool extend = end_ > first_ && !segments_[end_ - 1].shared;
  auto& segment = extend ? segments_[end_ - 1] : add();
  segment.own.append(bytes);
  size_ += bytes.size();
}

void OutputQueue::take(std::string bytes, std::size_t offset) {
  if (offset >= bytes.size()) return;
  size_ += bytes.size() - offset;
  auto& segment = add();
  segment.own = std::move(bytes);
  segment.offset = offset;
}

void OutputQueue::share(std::shared_ptr<const std::string> bytes, std::size_t offset) {
  if (offset >= bytes->size()) return;
  size_ += bytes->size() - offset;
  auto& segment = add();
  segment.shared = std::move(bytes);
  segment.offset = offset;
}

int OutputQueue::front(iovec* parts, int max) const {
  int count = 0;
  for (auto i = first_; i < end_ && count < max; ++i) {
    const auto left = segments_[i].left();
    parts[count++] = {const_cast<char*>(left.data()), left.size()};
  }
  return count;
}

void OutputQueue::consume(std::size_t bytes) {
  size_ -= bytes;
  while (bytes > 0) {
    auto& segment = segments_[first_];
    const auto taken = std::min(bytes, segment.left().size());
    segment.offset += taken;
    bytes -= taken;
    if (!segment.left().empty()) return;
    segment.shared.reset();
    segment.offset = 0;
    segment.own.clear();
    if (segment.own.capacity() > kKeptBytes) segment.own = {};
    ++first_;
  }
  if (first_ == end_) first_ = end_ = 0;
}

void OutputQueue::clear() {
  if (size_ > 0) consume(size_);
}

}  // namespace sightglass::http
