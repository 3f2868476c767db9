// The one door to files for journal, snapshots, manifest and sealing, so that one fake which loses
// unsynced writes, tears pages and fills up covers all of them.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace sightglass {

// An open file. Ownership: closed on destruction. Threads: pread from any; the rest from one.
class File {
 public:
  virtual ~File() = default;
  virtual Status append(Bytes data) = 0;  // at the end; short writes are finished or fail
  virtual Status append(const std::vector<Bytes>& parts) = 0;  // gathered, in order
  virtual Result<std::size_t> pread(char* out, std::size_t size, std::uint64_t offset) const = 0;
  virtual Status sync_data() = 0;  // fdatasync; after a failure the file must not be written again
  virtual Status truncate(std::uint64_t size_bytes) = 0;
  virtual Status preallocate(std::uint64_t size_bytes) = 0;  // blocks only; the size stays
  virtual Result<std::uint64_t> size() const = 0;
};

enum class OpenMode : std::uint8_t {
  kRead,       // must exist
  kAppend,     // created when missing, mode 0600
  kCreateNew,  // must not exist, mode 0600
};

// Paths are plain; nothing is resolved relative to anything but the working directory.
// Durability: a rename or creation lasts only after sync_directory of the folder it happened in.
class FileSystem {
 public:
  virtual ~FileSystem() = default;
  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  virtual Result<std::vector<std::string>> list(const std::string& directory) = 0;  // sorted names
  virtual Status create_directories(const std::string& path) = 0;                   // mode 0700
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;  // a missing file is not an error
  virtual Status sync_directory(const std::string& path) = 0;
  virtual bool exists(const std::string& path) = 0;
  virtual Result<std::uint64_t> free_bytes(const std::string& path) = 0;   // for this user
  virtual Result<std::uint64_t> total_bytes(const std::string& path) = 0;  // of the volume
};

class PosixFileSystem final : public FileSystem {
 public:
  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  Result<std::vector<std::string>> list(const std::string& directory) override;
  Status create_directories(const std::string& path) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status sync_directory(const std::string& path) override;
  bool exists(const std::string& path) override;
  Result<std::uint64_t> free_bytes(const std::string& path) override;
  Result<std::uint64_t> total_bytes(const std::string& path) override;
};

// The whole file, refused past `limit_bytes` with kTooLarge.
Result<std::string> read_file(FileSystem& fs, const std::string& path,
                              std::uint64_t limit_bytes = 1ull << 30);

// Replaces a file so that a crash leaves the old or the new one: aside, fdatasync, rename,
// directory sync.
Status replace_file(FileSystem& fs, const std::string& path, Bytes content);

}  // namespace sightglass
