# app: yaml-cpp for the configuration, CLI11 for the command line, simdjson and zlib for the simulated
# providers.
find_package(yaml-cpp REQUIRED)
find_package(CLI11 REQUIRED)
pkg_check_modules(SIMDJSON REQUIRED IMPORTED_TARGET simdjson)
find_package(ZLIB REQUIRED)
set(ROOM_LIBRARIES yaml-cpp PkgConfig::SIMDJSON ZLIB::ZLIB)

# The page (built from web/ by `./dev build`) and the packs become part of the program.
set(embedded ${CMAKE_BINARY_DIR}/embedded)
file(MAKE_DIRECTORY ${embedded})
file(GLOB_RECURSE page_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/web/dist/*)
file(GLOB pack_sources CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/packs/*.yaml)
add_custom_command(OUTPUT ${embedded}/page_files.cc
  COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/embed.py ${CMAKE_SOURCE_DIR}/web/dist ${embedded}/page_files.cc page_files --gzip
  DEPENDS ${page_sources} ${CMAKE_SOURCE_DIR}/tools/embed.py)
add_custom_command(OUTPUT ${embedded}/pack_files.cc
  COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/embed.py ${CMAKE_SOURCE_DIR}/packs ${embedded}/pack_files.cc pack_files
  DEPENDS ${pack_sources} ${CMAKE_SOURCE_DIR}/tools/embed.py)
list(APPEND sources ${embedded}/page_files.cc ${embedded}/pack_files.cc)
# Literals of more than 64 KiB: both compilers take them, clang says that others need not.
set_source_files_properties(${embedded}/page_files.cc ${embedded}/pack_files.cc PROPERTIES
  COMPILE_OPTIONS -Wno-overlength-strings)
