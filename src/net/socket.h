// What plain and TLS streams share of the descriptor. Internal to the room.
#pragma once

#include <sys/uio.h>

#include "net/stream.h"

namespace sightglass::net {

// One recv() or send(), without SIGPIPE.
IoResult receive(int fd, char* out, std::size_t size);
IoResult transmit(int fd, const iovec* parts, int count);

void set_no_delay(int fd);  // nothing to do for Unix sockets

}  // namespace sightglass::net
