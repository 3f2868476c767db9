#include "control/client_table.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "control/registry.h"

namespace sightglass::control {
namespace {

// Each brings the schema one version further. Never change one that was released: add another.
constexpr std::array<const char*, kSchemaVersion> kMigrations = {
    R"(CREATE TABLE clients (
         id TEXT NOT NULL PRIMARY KEY,
         description TEXT NOT NULL,
         allowed_providers TEXT NOT NULL,  -- one a line
         allowed_models TEXT NOT NULL,     -- one a line
         created_ns INTEGER NOT NULL,
         expires_ns INTEGER NOT NULL,      -- 0: never
         requests_per_minute INTEGER NOT NULL,
         tokens_per_minute INTEGER NOT NULL,
         parallel_requests INTEGER NOT NULL,
         nanousd_per_hour INTEGER NOT NULL,
         nanousd_per_day INTEGER NOT NULL,
         nanousd_per_month INTEGER NOT NULL
       ) STRICT, WITHOUT ROWID;
       CREATE TABLE keys (
         digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),  -- SHA-256
         client_id TEXT NOT NULL,
         made_ns INTEGER NOT NULL,
         revoked_ns INTEGER NOT NULL       -- 0: in force
       ) STRICT, WITHOUT ROWID;
       CREATE INDEX keys_of_client ON keys (client_id);)",
    R"(CREATE TABLE shared (
         only_row INTEGER NOT NULL PRIMARY KEY CHECK (only_row = 1),
         registry TEXT NOT NULL,
         revision INTEGER NOT NULL,
         token TEXT NOT NULL
       ) STRICT;)",
};

