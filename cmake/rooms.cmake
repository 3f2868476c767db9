# One folder = one static library = one namespace. The rooms and what each may see come from
# tools/layers.txt alone: adding an edge there is the only way to link one room to another.

add_library(sightglass_flags INTERFACE)
target_compile_options(sightglass_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual -Wimplicit-fallthrough
  -Werror -fno-omit-frame-pointer)
target_include_directories(sightglass_flags INTERFACE ${CMAKE_SOURCE_DIR}/src)
if(SIGHTGLASS_SANITIZE)
  target_compile_options(sightglass_flags INTERFACE -fsanitize=${SIGHTGLASS_SANITIZE}
    -fno-sanitize-recover=all)
  target_link_options(sightglass_flags INTERFACE -fsanitize=${SIGHTGLASS_SANITIZE})
endif()
if(SIGHTGLASS_FUZZ)
  target_compile_options(sightglass_flags INTERFACE -fsanitize=fuzzer-no-link)
  target_link_options(sightglass_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
if(SIGHTGLASS_COVERAGE)
  target_compile_options(sightglass_flags INTERFACE -fprofile-instr-generate -fcoverage-mapping)
  target_link_options(sightglass_flags INTERFACE -fprofile-instr-generate)
endif()

find_package(Threads REQUIRED)
find_package(GTest REQUIRED)
find_package(PkgConfig REQUIRED)
if(SIGHTGLASS_BENCH)
  find_package(benchmark REQUIRED)
endif()

add_custom_target(unit_tests)
add_custom_target(fuzzers)

# A room's own third-party libraries stand in src/<room>/libraries.cmake, so that a glance at the
# folder tells what it leans on: it sets ROOM_LIBRARIES.
function(sightglass_room name)
  file(GLOB all CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/${name}/*.cc
       ${CMAKE_SOURCE_DIR}/src/${name}/*/*.cc)
  set(sources ${all})
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench)\\.cc$|/main\\.cc$")
  set(tests ${all})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  set(benches ${all})
  list(FILTER benches INCLUDE REGEX "_bench\\.cc$")
  set(fuzzers ${all})
  list(FILTER fuzzers INCLUDE REGEX "_fuzz\\.cc$")

  set(ROOM_LIBRARIES)
  include(${CMAKE_SOURCE_DIR}/src/${name}/libraries.cmake OPTIONAL)

  if(sources)
    add_library(sg_${name} STATIC ${sources})
    set(scope PUBLIC)
  else()
    add_library(sg_${name} INTERFACE)
    set(scope INTERFACE)
  endif()
  target_link_libraries(sg_${name} ${scope} sightglass_flags Threads::Threads ${ROOM_LIBRARIES})
  foreach(dep ${ARGN})
    target_link_libraries(sg_${name} ${scope} sg_${dep})
  endforeach()

  if(tests)
    add_executable(test_${name} ${tests})
    target_link_libraries(test_${name} PRIVATE sg_${name} GTest::gtest GTest::gtest_main)
    # What is tested is built as it is shipped; the tests themselves are not worth the optimiser's time
    # (journal_test.cc under ASan: 12.5 s at -O1, 3.6 s at -O0; for a whole build from nothing a third).
    target_compile_options(test_${name} PRIVATE -O0)
    add_test(NAME unit/${name} COMMAND test_${name})
    set_tests_properties(unit/${name} PROPERTIES TIMEOUT 3600 LABELS unit
      ENVIRONMENT "SIGHTGLASS_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
  endif()
  if(tests)
    add_dependencies(unit_tests test_${name})
  endif()
  if(benches AND SIGHTGLASS_BENCH)
    add_executable(bench_${name} ${benches})
    target_link_libraries(bench_${name} PRIVATE sg_${name} benchmark::benchmark_main)
  endif()
  # A fuzzer's corpus lies beside it: src/<room>/corpus/<fuzzer>/. Without libFuzzer the same entry
  # point replays the corpus as a unit test, so that each kept input stays a regression test.
  foreach(fuzzer ${fuzzers})
    get_filename_component(stem ${fuzzer} NAME_WE)
    if(SIGHTGLASS_FUZZ)
      add_executable(${stem} ${fuzzer})
      target_link_options(${stem} PRIVATE -fsanitize=fuzzer)
    else()
      add_executable(${stem} ${fuzzer} ${CMAKE_SOURCE_DIR}/tests/support/replay_main.cc)
      add_test(NAME corpus/${stem}
        COMMAND ${stem} ${CMAKE_SOURCE_DIR}/src/${name}/corpus/${stem})
      set_tests_properties(corpus/${stem} PROPERTIES TIMEOUT 900 LABELS corpus)
    endif()
    target_link_libraries(${stem} PRIVATE sg_${name})
    add_dependencies(fuzzers ${stem})
  endforeach()
endfunction()

function(sightglass_rooms table)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${table})
  file(STRINGS ${table} rows REGEX "^[a-z]+:")
  foreach(row ${rows})
    string(REGEX MATCH "^([a-z]+):(.*)$" _ "${row}")
    set(room ${CMAKE_MATCH_1})
    string(REGEX MATCHALL "[a-z]+" deps "${CMAKE_MATCH_2}")
    sightglass_room(${room} ${deps})
  endforeach()
  if(EXISTS ${CMAKE_SOURCE_DIR}/src/app/main.cc)
    add_executable(sightglass ${CMAKE_SOURCE_DIR}/src/app/main.cc)
    target_link_libraries(sightglass PRIVATE sg_app)
    set_target_properties(sightglass PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}
      BUILD_RPATH "$ORIGIN/lib;$ORIGIN")
  endif()
endfunction()
