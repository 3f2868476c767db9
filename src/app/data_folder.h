// The data folder: made when missing, and held by one process at a time.
#pragma once

#include <string>

#include "base/file_system.h"
#include "base/result.h"

namespace sightglass::app {

// Holds `<path>/lock` until destruction; the kernel lets go of it however the process ends.
class DataFolder {
 public:
  // kBusy when another process holds it, with its process id; kIo when it cannot be written.
  static Result<DataFolder> hold(const std::string& path, FileSystem& fs);
  DataFolder(DataFolder&& other) noexcept;
  DataFolder& operator=(DataFolder&&) = delete;
  ~DataFolder();
  const std::string& path() const { return path_; }
  std::string in(const std::string& name) const { return path_ + "/" + name; }

 private:
  DataFolder(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
};

// Where the pseudonyms' keys live unless the configuration says otherwise: outside every data
// folder, below $XDG_CONFIG_HOME or ~/.config.
std::string default_keyring_path();

// The gateway's id of this data folder: 16 hex digits, made once.
Result<std::string> gateway_id(const DataFolder& folder, FileSystem& fs);

}  // namespace sightglass::app
