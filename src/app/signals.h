// Waiting for SIGINT, SIGTERM and SIGHUP on one thread, so that no handler runs anywhere.
#pragma once

#include "base/clock.h"

namespace sightglass::app {

// Blocks the signals in this thread and all that it starts; call before any thread exists. Also
// ignores SIGPIPE: a broken connection is an error of the write that met it.
void block_signals();

// The next signal, or 0 after the timeout.
int wait_signal(Nanos timeout_ns);

}  // namespace sightglass::app
