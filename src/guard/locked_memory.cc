#include "guard/locked_memory.h"

#include <string.h>  // explicit_bzero is not in <cstring>
#include <sys/mman.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sightglass::guard {

LockedMemory::LockedMemory(std::size_t size_bytes) {
  const auto page = static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
  size_ = (size_bytes + page - 1) / page * page;
  void* const at = mmap(nullptr, size_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (at == MAP_FAILED) {
    std::fputs("guard: no memory for keys\n", stderr);
    std::abort();
  }
  data_ = static_cast<char*>(at);
  locked_ = mlock(data_, size_) == 0;
  madvise(data_, size_, MADV_DONTDUMP);
}

LockedMemory::LockedMemory(LockedMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      locked_(std::exchange(other.locked_, false)) {}

LockedMemory& LockedMemory::operator=(LockedMemory&& other) noexcept {
  if (this == &other) return *this;
  release();
  data_ = std::exchange(other.data_, nullptr);
  size_ = std::exchange(other.size_, 0);
  locked_ = std::exchange(other.locked_, false);
  return *this;
}

LockedMemory::~LockedMemory() { release(); }

void LockedMemory::release() {
  if (data_ == nullptr) return;
  wipe();
  munmap(data_, size_);  // unlocks as well
  data_ = nullptr;
}

void LockedMemory::wipe() { guard::wipe(data_, size_); }

void wipe(char* data, std::size_t size) {
  if (size > 0) explicit_bzero(data, size);
}

void wipe(std::string& text) {
  text.resize(text.capacity());
  wipe(text.data(), text.size());
  text.clear();
}

}  // namespace sightglass::guard
