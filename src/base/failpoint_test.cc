#include "base/failpoint.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>

namespace sightglass {
namespace {

// The environment is read once in a process, so each case runs in a child of its own.
int run_child(const char* armed, int arrivals) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (armed == nullptr) {
      ::unsetenv("SIGHTGLASS_FAILPOINT");
    } else {
      ::setenv("SIGHTGLASS_FAILPOINT", armed, 1);
    }
    for (int i = 0; i < arrivals; ++i) SG_FAILPOINT("test.point");
    ::_exit(7);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(Failpoint, KillsAtTheFirstArrivalWhenNamed) {
  EXPECT_EQ(run_child("test.point", 1), -SIGKILL);
}

TEST(Failpoint, KillsAtTheCountedArrivalAndNotBefore) {
  EXPECT_EQ(run_child("test.point:3", 2), 7);
  EXPECT_EQ(run_child("test.point:3", 3), -SIGKILL);
}

TEST(Failpoint, DoesNothingWhenUnsetOrNamedOtherwise) {
  EXPECT_EQ(run_child(nullptr, 5), 7);
  EXPECT_EQ(run_child("test.other", 5), 7);
}

}  // namespace
}  // namespace sightglass
