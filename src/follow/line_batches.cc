#include "follow/line_batches.h"

#include <algorithm>

namespace sightglass::follow {
namespace {
constexpr int kNamePauseMs = 1'000;
constexpr int kLinePauseMs = 200;
}  // namespace

LineBatches::LineBatches(std::unique_ptr<ByteSource> bytes, std::size_t most)
    : bytes_(std::move(bytes)), most_(most) {}

// Until `size` bytes are held, or the end, or something is held and no more comes for a while.
Status LineBatches::fill(std::size_t size, int pause_ms) {
  constexpr std::size_t kStep = 256 << 10;
  if (buffer_.size() - begin_ >= size || ended_) return {};
  buffer_.erase(0, begin_);
  begin_ = 0;
  while (buffer_.size() < size && !ended_) {
    if (!buffer_.empty() && bytes_->pauses(pause_ms)) return {};
    const auto before = buffer_.size();
    const auto step = std::min(kStep, size - before);
    buffer_.resize(before + step);
    auto got = bytes_->read(buffer_.data() + before, step);
    buffer_.resize(before + (got ? *got : 0));
    if (!got) return std::unexpected(std::move(got).error());
    ended_ = *got == 0;
  }
  return {};
}

Result<std::string_view> LineBatches::peek(std::size_t size) {
  SG_TRY(fill(size, kNamePauseMs));
  return held().substr(0, size);
}

Status LineBatches::pass_over(std::uint64_t position) {
  constexpr std::size_t kStep = 1 << 20;
  while (position_ < position) {
    SG_TRY(fill(1, kLinePauseMs));
    if (held().empty()) return fail(Code::kNotFound, "the file is shorter than what was taken");
    const auto passed = held().substr(0, std::min<std::uint64_t>(position - position_, kStep));
    lines_ += static_cast<std::uint64_t>(std::count(passed.begin(), passed.end(), '\n'));
    in_line_ = passed.back() != '\n';
    begin_ += passed.size();
    position_ += passed.size();
    if (begin_ == buffer_.size() && position_ < position) SG_TRY(fill(kStep, kLinePauseMs));
  }
  return {};
}

Result<Cut> LineBatches::next() {
  for (;;) {
    // The whole lines before an error still go; the error comes at the next call.
    const auto filled = fill(std::max(most_, kMaxLineBytes), kLinePauseMs);
    const auto ends = ended_ ? Ends::kIsOver : Ends::kMayGo;
    const auto cut = cut_lines(held(), in_line_, ends, most_);
    if (!filled && cut.bytes == 0) return std::unexpected(filled.error());
    if (cut.bytes > 0 || ended_) return cut;
    // An unfinished line and a pause: its rest is waited for.
    SG_TRY(fill(held().size() + 1, -1));
  }
}

void LineBatches::done_with(const Cut& cut) {
  const auto taken = held().substr(0, cut.bytes);
  lines_ += static_cast<std::uint64_t>(std::count(taken.begin(), taken.end(), '\n'));
  begin_ += cut.bytes;
  position_ += cut.bytes;
  in_line_ = cut.in_line;
}

}  // namespace sightglass::follow
