#include "app/signals.h"

#include <pthread.h>
#include <signal.h>

namespace sightglass::app {
namespace {

sigset_t awaited() {
  sigset_t set;
  sigemptyset(&set);
  sigaddset(&set, SIGINT);
  sigaddset(&set, SIGTERM);
  sigaddset(&set, SIGHUP);
  return set;
}

}  // namespace

void block_signals() {
  const sigset_t set = awaited();
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  signal(SIGPIPE, SIG_IGN);
}

int wait_signal(Nanos timeout_ns) {
  const sigset_t set = awaited();
  const timespec timeout{timeout_ns / kSecond, timeout_ns % kSecond};
  const int signal_number = sigtimedwait(&set, nullptr, &timeout);
  return signal_number > 0 ? signal_number : 0;
}

}  // namespace sightglass::app
