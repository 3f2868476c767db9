// A folder of its own for each test, gone with it.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

namespace sightglass::store {

class TestFolder {
 public:
  TestFolder() {
    char path[] = "/tmp/sightglass-store-XXXXXX";
    path_ = mkdtemp(path);
  }
  ~TestFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TestFolder(const TestFolder&) = delete;
  TestFolder& operator=(const TestFolder&) = delete;
  const std::string& path() const { return path_; }
  // Sorted names below `folder`; empty when there is no such folder.
  std::vector<std::string> list(const std::string& folder) const {
    std::vector<std::string> out;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(path_ + "/" + folder, ignored)) {
      out.push_back(entry.path().filename().string());
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  std::string path_;
};

}  // namespace sightglass::store
