#include "app/config_file.h"

#include <sys/stat.h>

#include <cstdlib>

#include "app/dotenv.h"
#include "base/failpoint.h"
#include "base/file_system.h"

namespace sightglass::app {

namespace {
constexpr const char* kUsualName = "sightglass.yaml";
constexpr std::uint64_t kMaxBytes = 4 << 20;

// What the path leads to, through symbolic links; itself where nothing is there yet.
std::string target_of(const std::string& path) {
  std::string out = path;
  if (char* real = ::realpath(path.c_str(), nullptr)) {
    out = real;
    std::free(real);
  }
  return out;
}
}  // namespace

Result<Config> load_config(const std::string& named) {
  PosixFileSystem fs;
  const auto environment = with_dotenv(process_environment, fs);
  const std::string path = named.empty() ? kUsualName : named;
  if (named.empty() && !fs.exists(path)) return parse_config("", path, environment);
  auto content = read_file(fs, path, kMaxBytes);
  if (!content) return fail("the configuration cannot be read", std::move(content).error());
  return parse_config(*content, path, environment);
}

std::string ConfigFile::path() const { return named_.empty() ? kUsualName : named_; }

Result<Config> ConfigFile::read() const {
  if (made_up_) return made_up_();
  SG_ASSIGN(auto config, load_config(named_));
  if (overrides_) overrides_(config);
  return config;
}

Result<std::string> ConfigFile::text() const {
  PosixFileSystem fs;
  if (!fs.exists(path())) return std::string();
  auto content = read_file(fs, path(), kMaxBytes);
  if (!content) return fail("the configuration cannot be read", std::move(content).error());
  return content;
}

Result<Config> ConfigFile::parse(std::string_view text) const {
  PosixFileSystem fs;
  if (text.size() > kMaxBytes) {
    return fail(Code::kTooLarge, "the configuration would have more than 4 MiB");
  }
  SG_ASSIGN(auto config, parse_config(text, path(), with_dotenv(process_environment, fs)));
  if (overrides_) overrides_(config);
  return config;
}

Status ConfigFile::replace(std::string_view text) const {
  PosixFileSystem fs;
  const auto target = target_of(path());
  const auto aside = target + ".new";
  const auto write = [&]() -> Status {
    SG_TRY(fs.remove(aside));
    {
      SG_ASSIGN(auto file, fs.open(aside, OpenMode::kCreateNew));
      SG_TRY(file->append(text));
      struct stat old{};
      if (::stat(target.c_str(), &old) == 0) {
        (void)::chown(aside.c_str(), old.st_uid, old.st_gid);  // only root may give away
        if (::chmod(aside.c_str(), old.st_mode & 07777) != 0) {
          return fail(Code::kIo, "its permissions cannot be set");
        }
      }
      SG_TRY(file->sync_data());
    }
    SG_FAILPOINT("config.before_rename");
    SG_TRY(fs.rename(aside, target));
    SG_FAILPOINT("config.after_rename");
    const auto slash = target.find_last_of('/');
    return fs.sync_directory(slash == std::string::npos ? "." : target.substr(0, slash));
  };
  auto written = write();
  if (written) return {};
  (void)fs.remove(aside);
  return fail(
      "the configuration file cannot be written, and nothing has changed; let the server's "
      "user write in its folder, or change the file and reload it",
      std::move(written).error());
}

}  // namespace sightglass::app
