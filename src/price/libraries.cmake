# price: simdjson reads price books; the built-in list is compiled in as text.
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
set(ROOM_LIBRARIES PkgConfig::SIMDJSON)

set(PRICES_JSON_FILE ${CMAKE_CURRENT_LIST_DIR}/prices_builtin.json)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PRICES_JSON_FILE})
file(READ ${PRICES_JSON_FILE} PRICES_JSON)
configure_file(${CMAKE_CURRENT_LIST_DIR}/prices_builtin.cc.in
  ${CMAKE_BINARY_DIR}/generated/prices_builtin.cc @ONLY)
list(APPEND sources ${CMAKE_BINARY_DIR}/generated/prices_builtin.cc)
# One literal of more than 64 KiB: both compilers take it, clang says that others need not.
set_source_files_properties(${CMAKE_BINARY_DIR}/generated/prices_builtin.cc PROPERTIES
  COMPILE_OPTIONS -Wno-overlength-strings)
