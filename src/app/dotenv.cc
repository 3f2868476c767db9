#include "app/dotenv.h"

#include <memory>

#include "base/text.h"

namespace sightglass::app {
namespace {

constexpr std::uint64_t kMaxFileBytes = 1 << 20;

std::string_view unquoted(std::string_view value) {
  value = trim(value);
  if (!value.empty() && (value[0] == '"' || value[0] == '\'')) {
    const auto end = value.find(value[0], 1);
    if (end != std::string_view::npos) return value.substr(1, end - 1);
  }
  return trim(value.substr(0, value.find('#')));
}

}  // namespace

std::optional<std::string> dotenv_value(std::string_view text, std::string_view name) {
  constexpr std::string_view kExport = "export ";
  std::optional<std::string> found;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.starts_with(kExport)) line = trim(line.substr(kExport.size()));
    const auto equals = line.find('=');
    if (equals == std::string_view::npos || trim(line.substr(0, equals)) != name) continue;
    found = unquoted(line.substr(equals + 1));
  }
  return found;
}

Environment with_dotenv(Environment environment, FileSystem& fs) {
  std::shared_ptr<const std::string> kept;
  if (fs.exists(".env")) {
    if (const auto text = read_file(fs, ".env", kMaxFileBytes)) {
      if (auto value = dotenv_value(*text, kMetricsLoggingFlag)) {
        kept = std::make_shared<const std::string>(std::move(*value));
      }
    }
  }
  return [environment = std::move(environment), kept](const char* name) -> const char* {
    const char* set = environment(name);
    if (set != nullptr || kept == nullptr || std::string_view(name) != kMetricsLoggingFlag) {
      return set;
    }
    return kept->c_str();
  };
}

}  // namespace sightglass::app
