#include "gateway/upload.h"

#include <algorithm>

#include "base/text.h"

namespace sightglass::gateway {
namespace {

constexpr std::size_t kMaxParts = 64;
constexpr std::size_t kMaxBoundary = 70;  // RFC 2046, 5.1.1
constexpr std::size_t kMaxType = 128;
constexpr std::size_t kMaxPartHead = 16u << 10;

// The value of `name=` among the parameters behind the first `;`, unquoted; "" where it has none.
std::string_view parameter(std::string_view field, std::string_view name) {
  while (true) {
    const auto semicolon = field.find(';');
    if (semicolon == std::string_view::npos) return {};
    field = trim(field.substr(semicolon + 1));
    const auto equals = field.find('=');
    if (equals == std::string_view::npos) return {};
    const bool found = equals_ignoring_case(trim(field.substr(0, equals)), name);
    field = trim(field.substr(equals + 1));
    std::string_view value;
    if (field.starts_with('"')) {
      auto end = std::size_t{1};
      while (end < field.size() && field[end] != '"') end += field[end] == '\\' ? 2 : 1;
      end = std::min(end, field.size());
      value = field.substr(1, end - 1);
      field = field.substr(end);
    } else {
      value = trim(field.substr(0, field.find(';')));
    }
    if (found) return value;
  }
}

bool is_form(std::string_view content_type) {
  const auto type = trim(content_type.substr(0, content_type.find(';')));
  return equals_ignoring_case(type, "multipart/form-data");
}

std::string kept_type(std::string_view text) {
  const auto type = trim(text);
  return type.size() <= kMaxType ? std::string(type) : std::string();
}

// The two fields of a part's head that matter.
struct PartHead {
  bool is_file = false;
  std::string content_type;
};

PartHead read_head(std::string_view head) {
  PartHead out;
  while (!head.empty()) {
    const auto end = head.find("\r\n");
    const auto line = head.substr(0, end);
    head = end == std::string_view::npos ? std::string_view() : head.substr(end + 2);
    const auto colon = line.find(':');
    if (colon == std::string_view::npos) continue;
    const auto name = trim(line.substr(0, colon));
    const auto value = line.substr(colon + 1);
    if (equals_ignoring_case(name, "content-type")) out.content_type = kept_type(value);
    if (equals_ignoring_case(name, "content-disposition")) {
      out.is_file = !parameter(value, "filename").empty() || !parameter(value, "filename*").empty();
    }
  }
  return out;
}

}  // namespace

bool is_files_path(std::string_view path) {
  path = path.substr(0, path.find('?'));
  if (path.ends_with('/')) path.remove_suffix(1);
  return path == "files" || path.ends_with("/files");
}

Upload read_upload(std::string_view content_type, std::string_view body) {
  Upload whole{body.size(), is_form(content_type) ? std::string() : kept_type(content_type)};
  const auto boundary = is_form(content_type) ? parameter(content_type, "boundary") : "";
  if (boundary.empty() || boundary.size() > kMaxBoundary) return whole;
  const auto dashes = "--" + std::string(boundary);
  const auto delimiter = "\r\n" + dashes;
  auto at = body.starts_with(dashes) ? dashes.size() : body.find(delimiter);
  if (at == std::string_view::npos) return whole;
  if (!body.starts_with(dashes)) at += delimiter.size();
  for (std::size_t i = 0; i < kMaxParts; ++i) {
    auto part = body.substr(at);
    if (part.starts_with("--")) break;  // behind the last one
    const auto line = part.find("\r\n");
    if (line == std::string_view::npos) break;
    part.remove_prefix(line + 2);
    const auto head_end = part.substr(0, kMaxPartHead).find("\r\n\r\n");
    if (head_end == std::string_view::npos) break;
    const auto head = read_head(part.substr(0, head_end));
    part.remove_prefix(head_end + 4);
    const auto end = part.find(delimiter);
    if (head.is_file) return {std::min(end, part.size()), head.content_type};
    if (end == std::string_view::npos) break;
    at = static_cast<std::size_t>(part.data() - body.data()) + end + delimiter.size();
  }
  return whole;
}

}  // namespace sightglass::gateway
