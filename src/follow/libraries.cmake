# follow: zlib and zstd for packed files.
find_package(ZLIB REQUIRED)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET libzstd)
set(ROOM_LIBRARIES ZLIB::ZLIB PkgConfig::ZSTD)
