# codec: simdjson for records, zlib and zstd for compressed bodies.
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
find_package(ZLIB REQUIRED)
set(ROOM_LIBRARIES PkgConfig::SIMDJSON PkgConfig::ZSTD ZLIB::ZLIB)
