#include "journal/wake.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>

namespace sightglass::journal {

Wake::Wake() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  if (fd_ < 0) std::abort();
}

Wake::~Wake() { ::close(fd_); }

void Wake::signal() {
  const std::uint64_t one = 1;
  // It fails only when the count is full, and then the wait ends anyway.
  [[maybe_unused]] const auto n = ::write(fd_, &one, sizeof one);
}

void Wake::wait(Nanos at_most_ns) {
  pollfd waiting{fd_, POLLIN, 0};
  const timespec limit{at_most_ns / kSecond, at_most_ns % kSecond};
  if (::ppoll(&waiting, 1, &limit, nullptr) > 0) {
    std::uint64_t count = 0;
    [[maybe_unused]] const auto n = ::read(fd_, &count, sizeof count);
  }
}

}  // namespace sightglass::journal
