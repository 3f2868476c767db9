// Runs one SQL statement in an empty DuckDB and prints its first value: bench_duckdb THREADS SQL
#include <duckdb.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace {

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench_duckdb: %s\n", what);
  std::exit(1);
}

std::string run(duckdb_connection connection, const std::string& sql) {
  duckdb_result result;
  if (duckdb_query(connection, sql.c_str(), &result) == DuckDBError) {
    die(duckdb_result_error(&result));
  }
  std::string out;
  if (duckdb_row_count(&result) > 0) {
    char* const text = duckdb_value_varchar(&result, 0, 0);
    if (text != nullptr) out = text;
    duckdb_free(text);
  }
  duckdb_destroy_result(&result);
  return out;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) die("usage: bench_duckdb THREADS SQL");
  duckdb_database database;
  duckdb_connection connection;
  if (duckdb_open(nullptr, &database) == DuckDBError) die("cannot open");
  if (duckdb_connect(database, &connection) == DuckDBError) die("cannot connect");
  run(connection, std::string("SET threads TO ") + argv[1]);
  std::puts(run(connection, argv[2]).c_str());
  duckdb_disconnect(&connection);
  duckdb_close(&database);
  return 0;
}
