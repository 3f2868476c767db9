# store: DuckDB through its C API; simdjson reads the manifest.
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
set(ROOM_LIBRARIES duckdb_c PkgConfig::SIMDJSON)

# libduckdb.so is not instrumented, so that ThreadSanitizer would report its locks as races of ours
# and miss real ones. Under TSan only those tests are built that never start the engine: what has
# threads of our own stands behind interfaces (QueryQueue, TableWriter) for this reason.
if(SIGHTGLASS_SANITIZE MATCHES "thread")
  list(FILTER tests INCLUDE REGEX "/(manifest|history|query_queue)_test\\.cc$")
endif()
