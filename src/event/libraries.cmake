# event: yaml-cpp reads packs, RE2 runs the %regex% of the filter language, simdjson reads raw lines.
find_package(yaml-cpp REQUIRED)
pkg_check_modules(RE2 REQUIRED IMPORTED_TARGET re2)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
set(ROOM_LIBRARIES yaml-cpp PkgConfig::RE2 PkgConfig::SIMDJSON)
