// Room-internal: a gateway with clients of its own joins a registry that may have some, too.
#pragma once

#include <string>
#include <vector>

#include "base/clock.h"
#include "control/clients.h"
#include "control/shared_clients.h"

namespace sightglass::directory {

struct Joining {
  std::vector<control::ClientRecord> clients;  // to be added there
  std::vector<control::SharedKey> keys;        // likewise
  // Ids of clients here for which there is no answer that harms nobody: the registry has another
  // key under this id, or this key under another id, or a key in force that is revoked here.
  // Sorted.
  std::vector<std::string> conflicts;
};

// `there`: all of the registry. What is revoked there stays so whatever is here; a client that is
// the same in id and key is the registry's.
Joining plan_joining(const control::Clients& here, const control::SharedClients& there,
                     Nanos now_ns);

}  // namespace sightglass::directory
