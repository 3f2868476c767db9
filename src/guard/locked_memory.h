// Memory for keys: locked against swapping, left out of core dumps, wiped before it is given back.
#pragma once

#include <cstddef>
#include <string>

namespace sightglass::guard {

// Whole pages of zeros. Where the lock limit is reached the pages stay unlocked (is_locked() says
// so) but are still wiped and kept out of dumps.
// Ownership: move-only. Threads: the owner sees to it.
class LockedMemory {
 public:
  LockedMemory() = default;
  explicit LockedMemory(std::size_t size_bytes);  // stops the process when there is no memory
  LockedMemory(LockedMemory&& other) noexcept;
  LockedMemory& operator=(LockedMemory&& other) noexcept;
  ~LockedMemory();

  char* data() { return data_; }
  const char* data() const { return data_; }
  std::size_t size() const { return size_; }
  bool is_locked() const { return locked_; }
  void wipe();

 private:
  void release();
  char* data_ = nullptr;
  std::size_t size_ = 0;
  bool locked_ = false;
};

// Overwrites in a way that the compiler keeps.
void wipe(char* data, std::size_t size);
void wipe(std::string& text);  // to its capacity, then empties it

}  // namespace sightglass::guard
