#include "control/database.h"

#include <sqlite3.h>
#include <sys/stat.h>

namespace sightglass::control {
namespace {

std::unexpected<Error> failed(int code) {
  switch (code & 0xff) {
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return fail(Code::kCorrupt, "control.db is damaged");
    case SQLITE_FULL:
      return fail(Code::kNoSpace, "control.db: the disk is full");
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return fail(Code::kBusy, "control.db is in use by another program");
    case SQLITE_CONSTRAINT:
      return fail(Code::kExists, "control.db: it exists already");
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_READONLY:
      return fail(Code::kIo, "control.db cannot be opened for writing");
    default:
      return fail(Code::kIo, "control.db: reading or writing failed");
  }
}

}  // namespace

void Database::Close::operator()(sqlite3* db) const { sqlite3_close_v2(db); }
void Statement::Finalize::operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }

Result<Database> Database::open(const std::string& path) {
  constexpr int kFlags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
                         SQLITE_OPEN_EXRESCODE | SQLITE_OPEN_NOFOLLOW;
  Database out;
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &db, kFlags, nullptr);
  out.db_.reset(db);
  if (code != SQLITE_OK) return failed(code);
  // Its companions (-wal, -shm) take the mode of the file.
  ::chmod(path.c_str(), 0600);
  sqlite3_busy_timeout(db, 2'000);
  // Bytes that somebody else made must not be able to run anything.
  sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  SG_TRY(out.run("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA cell_size_check=ON"));
  return out;
}

Status Database::run(const char* sql) {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return failed(code);
  return {};
}

Result<Statement> Database::prepare(const char* sql) {
  sqlite3_stmt* made = nullptr;
  const int code = sqlite3_prepare_v2(db_.get(), sql, -1, &made, nullptr);
  Statement out;
  out.statement_.reset(made);
  if (code != SQLITE_OK) return failed(code);
  return out;
}

Result<std::int64_t> Database::number(const char* sql) {
  SG_ASSIGN(auto statement, prepare(sql));
  SG_ASSIGN(const bool row, statement.step());
  return row ? statement.integer(0) : 0;
}

Status Database::check() {
  SG_ASSIGN(auto statement, prepare("PRAGMA quick_check(1)"));
  SG_ASSIGN(const bool row, statement.step());
  if (!row || statement.text(0) != "ok") return failed(SQLITE_CORRUPT);
  return {};
}

Statement& Statement::text(int parameter, std::string_view value) {
  sqlite3_bind_text(statement_.get(), parameter, value.data(), static_cast<int>(value.size()),
                    SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::bytes(int parameter, Bytes value) {
  sqlite3_bind_blob(statement_.get(), parameter, value.data(), static_cast<int>(value.size()),
                    SQLITE_TRANSIENT);
  return *this;
}

Statement& Statement::integer(int parameter, std::int64_t value) {
  sqlite3_bind_int64(statement_.get(), parameter, value);
  return *this;
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(statement_.get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return failed(code);
}

Status Statement::run() {
  while (true) {
    SG_ASSIGN(const bool row, step());
    if (!row) return {};
  }
}

Status Statement::again() {
  if (const int code = sqlite3_reset(statement_.get()); code != SQLITE_OK) return failed(code);
  return {};
}

std::string Statement::text(int column) const {
  const auto* bytes = static_cast<const char*>(sqlite3_column_blob(statement_.get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.get(), column));
  return bytes == nullptr ? std::string() : std::string(bytes, size);
}

std::int64_t Statement::integer(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

}  // namespace sightglass::control
