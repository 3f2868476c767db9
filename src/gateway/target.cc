#include "gateway/target.h"

#include <algorithm>

#include "base/text.h"

namespace sightglass::gateway {
namespace {

bool is_version(std::string_view segment) {
  return segment.size() >= 2 && segment[0] == 'v' && segment[1] >= '0' && segment[1] <= '9';
}

std::string_view first_segment(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  return path.substr(0, path.find('/'));
}

}  // namespace

bool is_plain_path(std::string_view path) {
  if (path.starts_with('/')) path.remove_prefix(1);
  for (std::size_t i = 0; i < path.size(); ++i) {
    const auto c = static_cast<unsigned char>(path[i]);
    if (c <= 0x20 || c >= 0x7f || c == '\\' || c == '@' || c == '#' || c == '?') return false;
    if (c == '%') {
      const auto code = to_lower(path.substr(i + 1, 2));
      if (code.size() != 2 || code == "2f" || code == "5c" || code == "2e" || code == "00" ||
          code == "40" || code == "25") {
        return false;
      }
    }
  }
  while (!path.empty()) {
    const auto slash = path.find('/');
    const auto segment = path.substr(0, slash);
    if (segment.empty() || segment == "." || segment == "..") return false;
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  return true;
}

std::string join_target(std::string_view prefix, std::string_view path) {
  while (prefix.ends_with('/')) prefix.remove_suffix(1);
  if (path.starts_with('/')) path.remove_prefix(1);
  const auto last = prefix.substr(prefix.rfind('/') + 1);
  if (is_version(last) && first_segment(path) == last) {
    path.remove_prefix(std::min(path.size(), last.size() + 1));
  }
  std::string out(prefix);
  out.push_back('/');
  out.append(path);
  return out;
}

std::string_view without_version(std::string_view path) {
  const auto segment = first_segment(path);
  if (!is_version(segment)) return path;
  return path.substr(static_cast<std::size_t>(segment.data() - path.data()) + segment.size());
}

std::string query_without(std::string_view query, std::string_view name) {
  std::string out;
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    const auto parameter = query.substr(0, end);
    if (parameter.substr(0, parameter.find('=')) != name) {
      if (!out.empty()) out.push_back('&');
      out.append(parameter);
    }
    query.remove_prefix(std::min(end + 1, query.size()));
  }
  return out;
}

}  // namespace sightglass::gateway
