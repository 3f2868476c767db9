// Room-internal: SQLite's C interface with results of ours. Its own error texts go no further: they
// can hold what was stored.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/result.h"

struct sqlite3;
struct sqlite3_stmt;

namespace sightglass::control {

class Statement;

// One connection. Threads: one. Write-ahead log, synchronous=FULL: what a statement changed is
// durable when step() has returned.
class Database {
 public:
  // Makes the file (mode 0600) when it is not there. Errors: kCorrupt, kNoSpace, kIo.
  static Result<Database> open(const std::string& path);

  Status run(const char* sql);  // any number of statements without parameters
  Result<Statement> prepare(const char* sql);
  Result<std::int64_t> number(const char* sql);  // the first column of the first row
  // Whether pages and indexes hold together.
  Status check();
  // Runs `change` as one transaction.
  template <typename F>
  Status transaction(F&& change) {
    SG_TRY(run("BEGIN IMMEDIATE"));
    Status done = change();
    if (done) done = run("COMMIT");
    if (!done) static_cast<void>(run("ROLLBACK"));
    return done;
  }

 private:
  struct Close {
    void operator()(sqlite3* db) const;
  };
  std::unique_ptr<sqlite3, Close> db_;
};

class Statement {
 public:
  // Parameters are numbered from 1; texts and bytes are borrowed until the next step().
  Statement& text(int parameter, std::string_view value);
  Statement& bytes(int parameter, Bytes value);
  Statement& integer(int parameter, std::int64_t value);
  Result<bool> step();  // true: a row; false: done
  Status run();         // to its end
  Status again();       // ready for other parameters
  std::string text(int column) const;
  std::int64_t integer(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const;
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace sightglass::control
