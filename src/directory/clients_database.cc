#include "directory/clients_database.h"

#include <utility>
#include <vector>

#include "base/failpoint.h"
#include "base/text.h"
#include "directory/client_rows.h"

namespace sightglass::directory {
namespace {

using control::ClientRecord;
using control::Revision;
using control::SharedKey;
using exporting::PgFailure;
using exporting::Reason;
template <typename T>
using Outcome = ClientsDatabase::Outcome<T>;

constexpr const char* kMayWrite =
    "select has_table_privilege('sightglass_clients.clients', 'insert') "
    "and has_table_privilege('sightglass_clients.clients', 'update') "
    "and has_table_privilege('sightglass_clients.keys', 'insert') "
    "and has_table_privilege('sightglass_clients.changes', 'insert')";

constexpr const char* kHead =
    "select version, registry, revision, token, current_setting('transaction_read_only') "
    "from sightglass_clients.registry";

constexpr const char* kLock =
    "select version, registry, revision, token, 'off' from sightglass_clients.registry for update";

constexpr const char* kNext =
    "update sightglass_clients.registry set revision = $1::bigint, token = $2";

constexpr const char* kNote =
    "insert into sightglass_clients.changes (revision, token, gateway) values ($1::bigint, $2, $3)";

constexpr const char* kWasHere =
    "select 1 from sightglass_clients.changes where revision = $1::bigint and token = $2";

constexpr const char* kCommitted = "select 1 from sightglass_clients.changes where token = $1";

// The columns as client_rows.h reads them.
#define SG_CLIENT_COLUMNS                                                             \
  "c.client_id, c.description, c.allowed_providers, c.allowed_models, c.created_ns, " \
  "c.expires_ns, c.requests_per_minute, c.tokens_per_minute, c.parallel_requests, "   \
  "c.nanousd_per_hour, c.nanousd_per_day, c.nanousd_per_month, coalesce(k.key_sha256, '')"
#define SG_CLIENTS_WITH_KEYS                                                \
  " from sightglass_clients.clients c left join sightglass_clients.keys k " \
  "on k.client_id = c.client_id and k.revoked_ns = 0 "

constexpr const char* kOne =
    "select " SG_CLIENT_COLUMNS SG_CLIENTS_WITH_KEYS "where c.client_id = $1 and c.removed_ns = 0";

// Whole (-1): deleted clients are of no interest.
constexpr const char* kClientsSince =
    "select " SG_CLIENT_COLUMNS ", c.removed_ns" SG_CLIENTS_WITH_KEYS
    "where c.revision > $1::bigint and (c.removed_ns = 0 or $1::bigint >= 0)";

constexpr const char* kKeysSince =
    "select key_sha256, client_id, made_ns, revoked_ns from sightglass_clients.keys "
    "where revision > $1::bigint";

constexpr const char* kCounts =
    "select (select count(*) from sightglass_clients.clients where removed_ns = 0), "
    "(select count(*) from sightglass_clients.keys), "
    "(select count(*) from sightglass_clients.keys where key_sha256 = $1)";

constexpr const char* kPutClients =
    "insert into sightglass_clients.clients (client_id, description, allowed_providers, "
    "allowed_models, created_ns, expires_ns, requests_per_minute, tokens_per_minute, "
    "parallel_requests, nanousd_per_hour, nanousd_per_day, nanousd_per_month, removed_ns, "
    "revision) select client_id, description, allowed_providers, allowed_models, created_ns, "
    "expires_ns, requests_per_minute, tokens_per_minute, parallel_requests, nanousd_per_hour, "
    "nanousd_per_day, nanousd_per_month, 0, $2::bigint from jsonb_to_recordset($1::jsonb) as r "
    "(client_id text, description text, allowed_providers text, allowed_models text, "
    "created_ns bigint, expires_ns bigint, requests_per_minute bigint, tokens_per_minute bigint, "
    "parallel_requests bigint, nanousd_per_hour bigint, nanousd_per_day bigint, "
    "nanousd_per_month bigint) on conflict (client_id) do update set "
    "description = excluded.description, allowed_providers = excluded.allowed_providers, "
    "allowed_models = excluded.allowed_models, created_ns = excluded.created_ns, "
    "expires_ns = excluded.expires_ns, requests_per_minute = excluded.requests_per_minute, "
    "tokens_per_minute = excluded.tokens_per_minute, "
    "parallel_requests = excluded.parallel_requests, "
    "nanousd_per_hour = excluded.nanousd_per_hour, nanousd_per_day = excluded.nanousd_per_day, "
    "nanousd_per_month = excluded.nanousd_per_month, removed_ns = 0, revision = excluded.revision";

constexpr const char* kPutKeys =
    "insert into sightglass_clients.keys (key_sha256, client_id, made_ns, revoked_ns, revision) "
    "select key_sha256, client_id, made_ns, revoked_ns, $2::bigint "
    "from jsonb_to_recordset($1::jsonb) as r "
    "(key_sha256 text, client_id text, made_ns bigint, revoked_ns bigint)";

constexpr const char* kRevoke =
    "update sightglass_clients.keys set revoked_ns = $3::bigint, revision = $4::bigint "
    "where client_id = $1 and revoked_ns = 0 and key_sha256 <> $2";

constexpr const char* kRemove =
    "update sightglass_clients.clients set removed_ns = $2::bigint, revision = $3::bigint "
    "where client_id = $1";

// The commit is to be on disk when it is answered, whatever the server's settings are.
std::string settings_of(Nanos timeout_ns) {
  const auto ms = std::to_string(timeout_ns / kMillisecond + 1);
  return "; set local statement_timeout = " + ms + "; set local lock_timeout = " + ms +
         "; set local idle_in_transaction_session_timeout = " + ms +
         "; set local synchronous_commit = on; set local search_path = pg_catalog";
}

std::unexpected<PgFailure> failed(Reason reason) { return std::unexpected(PgFailure{reason, {}}); }

Outcome<ClientsDatabase::Head> head_of(const Row& row) {
  if (row.size() != 5 || row[0] != std::to_string(kClientsSchema)) return failed(Reason::kSchema);
  const auto number = parse_int(row[2]);
  if (row[1].empty() || !number || *number < 0) return failed(Reason::kSchema);
  return ClientsDatabase::Head{{row[1], *number, row[3]}, row[4] != "off"};
}

}  // namespace

#define SG_PG_TRY(expr)                                   \
  do {                                                    \
    if (auto sg_done = (expr); !sg_done) {                \
      return std::unexpected(std::move(sg_done).error()); \
    }                                                     \
  } while (false)

Result<std::unique_ptr<ClientsDatabase>> ClientsDatabase::make(const exporting::PgOptions& options,
                                                               std::string gateway,
                                                               const Clock& clock, Random& random) {
  SG_ASSIGN(auto link, exporting::PgLink::make(options, clock));
  return std::unique_ptr<ClientsDatabase>(
      new ClientsDatabase(std::move(link), options.timeout_ns, std::move(gateway), random));
}

ClientsDatabase::ClientsDatabase(std::unique_ptr<exporting::PgLink> link, Nanos timeout_ns,
                                 std::string gateway, Random& random)
    : link_(std::move(link)),
      settings_(settings_of(timeout_ns)),
      gateway_(std::move(gateway)),
      random_(random) {}

Outcome<void> ClientsDatabase::say(const char* sql, const std::vector<std::string>& parameters) {
  SG_PG_TRY(link_->ask(sql, parameters));
  return {};
}

Outcome<void> ClientsDatabase::open() {
  uncertain_ = listens_ = false;
  SG_PG_TRY(link_->open());
  SG_PG_TRY(head());
  auto may = link_->ask(kMayWrite);
  if (!may) return std::unexpected(std::move(may).error());
  if (may->row.empty() || may->row[0] != "t") return failed(Reason::kDenied);
  return {};
}

Outcome<void> ClientsDatabase::listen() {
  SG_PG_TRY(say("listen sightglass_clients"));
  listens_ = true;
  return {};
}

Outcome<ClientsDatabase::Head> ClientsDatabase::head() {
  auto row = link_->ask(kHead);
  if (!row) return std::unexpected(std::move(row).error());
  return head_of(row->row);
}

// ---- reading ------------------------------------------------------------------------------------

Outcome<ClientsDatabase::Read> ClientsDatabase::read(const Revision& have) {
  SG_PG_TRY(say(("begin isolation level repeatable read, read only" + settings_).c_str()));
  const auto at = head();
  if (!at) return std::unexpected(at.error());
  auto read = read_since(at->at, have);
  if (read) SG_PG_TRY(say("commit"));
  return read;
}

Outcome<ClientsDatabase::Read> ClientsDatabase::read_since(const Revision& at,
                                                           const Revision& have) {
  Read out;
  out.state.at = at;
  out.state.whole = true;
  if (have.number > 0 && have.registry == at.registry) {
    auto known = link_->ask(kWasHere, {std::to_string(have.number), have.token});
    if (!known) return std::unexpected(std::move(known).error());
    out.state.whole = known->row.empty();
  }
  const auto since = std::to_string(out.state.whole ? -1 : have.number);
  std::size_t rows = 0;
  const auto take_client = [&](Row row) {
    const bool removed = row.back() != "0";
    auto client = removed ? std::nullopt : client_of(row);
    if (!removed && !client) ++out.unreadable;
    if (client) {
      out.state.clients.push_back(std::move(*client));
    } else {
      out.state.removed.push_back(std::move(row.front()));
    }
    return ++rows <= control::kMaxKeys && out.state.clients.size() <= control::kMaxClients;
  };
  SG_PG_TRY(link_->ask(kClientsSince, {since}, take_client));
  const auto take_key = [&](const Row& row) {
    if (const auto key = key_of(row)) {
      out.state.keys.push_back(*key);
    } else {
      ++out.unreadable;
    }
    return out.state.keys.size() <= control::kMaxKeys;
  };
  SG_PG_TRY(link_->ask(kKeysSince, {since}, take_key));
  return out;
}

// ---- changes ------------------------------------------------------------------------------------

Outcome<Revision> ClientsDatabase::lock() {
  uncertain_ = false;
  SG_PG_TRY(say(("begin isolation level read committed" + settings_).c_str()));
  auto row = link_->ask(kLock);
  if (!row) return std::unexpected(std::move(row).error());
  auto found = head_of(row->row);
  if (!found) return std::unexpected(std::move(found).error());
  return std::move(found->at);
}

Outcome<Revision> ClientsDatabase::next_revision(Revision at) {
  ++at.number;
  at.token = token_ = random_hex(random_, 16);
  const auto number = std::to_string(at.number);
  auto moved = link_->ask(kNext, {number, at.token});
  if (!moved) return std::unexpected(std::move(moved).error());
  if (moved->tag != "UPDATE 1") return failed(Reason::kServerError);
  SG_PG_TRY(say(kNote, {number, at.token, gateway_}));
  SG_PG_TRY(say("notify sightglass_clients"));
  return at;
}

Outcome<ClientsDatabase::Current> ClientsDatabase::current(const std::string& id,
                                                           const std::optional<Digest>& key) {
  Current out;
  auto row = link_->ask(kOne, {id});
  if (!row) return std::unexpected(std::move(row).error());
  out.present = !row->row.empty();
  if (out.present) out.client = client_of(row->row);
  auto counts = link_->ask(kCounts, {key ? hex_of(*key) : std::string()});
  if (!counts) return std::unexpected(std::move(counts).error());
  if (counts->row.size() != 3) return failed(Reason::kNonsense);
  const auto clients = parse_int(counts->row[0]);
  const auto keys = parse_int(counts->row[1]);
  if (!clients || !keys) return failed(Reason::kNonsense);
  out.clients = static_cast<std::size_t>(*clients);
  out.keys = *keys;
  out.key_known = counts->row[2] != "0";
  return out;
}

Outcome<void> ClientsDatabase::revoke(const std::string& id, const std::string& but, Nanos now_ns,
                                      std::int64_t revision) {
  return say(kRevoke, {id, but, std::to_string(now_ns), std::to_string(revision)});
}

Outcome<void> ClientsDatabase::put(const std::vector<ClientRecord>& clients,
                                   const std::vector<SharedKey>& keys, std::int64_t revision) {
  const auto number = std::to_string(revision);
  SG_PG_TRY(say(kPutClients, {clients_json(clients), number}));
  return keys.empty() ? Outcome<void>() : say(kPutKeys, {keys_json(keys), number});
}

Outcome<ClientsDatabase::Written> ClientsDatabase::write(const std::string& id,
                                                         const std::optional<Digest>& key,
                                                         const Decide& decide, const Revision& have,
                                                         Nanos now_ns) {
  auto at = lock();
  if (!at) return std::unexpected(std::move(at).error());
  const auto before = current(id, key);
  if (!before) return std::unexpected(before.error());
  const auto after = decide(*before);
  if (!after) {
    SG_PG_TRY(say("rollback"));
    return Written{std::unexpected(after.error()), {}};
  }
  at = next_revision(std::move(*at));
  if (!at) return std::unexpected(std::move(at).error());
  const auto& client = *after;
  SG_PG_TRY(revoke(id, client ? hex_of(client->key) : "", now_ns, at->number));
  if (client) {
    std::vector<SharedKey> keys;
    if (key) keys.push_back({*key, id, now_ns, 0});
    SG_PG_TRY(put({*client}, keys, at->number));
  } else {
    SG_PG_TRY(say(kRemove, {id, std::to_string(now_ns), std::to_string(at->number)}));
  }
  Written out;
  auto read = read_since(*at, have);
  if (!read) return std::unexpected(std::move(read).error());
  out.read = std::move(*read);
  SG_FAILPOINT("clients.registry.written");
  SG_PG_TRY(commit());
  SG_FAILPOINT("clients.registry.committed");
  return out;
}

Outcome<void> ClientsDatabase::commit() {
  uncertain_ = true;
  auto done = link_->ask("commit");
  if (!done) return std::unexpected(std::move(done).error());
  uncertain_ = false;
  if (done->tag != "COMMIT") return failed(Reason::kServerError);  // it was rolled back
  return {};
}

// The lock waits for what an earlier connection of ours may still do there.
Outcome<bool> ClientsDatabase::settle() {
  SG_PG_TRY(open());
  SG_PG_TRY(lock());
  auto found = link_->ask(kCommitted, {token_});
  if (!found) return std::unexpected(std::move(found).error());
  SG_PG_TRY(say("rollback"));
  return !found->row.empty();
}

Outcome<ClientsDatabase::Joined> ClientsDatabase::join(const control::Clients& here, Nanos now_ns) {
  auto at = lock();
  if (!at) return std::unexpected(std::move(at).error());
  auto there = read_since(*at, {});
  if (!there) return std::unexpected(std::move(there).error());
  auto plan = plan_joining(here, there->state, now_ns);
  Joined out;
  out.conflicts = std::move(plan.conflicts);
  const bool nothing = plan.clients.empty() && plan.keys.empty();
  if (!out.conflicts.empty() || nothing) {
    SG_PG_TRY(say("rollback"));
    out.read = std::move(*there);
    return out;
  }
  at = next_revision(std::move(*at));
  if (!at) return std::unexpected(std::move(at).error());
  SG_PG_TRY(put(plan.clients, plan.keys, at->number));
  auto read = read_since(*at, {});
  if (!read) return std::unexpected(std::move(read).error());
  out.read = std::move(*read);
  out.added = plan.clients.size();
  SG_PG_TRY(commit());
  return out;
}

}  // namespace sightglass::directory