Bytes bytes_of(const Digest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

std::string join_lines(const std::vector<std::string>& list) {
  std::string out;
  for (const auto& item : list) out.append(out.empty() ? "" : "\n").append(item);
  return out;
}

std::vector<std::string> split_lines(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    out.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::unexpected<Error> damaged() {
  return fail(Code::kCorrupt,
              "control.db in the data folder is damaged: put it back from a backup, or move it and "
              "its -wal file aside and start again; clients that the admin API made must then be "
              "made anew");
}

Result<Digest> digest_of(const std::string& bytes) {
  Digest out{};
  if (bytes.size() != out.size()) return damaged();
  std::memcpy(out.data(), bytes.data(), out.size());
  return out;
}

Result<ClientRecord> read_row(const Statement& row) {
  ClientRecord out;
  int column = 0;
  out.id = row.text(column++);
  out.description = row.text(column++);
  out.allowed_providers = split_lines(row.text(column++));
  out.allowed_models = split_lines(row.text(column++));
  out.created_ns = row.integer(column++);
  out.expires_ns = row.integer(column++);
  for (auto member : {&ClientLimits::requests_per_minute, &ClientLimits::tokens_per_minute,
                      &ClientLimits::parallel_requests, &ClientLimits::nanousd_per_hour,
                      &ClientLimits::nanousd_per_day, &ClientLimits::nanousd_per_month}) {
    out.limits.*member = row.integer(column++);
  }
  SG_ASSIGN(out.key, digest_of(row.text(column)));
  // A row that this program did not write is not served.
  if (!check_client_id(out.id) || !check_client(out)) return damaged();
  return out;
}

}  // namespace

Result<ClientTable> ClientTable::open(const std::string& path) {
  auto opened = [&]() -> Result<ClientTable> {
    SG_ASSIGN(auto database, Database::open(path));
    SG_TRY(database.check());
    ClientTable table(std::move(database));
    SG_TRY(table.migrate());
    return table;
  }();
  if (!opened && opened.error().code == Code::kCorrupt) return damaged();
  return opened;
}

Status ClientTable::migrate() {
  SG_ASSIGN(const auto version, database_.number("PRAGMA user_version"));
  if (version > kSchemaVersion || version < 0) {
    return fail(Code::kVersion,
                "control.db in the data folder was written by a newer version of this program; "
                "start that version, or move the file aside");
  }
  for (auto next = version; next < kSchemaVersion; ++next) {
    const auto migrated = database_.transaction([&]() -> Status {
      SG_TRY(database_.run(kMigrations[static_cast<std::size_t>(next)]));
      return database_.run(("PRAGMA user_version=" + std::to_string(next + 1)).c_str());
    });
    if (!migrated) return migrated;
  }
  return {};
}

Result<Clients> ClientTable::read() {
  Clients out;
  SG_ASSIGN(auto rows,
            database_.prepare("SELECT c.id, description, allowed_providers, allowed_models, "
                              "created_ns, expires_ns, requests_per_minute, tokens_per_minute, "
                              "parallel_requests, nanousd_per_hour, nanousd_per_day, "
                              "nanousd_per_month, k.digest FROM clients c JOIN keys k "
                              "ON k.client_id = c.id AND k.revoked_ns = 0 ORDER BY c.id"));
  while (true) {
    SG_ASSIGN(const bool row, rows.step());
    if (!row) break;
    SG_ASSIGN(auto client, read_row(rows));
    out.clients.push_back(std::move(client));
  }
  SG_ASSIGN(auto revoked,
            database_.prepare("SELECT digest FROM keys WHERE revoked_ns != 0 OR client_id NOT IN "
                              "(SELECT id FROM clients) ORDER BY digest"));
  while (true) {
    SG_ASSIGN(const bool row, revoked.step());
    if (!row) break;
    SG_ASSIGN(const auto digest, digest_of(revoked.text(0)));
    out.revoked.push_back(digest);
  }
  return out;
}

Result<bool> ClientTable::knows_key(const Digest& key) {
  SG_ASSIGN(auto found, database_.prepare("SELECT 1 FROM keys WHERE digest = ?"));
  return found.bytes(1, bytes_of(key)).step();
}

Result<std::int64_t> ClientTable::count_keys() {
  return database_.number("SELECT count(*) FROM keys");
}

Status ClientTable::write(const char* sql, const ClientRecord& client) {
  SG_ASSIGN(auto statement, database_.prepare(sql));
  const auto& limits = client.limits;
  statement.text(1, client.id)
      .text(2, client.description)
      .text(3, join_lines(client.allowed_providers))
      .text(4, join_lines(client.allowed_models))
      .integer(5, client.created_ns)
      .integer(6, client.expires_ns)
      .integer(7, limits.requests_per_minute)
      .integer(8, limits.tokens_per_minute)
      .integer(9, limits.parallel_requests)
      .integer(10, limits.nanousd_per_hour)
      .integer(11, limits.nanousd_per_day)
      .integer(12, limits.nanousd_per_month);
  return statement.run();
}

Status ClientTable::add_key(const ClientRecord& client, Nanos now_ns) {
  SG_ASSIGN(auto statement, database_.prepare("INSERT INTO keys VALUES (?, ?, ?, 0)"));
  return statement.bytes(1, bytes_of(client.key)).text(2, client.id).integer(3, now_ns).run();
}

Status ClientTable::revoke_keys(const std::string& id, Nanos now_ns) {
  SG_ASSIGN(
      auto statement,
      database_.prepare("UPDATE keys SET revoked_ns = ? WHERE client_id = ? AND revoked_ns = 0"));
  return statement.integer(1, now_ns).text(2, id).run();
}

Status ClientTable::insert(const ClientRecord& client) {
  return database_.transaction([&]() -> Status {
    SG_TRY(write("INSERT INTO clients VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
                 client));
    return add_key(client, client.created_ns);
  });
}

Status ClientTable::update(const ClientRecord& before, const ClientRecord& after, Nanos now_ns) {
  return database_.transaction([&]() -> Status {
    SG_TRY(
        write("INSERT OR REPLACE INTO clients VALUES "
              "(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)",
              after));
    if (before.key == after.key) return {};
    SG_TRY(revoke_keys(after.id, now_ns));
    return add_key(after, now_ns);
  });
}

Status ClientTable::revoke(const Digest& key, Nanos now_ns) {
  return database_.transaction([&]() -> Status {
    SG_ASSIGN(auto gone,
              database_.prepare("DELETE FROM clients WHERE id IN (SELECT client_id FROM keys "
                                "WHERE digest = ? AND revoked_ns = 0)"));
    SG_TRY(gone.bytes(1, bytes_of(key)).run());
    SG_ASSIGN(auto revoked,
              database_.prepare("INSERT INTO keys VALUES (?1, '', ?2, ?2) ON CONFLICT (digest) DO "
                                "UPDATE SET revoked_ns = ?2 WHERE revoked_ns <= 0"));
    return revoked.bytes(1, bytes_of(key)).integer(2, now_ns).run();
  });
}

Status ClientTable::remove(const std::string& id, Nanos now_ns) {
  return database_.transaction([&]() -> Status {
    SG_ASSIGN(auto statement, database_.prepare("DELETE FROM clients WHERE id = ?"));
    SG_TRY(statement.text(1, id).run());
    return revoke_keys(id, now_ns);
  });
}

}  // namespace sightglass::control
