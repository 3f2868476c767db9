# Today's ClickHouse as a library, for tests: an npm package of its own, pinned by hash in
# tests/chdb/package-lock.json. `./dev test` installs it; a build needs nothing of it, and without it
# its tests are not there. The glob is looked at before each build, so that they are once it is.
file(GLOB CHDB_LIBRARY CONFIGURE_DEPENDS
  ${CMAKE_SOURCE_DIR}/tests/chdb/node_modules/@chdb/lib-linux-x64-gnu/libchdb.so)
# A library that brings its own allocator and runs uninstrumented has no place under a sanitizer.
if(CHDB_LIBRARY AND NOT SIGHTGLASS_SANITIZE AND NOT SIGHTGLASS_FUZZ)
  # What uses src/export/chdb.h is linked with this; the library itself is loaded by the test.
  add_library(chdb INTERFACE)
  target_compile_definitions(chdb INTERFACE SIGHTGLASS_CHDB_LIBRARY="${CHDB_LIBRARY}")
  target_link_libraries(chdb INTERFACE ${CMAKE_DL_LIBS})

  file(GLOB tests CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/chdb/*_test.cc)
  add_executable(test_clickhouse_today ${tests})
  target_link_libraries(test_clickhouse_today PRIVATE sg_export chdb GTest::gtest GTest::gtest_main)
  target_compile_options(test_clickhouse_today PRIVATE -O0)  # as every unit test
  add_test(NAME unit/clickhouse_today COMMAND test_clickhouse_today)
  set_tests_properties(unit/clickhouse_today PROPERTIES TIMEOUT 900 LABELS unit
    ENVIRONMENT "SIGHTGLASS_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  add_dependencies(unit_tests test_clickhouse_today)
endif()
