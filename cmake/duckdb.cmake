# DuckDB comes as a prebuilt library and a header from two npm packages, pinned by hash in
# third_party/npm/package-lock.json and installed by `./dev` without running their scripts.
set(DUCKDB_NPM ${CMAKE_SOURCE_DIR}/third_party/npm/node_modules)
set(DUCKDB_HEADER_DIR ${DUCKDB_NPM}/duckdb/src/duckdb/src/include)
set(DUCKDB_LIBRARY ${DUCKDB_NPM}/@duckdb/node-bindings-linux-x64/libduckdb.so)
if(EXISTS ${DUCKDB_LIBRARY})
  # The C API alone is used; the package's other headers stay out of the include path.
  file(COPY ${DUCKDB_HEADER_DIR}/duckdb.h DESTINATION ${CMAKE_BINARY_DIR}/duckdb)
  file(CREATE_LINK ${DUCKDB_LIBRARY} ${CMAKE_BINARY_DIR}/libduckdb.so SYMBOLIC)
  add_library(duckdb_c SHARED IMPORTED GLOBAL)
  set_target_properties(duckdb_c PROPERTIES IMPORTED_LOCATION ${DUCKDB_LIBRARY}
    INTERFACE_INCLUDE_DIRECTORIES ${CMAKE_BINARY_DIR}/duckdb)
else()
  message(FATAL_ERROR "libduckdb.so is missing: run ./dev build, which installs it")
endif()
