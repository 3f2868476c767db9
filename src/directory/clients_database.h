// Room-internal: the tables of deploy/postgres/clients.sql over one connection.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "control/clients.h"
#include "control/shared_clients.h"
#include "directory/joining.h"
#include "export/pg_link.h"

namespace sightglass::directory {

inline constexpr int kClientsSchema = 1;  // the version that clients.sql makes

// Every change is one transaction: it locks the registry's row, gives the next revision, and reads
// back what the caller does not have yet, all of which is there or nothing. Revisions are committed
// in their order, so that whoever sees one sees all before it.
// Threads: one; link().wake() and link().stop_by() from any.
class ClientsDatabase {
 public:
  template <typename T>
  using Outcome = exporting::PgLink::Outcome<T>;

  // `gateway`: stands beside its changes.
  static Result<std::unique_ptr<ClientsDatabase>> make(const exporting::PgOptions& options,
                                                       std::string gateway, const Clock& clock,
                                                       Random& random);
  exporting::PgLink& link() { return *link_; }

  // Connects, and sees to it that the tables are ours and may be written to.
  Outcome<void> open();
  // To changes, from here on; once for each connection. A standby takes no listeners.
  Outcome<void> listen();
  bool listens() const { return listens_; }

  struct Head {
    control::Revision at;
    bool read_only = false;  // a standby, or set so
  };
  Outcome<Head> head();

  // What a copy that has `have` does not have: what changed since, or everything where `have` is
  // nothing that this registry ever was. `unreadable`: rows that no gateway wrote; a client of such
  // a row is told as removed.
  struct Read {
    control::SharedClients state;
    std::size_t unreadable = 0;
  };
  Outcome<Read> read(const control::Revision& have);

  // What stands there while the registry's row is locked.
  struct Current {
    bool present = false;                         // a row of that id, not deleted
    std::optional<control::ClientRecord> client;  // none though present: no gateway wrote the row
    bool key_known = false;                       // in force or revoked
    std::size_t clients = 0;
    std::int64_t keys = 0;
  };
  // The client as it shall be; none: it goes and its key is revoked.
  using Decide = std::function<Result<std::optional<control::ClientRecord>>(const Current&)>;
  struct Written {
    Status decided;  // not: nothing has changed
    Read read;       // else what is to be taken over
  };
  // `key`: the new one, where there is to be one. A failure is one of before the commit, unless
  // uncertain() says otherwise.
  Outcome<Written> write(const std::string& id, const std::optional<Digest>& key,
                         const Decide& decide, const control::Revision& have, Nanos now_ns);
  // Whether the last failure left it open what became of the commit.
  bool uncertain() const { return uncertain_; }
  // What became of it: whether it is there. On a new connection.
  Outcome<bool> settle();

  // Adds the clients of a gateway that has not been part of this registry.
  struct Joined {
    std::vector<std::string> conflicts;  // not empty: nothing has changed
    std::size_t added = 0;
    Read read;
  };
  Outcome<Joined> join(const control::Clients& here, Nanos now_ns);

 private:
  ClientsDatabase(std::unique_ptr<exporting::PgLink> link, Nanos timeout_ns, std::string gateway,
                  Random& random);
  Outcome<control::Revision> lock();
  Outcome<control::Revision> next_revision(control::Revision at);
  Outcome<void> put(const std::vector<control::ClientRecord>& clients,
                    const std::vector<control::SharedKey>& keys, std::int64_t revision);
  Outcome<void> revoke(const std::string& id, const std::string& but, Nanos now_ns,
                       std::int64_t revision);
  Outcome<Current> current(const std::string& id, const std::optional<Digest>& key);
  Outcome<Read> read_since(const control::Revision& at, const control::Revision& have);
  Outcome<void> commit();
  Outcome<void> say(const char* sql, const std::vector<std::string>& parameters = {});

  const std::unique_ptr<exporting::PgLink> link_;
  const std::string settings_, gateway_;
  Random& random_;
  std::string token_;  // of the last change that was begun
  bool listens_ = false;
  bool uncertain_ = false;
};

}  // namespace sightglass::directory
