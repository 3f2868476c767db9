#include "gateway/sse_scanner.h"

#include <algorithm>
#include <cstring>

namespace sightglass::gateway {
namespace {

constexpr std::size_t kKeepBytes = 32u << 10;  // of a buffer, from one stream to the next
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::size_t find_line_end(std::string_view in) {
  const auto* lf = static_cast<const char*>(std::memchr(in.data(), '\n', in.size()));
  const std::size_t limit = lf == nullptr ? in.size() : static_cast<std::size_t>(lf - in.data());
  const auto* cr = static_cast<const char*>(std::memchr(in.data(), '\r', limit));
  if (cr != nullptr) return static_cast<std::size_t>(cr - in.data());
  return lf == nullptr ? std::string_view::npos : limit;
}

}  // namespace

void SseScanner::reset() {
  for (auto* buffer : {&line_, &data_}) {
    if (buffer->capacity() > kKeepBytes) *buffer = std::string();
    buffer->clear();
  }
  single_ = {};
  data_lines_ = oversized_ = 0;
  too_long_ = skip_lf_ = false;
  first_line_ = true;
}

bool SseScanner::next(std::string_view& in, std::string_view& data) {
  if (data_lines_ == 0) data_.clear();  // what the last call gave out
  while (!in.empty()) {
    if (skip_lf_) {
      skip_lf_ = false;
      if (in.front() == '\n') {
        in.remove_prefix(1);
        continue;
      }
    }
    const auto end = find_line_end(in);
    if (end == std::string_view::npos) {
      if (line_.size() + in.size() <= max_event_bytes_ + 16) {
        line_.append(in);
      } else {
        too_long_ = true;  // the line is worthless now; its end still counts
        line_.assign("x");
      }
      in = {};
      break;
    }
    const std::string_view head = in.substr(0, end);
    skip_lf_ = in[end] == '\r';
    in.remove_prefix(end + 1);
    if (skip_lf_ && !in.empty() && in.front() == '\n') {
      in.remove_prefix(1);
      skip_lf_ = false;
    }
    if (line_.empty() && head.empty()) {
      first_line_ = false;
      return end_event(data);
    }
    if (line_.empty()) {
      line(head);
    } else {
      line_.append(head.substr(0, max_event_bytes_));
      line(line_);
      // `single_` may view into line_: keep what it says before the line is reused.
      if (data_lines_ == 1 && !single_.empty()) {
        data_.assign(single_);
        single_ = {};
      }
      line_.clear();
    }
  }
  // The read ends inside an event: what was only viewed must outlive the read.
  if (data_lines_ == 1 && !single_.empty()) {
    data_.assign(single_);
    single_ = {};
  }
  return false;
}

void SseScanner::line(std::string_view text) {
  if (first_line_ && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  first_line_ = false;
  if (!text.starts_with("data")) return;
  text.remove_prefix(4);
  if (text.empty()) return add_data({});
  if (text.front() != ':') return;  // a field of another name, "database"
  text.remove_prefix(1);
  if (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  add_data(text);
}

void SseScanner::add_data(std::string_view value) {
  ++data_lines_;
  if (data_lines_ == 1) {
    single_ = value;
    return;
  }
  if (data_lines_ == 2 && !single_.empty()) {
    data_.assign(single_);
    single_ = {};
  }
  if (data_.size() + 1 + value.size() > max_event_bytes_) {
    too_long_ = true;
    return;
  }
  data_.push_back('\n');
  data_.append(value);
}

bool SseScanner::end_event(std::string_view& data) {
  data = data_lines_ == 1 && data_.empty() ? single_ : std::string_view(data_);
  if (data.size() > max_event_bytes_) too_long_ = true;
  if (too_long_) {
    ++oversized_;
    data = {};
  }
  too_long_ = false;
  data_lines_ = 0;
  single_ = {};
  return true;
}

}  // namespace sightglass::gateway
