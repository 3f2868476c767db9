// A second process of this program.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "base/result.h"

namespace sightglass::app {

// Runs this program's own file with other arguments; its output goes to nowhere. It is sent SIGTERM
// when this process dies, and on destruction, which waits for it.
// Threads: start before any thread exists.
class Child {
 public:
  static Result<Child> start(const std::vector<std::string>& arguments);
  Child(Child&& other) noexcept;
  Child& operator=(Child&&) = delete;
  ~Child();
  bool running();

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_;
};

}  // namespace sightglass::app
