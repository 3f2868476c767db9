// The clients that the admin API made: kept in SQLite, published as an immutable snapshot. Beside a
// registry of several gateways it is this gateway's copy of that.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "base/result.h"
#include "control/clients.h"
#include "control/shared_clients.h"

namespace sightglass::control {

// What changes of one client; what is not set stays.
struct ClientChange {
  std::optional<std::string> description;
  std::optional<std::vector<std::string>> allowed_providers;
  std::optional<std::vector<std::string>> allowed_models;
  std::optional<ClientLimits> limits;
  std::optional<Nanos> expires_ns;
  // As whoever asks saw it: where a registry of several gateways has another one by now, nothing is
  // changed. A registry of one gateway does not look at it.
  std::optional<ClientRecord> seen;
  std::optional<std::string> key;  // in place of the old one, which is revoked
  bool make_key = false;           // the same, with a key made here
};

// `control.db` in the data folder. One thread owns it; every call here hands its work to that
// thread and waits.
//
// Threads: any but I/O workers; clients() from any. Durable when a call has returned, and in force:
// the listener was told before.
// Bounds: kMaxClients, kMaxKeys; 64 waiting calls, then kBusy.
// Errors of the database: kNoSpace, kCorrupt, kIo; nothing has changed then.
class Registry {
 public:
  // Clients of the configuration file: neither their ids nor their keys can be given away here.
  struct Configured {
    std::set<std::string, std::less<>> ids;
    std::set<Digest> keys;
  };
  struct Options {
    std::string path;
    Configured configured;
    bool shared = false;  // it is the copy of a registry of several gateways
  };
  // Errors: kCorrupt for a damaged file and kVersion for one of a newer version, with the choices.
  static Result<std::unique_ptr<Registry>> open(Options options, const Clock& clock,
                                                Random& random);
  virtual ~Registry() = default;

  virtual std::shared_ptr<const Clients> clients() const = 0;
  // Called on the registry's thread with every new snapshot; set it before the first change.
  virtual void listen(std::function<void(std::shared_ptr<const Clients>)> listener) = 0;

  struct Created {
    ClientRecord client;
    std::string key;  // where it was made here: shown once, kept nowhere
  };
  // `key`: the caller's choice, or empty. Errors: kExists for an id or a key that is or was
  // somebody's, kInvalid, kTooLarge past the bounds.
  virtual Result<Created> create(ClientRecord client, std::string key) = 0;
  virtual Result<Created> change(const std::string& id, ClientChange change) = 0;  // kNotFound
  // Its key is revoked for good; the id may be used again.
  virtual Status remove(const std::string& id) = 0;  // kNotFound
  // The configuration has others now. The listener is told, with the clients as they are. Errors:
  // kBusy and kUnavailable; nothing has changed then.
  virtual Status configure(Configured configured) = 0;

  // Keys that were revoked elsewhere, soon and without waiting, from any thread: a client made here
  // that has one of them is deleted. False: too much waits, nothing is done.
  virtual bool revoke_soon(std::vector<Digest> keys) = 0;

  // For the copy of a registry of several gateways. Which state it has; and the next one, durable
  // and in force on return. A key that is revoked here stays so.
  virtual Result<Revision> revision() = 0;
  virtual Status adopt(const SharedClients& state) = 0;
};

inline constexpr int kSchemaVersion = 2;

}  // namespace sightglass::control
