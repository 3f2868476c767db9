#include "follow/cut.h"

#include <algorithm>

namespace sightglass::follow {
namespace {
constexpr auto kNone = std::string_view::npos;
constexpr std::string_view kNothing = "\n";  // a line that says nothing
}  // namespace

Cut cut_lines(std::string_view bytes, bool in_line, Ends ends, std::size_t most) {
  if (bytes.empty()) return {0, {}, in_line};
  std::size_t from = 0;
  if (in_line) {
    const auto end = bytes.find('\n');
    if (end == kNone) return {bytes.size(), kNothing, true};
    from = end + 1;
  }
  const auto take = [&](std::size_t end) {
    const auto body = bytes.substr(from, end - from);
    return Cut{end, body.empty() ? kNothing : body, false};
  };
  const auto limit = std::max<std::size_t>(most, 1);
  const auto last = bytes.substr(0, limit).rfind('\n');
  if (last != kNone && last + 1 > from) return take(last + 1);
  if (const auto first = bytes.find('\n', from); first != kNone) return take(first + 1);
  if (from > 0) return take(from);
  if (ends == Ends::kIsOver) return take(bytes.size());
  if (bytes.size() >= kMaxLineBytes) return {bytes.size(), bytes, true};
  return {};
}

}  // namespace sightglass::follow
