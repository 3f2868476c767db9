# admin: simdjson reads the bodies of its requests.
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
set(ROOM_LIBRARIES PkgConfig::SIMDJSON)
