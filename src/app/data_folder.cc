#include "app/data_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <utility>

#include "base/random.h"
#include "base/text.h"

namespace sightglass::app {

Result<DataFolder> DataFolder::hold(const std::string& path, FileSystem& fs) {
  if (auto made = fs.create_directories(path); !made) {
    return fail("the data folder cannot be made; choose another with --data",
                std::move(made).error());
  }
  const auto lock = path + "/lock";
  const int fd = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) {
    return fail(Code::kIo,
                "the data folder " + path +
                    " cannot be written; check its owner, or choose another with --data");
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    char holder[32] = {};
    const auto n = ::pread(fd, holder, sizeof holder - 1, 0);
    ::close(fd);
    return fail(Code::kBusy,
                "the data folder " + path + " is in use" +
                    (n > 0 ? " by process " + std::string(trim(holder)) : std::string()) +
                    "; stop that one, or choose another with --data");
  }
  const auto pid = std::to_string(::getpid()) + "\n";
  if (::ftruncate(fd, 0) != 0 || ::pwrite(fd, pid.data(), pid.size(), 0) < 0) {
    ::close(fd);
    return fail(Code::kIo, "the data folder " + path + " cannot be written; is the disk full?");
  }
  return DataFolder(path, fd);
}

DataFolder::DataFolder(DataFolder&& other) noexcept
    : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)) {}

DataFolder::~DataFolder() {
  if (fd_ >= 0) ::close(fd_);
}

std::string default_keyring_path() {
  if (const char* xdg = std::getenv("XDG_CONFIG_HOME"); xdg != nullptr && *xdg != '\0') {
    return std::string(xdg) + "/sightglass/keyring";
  }
  const char* home = std::getenv("HOME");
  return std::string(home != nullptr ? home : "/root") + "/.config/sightglass/keyring";
}

Result<std::string> gateway_id(const DataFolder& folder, FileSystem& fs) {
  const auto path = folder.in("gateway-id");
  if (fs.exists(path)) {
    SG_ASSIGN(const auto content, read_file(fs, path, 64));
    const std::string id(trim(content));
    if (id.size() != 16 || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
      return fail(Code::kCorrupt, path + ": expected 16 hex digits; restore it from a backup");
    }
    return id;
  }
  SystemRandom random;
  const auto id = random_hex(random, 8);
  SG_TRY(replace_file(fs, path, id + "\n"));
  return id;
}

}  // namespace sightglass::app
