// For tests: a folder of its own with files in it, removed at the end.
#pragma once

#include <stdlib.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>

namespace sightglass::follow {

class ScratchFolder {
 public:
  ScratchFolder() {
    char name[] = "/tmp/sightglass-follow-XXXXXX";
    path_ = ::mkdtemp(name);
  }
  ~ScratchFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  ScratchFolder(const ScratchFolder&) = delete;
  ScratchFolder& operator=(const ScratchFolder&) = delete;

  std::string in(const std::string& name) const { return path_ + "/" + name; }
  void write(const std::string& name, std::string_view content) const {
    std::ofstream(in(name), std::ios::trunc | std::ios::binary) << content;
  }
  void append(const std::string& name, std::string_view content) const {
    std::ofstream(in(name), std::ios::app | std::ios::binary) << content;
  }
  void rename(const std::string& from, const std::string& to) const {
    std::filesystem::rename(in(from), in(to));
  }
  void copy(const std::string& from, const std::string& to) const {
    std::filesystem::copy_file(in(from), in(to), std::filesystem::copy_options::overwrite_existing);
  }
  void remove(const std::string& name) const { std::filesystem::remove(in(name)); }

 private:
  std::string path_;
};

}  // namespace sightglass::follow
