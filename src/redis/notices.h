// What gateways tell each other besides limits: keys that are revoked.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/sha256.h"
#include "control/clients.h"
#include "net/loop.h"
#include "redis/limits.h"
#include "redis/link.h"

namespace sightglass::redis {

// A stream of Redis, "<prefix>revoked", with one entry for each key: its SHA-256 in hex. Who reads
// it waits in Redis for the next entry and remembers how far it came, so that nothing is missed
// while a connection is made anew; where Redis has forgotten it, every gateway adds what it knows
// again.
//
// Ownership: everything passed in outlives it. Threads: its loop's; made and destroyed while no
// loop runs; revoked() from any. Bounds: about 100,000 entries, as many as a gateway keeps keys.
class Notices {
 public:
  // False: it could not be taken, and is told again in a second.
  using Learn = std::function<bool(const std::vector<Digest>&)>;
  Notices(Memory& memory, net::Loop& loop, Learn learn);

  void start();
  // All keys that are revoked here, by digest.
  void revoked(std::shared_ptr<const control::Clients> clients);

 private:
  void read();
  void on_read(const Reply* reply);
  void add_missing();

  net::Loop& loop_;
  const Learn learn_;
  const std::string stream_;
  Options patient_;  // for the link that waits
  Link reader_, writer_;
  net::Timer again_;
  std::shared_ptr<const control::Clients> clients_;
  std::set<Digest> seen_;  // in the stream, as it is now
  std::string run_id_, last_;
  bool caught_up_ = false;
};

// The entries of an answer to XREAD: their keys; `last` becomes the newest one's id. False: it is
// no such answer.
bool read_notices(const Reply& reply, std::string& last, std::vector<Digest>& out);

}  // namespace sightglass::redis
