# control: SQLite keeps what the admin API changes.
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3)
set(ROOM_LIBRARIES PkgConfig::SQLITE)
