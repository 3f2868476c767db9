# gateway: simdjson for bodies, zlib and zstd to look into compressed answers.
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
find_package(ZLIB REQUIRED)
set(ROOM_LIBRARIES PkgConfig::SIMDJSON ZLIB::ZLIB)
