// Entries of Redis' streams, as XREAD gives those of one.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "redis/reply.h"

namespace sightglass::redis {

// Calls `take` with the fields and values of each entry; `last` becomes the newest one's id. False:
// it is no answer to XREAD of one stream. Nothing new is an answer, too.
bool read_entries(const Reply& reply, std::string& last,
                  const std::function<void(const std::vector<Reply>& fields)>& take);

}  // namespace sightglass::redis
