# export: zlib packs what is sent to InfluxDB; libpq talks to PostgreSQL.
find_package(ZLIB REQUIRED)
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq)
set(ROOM_LIBRARIES ZLIB::ZLIB PkgConfig::LIBPQ)
