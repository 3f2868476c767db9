#include "base/file_system.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <filesystem>

namespace sightglass {
namespace {

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}
  ~PosixFile() override { ::close(fd_); }

  Status append(Bytes data) override {
    while (!data.empty()) {
      const auto n = ::write(fd_, data.data(), data.size());
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno("write " + path_, errno);
      data.remove_prefix(static_cast<std::size_t>(n));
    }
    return {};
  }

  Status append(const std::vector<Bytes>& parts) override {
    std::size_t done = 0;  // parts written whole
    while (done < parts.size()) {
      iovec vectors[64];
      int count = 0;
      for (std::size_t i = done; i < parts.size() && count < 64; ++i) {
        vectors[count++] = {const_cast<char*>(parts[i].data()), parts[i].size()};
      }
      auto n = ::writev(fd_, vectors, count);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno("write " + path_, errno);
      while (done < parts.size() && static_cast<std::size_t>(n) >= parts[done].size()) {
        n -= static_cast<ssize_t>(parts[done++].size());
        if (--count == 0) break;
      }
      if (n > 0) SG_TRY(append(parts[done++].substr(static_cast<std::size_t>(n))));
    }
    return {};
  }

  Result<std::size_t> pread(char* out, std::size_t size, std::uint64_t offset) const override {
    std::size_t done = 0;
    while (done < size) {
      const auto n = ::pread(fd_, out + done, size - done, static_cast<off_t>(offset + done));
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return fail_errno("read " + path_, errno);
      if (n == 0) break;
      done += static_cast<std::size_t>(n);
    }
    return done;
  }

  Status sync_data() override {
    if (::fdatasync(fd_) != 0) return fail_errno("sync " + path_, errno);
    return {};
  }
  Status truncate(std::uint64_t size_bytes) override {
    if (::ftruncate(fd_, static_cast<off_t>(size_bytes)) != 0) {
      return fail_errno("truncate " + path_, errno);
    }
    return {};
  }
  Status preallocate(std::uint64_t size_bytes) override {
    // Not every file system can; then writes allocate as they go, which is only slower.
    if (::fallocate(fd_, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size_bytes)) != 0 &&
        errno == ENOSPC) {
      return fail_errno("reserve space for " + path_, errno);
    }
    return {};
  }
  Result<std::uint64_t> size() const override {
    struct stat info{};
    if (::fstat(fd_, &info) != 0) return fail_errno("stat " + path_, errno);
    return static_cast<std::uint64_t>(info.st_size);
  }

 private:
  int fd_;
  std::string path_;
};

}  // namespace

Result<std::unique_ptr<File>> PosixFileSystem::open(const std::string& path, OpenMode mode) {
  int flags = O_CLOEXEC;
  if (mode == OpenMode::kRead) flags |= O_RDONLY;
  if (mode == OpenMode::kAppend) flags |= O_RDWR | O_APPEND | O_CREAT;
  if (mode == OpenMode::kCreateNew) flags |= O_RDWR | O_APPEND | O_CREAT | O_EXCL;
  const int fd = ::open(path.c_str(), flags, 0600);
  if (fd < 0) return fail_errno("open " + path, errno);
  return std::make_unique<PosixFile>(fd, path);
}

Result<std::vector<std::string>> PosixFileSystem::list(const std::string& directory) {
  std::error_code error;
  std::filesystem::directory_iterator it(directory, error);
  if (error) return fail_errno("list " + directory, error.value());
  std::vector<std::string> names;
  for (const auto& entry : it) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

Status PosixFileSystem::create_directories(const std::string& path) {
  std::filesystem::path made;
  for (const auto& part : std::filesystem::path(path)) {
    made /= part;
    if (made.empty() || made == "/") continue;
    if (::mkdir(made.c_str(), 0700) != 0 && errno != EEXIST) {
      return fail_errno("create " + made.string(), errno);
    }
  }
  return {};
}

Status PosixFileSystem::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return fail_errno("rename to " + to, errno);
  return {};
}

Status PosixFileSystem::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fail_errno("remove " + path, errno);
  return {};
}

Status PosixFileSystem::sync_directory(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return fail_errno("open " + path, errno);
  const int result = ::fsync(fd);
  const int error = errno;
  ::close(fd);
  if (result != 0) return fail_errno("sync " + path, error);
  return {};
}

bool PosixFileSystem::exists(const std::string& path) { return ::access(path.c_str(), F_OK) == 0; }

Result<std::uint64_t> PosixFileSystem::free_bytes(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return fail_errno("stat " + path, errno);
  return static_cast<std::uint64_t>(info.f_bavail) * info.f_frsize;
}

Result<std::uint64_t> PosixFileSystem::total_bytes(const std::string& path) {
  struct statvfs info{};
  if (::statvfs(path.c_str(), &info) != 0) return fail_errno("stat " + path, errno);
  return static_cast<std::uint64_t>(info.f_blocks) * info.f_frsize;
}

Result<std::string> read_file(FileSystem& fs, const std::string& path, std::uint64_t limit_bytes) {
  SG_ASSIGN(auto file, fs.open(path, OpenMode::kRead));
  SG_ASSIGN(const auto size, file->size());
  if (size > limit_bytes) {
    return fail(Code::kTooLarge, path + ": larger than " + std::to_string(limit_bytes) + " bytes");
  }
  std::string content(size, '\0');
  SG_ASSIGN(const auto got, file->pread(content.data(), content.size(), 0));
  content.resize(got);
  return content;
}

Status replace_file(FileSystem& fs, const std::string& path, Bytes content) {
  const std::string aside = path + ".new";
  SG_TRY(fs.remove(aside));
  {
    SG_ASSIGN(auto file, fs.open(aside, OpenMode::kCreateNew));
    SG_TRY(file->append(content));
    SG_TRY(file->sync_data());
  }
  SG_TRY(fs.rename(aside, path));
  const auto slash = path.find_last_of('/');
  return fs.sync_directory(slash == std::string::npos ? "." : path.substr(0, slash));
}

}  // namespace sightglass
