#include "event/tokens.h"

namespace sightglass::event {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Where the group that opens at `at` closes, or npos. A backslash counts for quotes only.
std::size_t find_close(std::string_view line, std::size_t at, char close) {
  for (auto i = at + 1; i < line.size(); ++i) {
    if (close == '"' && line[i] == '\\') {
      ++i;
    } else if (line[i] == close && (i + 1 == line.size() || is_blank(line[i + 1]))) {
      return i;
    }
  }
  return std::string_view::npos;
}

}  // namespace

std::string_view bare_line(std::string_view line) {
  const auto begin = line.find_first_not_of(" \t\r\n");
  if (begin == std::string_view::npos) return {};
  return line.substr(begin, line.find_last_not_of(" \t\r\n") + 1 - begin);
}

void split_tokens(std::string_view line, std::vector<Token>& out) {
  out.clear();
  // One failed search tells of every later one, which keeps the whole linear.
  bool quotes_close = true;
  bool brackets_close = true;
  std::size_t at = 0;
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (true) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at >= line.size()) return;
    const auto begin = static_cast<std::uint32_t>(at);
    if ((line[at] == '"' && quotes_close) || (line[at] == '[' && brackets_close)) {
      const bool quote = line[at] == '"';
      const auto close = find_close(line, at, quote ? '"' : ']');
      if (close != std::string_view::npos) {
        out.push_back({line.substr(at + 1, close - at - 1), begin});
        at = close + 1;
        continue;
      }
      (quote ? quotes_close : brackets_close) = false;
    }
    while (at < line.size() && !is_blank(line[at])) ++at;
    out.push_back({line.substr(begin, at - begin), begin});
  }
}

}  // namespace sightglass::event
