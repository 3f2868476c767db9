#include "app/config_file.h"

#include "app/dotenv.h"
#include "base/file_system.h"

namespace sightglass::app {

namespace {
constexpr const char* kUsualName = "sightglass.yaml";
constexpr std::uint64_t kMaxBytes = 4 << 20;
}  // namespace

Result<Config> load_config(const std::string& named) {
  PosixFileSystem fs;
  const auto environment = with_dotenv(process_environment, fs);
  const std::string path = named.empty() ? kUsualName : named;
  if (named.empty() && !fs.exists(path)) return parse_config("", path, environment);
  auto content = read_file(fs, path, kMaxBytes);
  if (!content) return fail("the configuration cannot be read", std::move(content).error());
  auto config = parse_config(*content, path, environment);
  if (config) SG_TRY(check_built(config->storage, path));
  return config;
}

}  // namespace sightglass::app
