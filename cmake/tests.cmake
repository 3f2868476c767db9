# Tests that need the whole program register themselves below tests/.
include(${CMAKE_SOURCE_DIR}/tests/tests.cmake OPTIONAL)
