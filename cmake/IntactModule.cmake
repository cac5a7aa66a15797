# intact_module(NAME LINK targets...): the folder intact/NAME as the static library intact::NAME.
#
# Sources are every *.cc of the folder but tests, fuzz targets and benchmarks, which stand beside their
# subject: x_test.cc files become one test program NAME_test, each x_fuzz.cc its own fuzz target
# NAME_x_fuzz (with libFuzzer, or replaying its corpus as a test without), x_bench.cc files NAME_bench.

set(INTACT_WARNINGS -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Woverloaded-virtual
  -Wextra-semi -Wcast-qual -Wformat=2 -Wunused
  # Options are structs with defaults; naming some members means the others keep theirs.
  -Wno-missing-field-initializers)

add_library(intact_flags INTERFACE)
target_compile_options(intact_flags INTERFACE
  $<$<COMPILE_LANGUAGE:CXX>:${INTACT_WARNINGS}>
  # One rounding per operation, everywhere: scores must not depend on what a compiler fuses.
  -ffp-contract=off)
if(CMAKE_CXX_COMPILER_ID STREQUAL GNU AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  # Warns of std::string's own code (GCC bug 105651).
  target_compile_options(intact_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-restrict>)
endif()
if(CMAKE_CXX_COMPILER_ID MATCHES Clang)
  target_compile_options(intact_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wthread-safety>)
endif()
if(INTACT_WERROR)
  target_compile_options(intact_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Werror>)
endif()
if(INTACT_SANITIZE)
  # Our C++ alone: the grammars' C is generated tables, slow to instrument.
  set(flags -fsanitize=${INTACT_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_compile_options("$<$<COMPILE_LANGUAGE:CXX>:${flags}>")
  add_link_options(-fsanitize=${INTACT_SANITIZE})
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    # Instrumented code misleads this warning (GCC's documentation of -fsanitize says so); dev has it on.
    target_compile_options(intact_flags INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-Wno-maybe-uninitialized>)
  endif()
endif()

# The flags shape how a target is compiled and are not part of what it exports.
function(intact_use_flags target)
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:intact_flags>)
endfunction()

function(intact_module name)
  cmake_parse_arguments(ARG "" "" "LINK" ${ARGN})
  set(folder ${PROJECT_SOURCE_DIR}/intact/${name})
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cc)
  file(GLOB tests CONFIGURE_DEPENDS ${folder}/*_test.cc)
  file(GLOB fuzzers CONFIGURE_DEPENDS ${folder}/*_fuzz.cc)
  file(GLOB benches CONFIGURE_DEPENDS ${folder}/*_bench.cc)
  file(GLOB headers CONFIGURE_DEPENDS ${folder}/*.h)
  list(FILTER headers EXCLUDE REGEX "_test\\.h$")  # What tests of a module share is not installed.
  if(tests OR fuzzers OR benches)
    list(REMOVE_ITEM sources ${tests} ${fuzzers} ${benches})
  endif()

  add_library(intact_${name} STATIC ${sources})
  add_library(intact::${name} ALIAS intact_${name})
  set_target_properties(intact_${name} PROPERTIES EXPORT_NAME ${name})
  target_sources(intact_${name} PUBLIC FILE_SET HEADERS BASE_DIRS ${PROJECT_SOURCE_DIR} FILES ${headers})
  target_compile_features(intact_${name} PUBLIC cxx_std_20)
  target_link_libraries(intact_${name} PUBLIC ${ARG_LINK})
  intact_use_flags(intact_${name})
  set_property(GLOBAL APPEND PROPERTY INTACT_MODULES intact_${name})

  if(tests AND INTACT_TESTS)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE intact_${name} intact_testing GTest::gmock GTest::gtest_main)
    intact_use_flags(${name}_test)
    gtest_discover_tests(${name}_test TEST_PREFIX ${name}. DISCOVERY_TIMEOUT 60
      PROPERTIES TIMEOUT 900 LABELS unit)
  endif()
  intact_fuzzers(${name} "${fuzzers}")
  if(benches AND INTACT_BENCHMARKS)
    add_executable(${name}_bench ${benches})
    target_link_libraries(${name}_bench PRIVATE intact_${name} intact_testing benchmark::benchmark_main)
    intact_use_flags(${name}_bench)
  endif()
endfunction()

function(intact_fuzzers name fuzzers)
  foreach(source ${fuzzers})
    get_filename_component(stem ${source} NAME_WE)
    set(target ${name}_${stem})
    if(INTACT_FUZZERS)
      add_executable(${target} ${source})
      target_compile_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_options(${target} PRIVATE -fsanitize=fuzzer)
      target_link_libraries(${target} PRIVATE intact_${name} intact_testing)
      intact_use_flags(${target})
    elseif(INTACT_TESTS)
      # Without libFuzzer the target runs over its corpus and over seeded mutations of it.
      add_executable(${target} ${source})
      target_link_libraries(${target} PRIVATE intact_${name} intact_testing intact_fuzz_replay)
      intact_use_flags(${target})
      add_test(NAME ${name}.fuzz.${stem}
        COMMAND ${target} ${PROJECT_SOURCE_DIR}/fuzz/${name}_${stem})
      set_tests_properties(${name}.fuzz.${stem} PROPERTIES TIMEOUT 300 LABELS fuzz)
    endif()
  endforeach()
endfunction()

# Fakes and generators; only tests, fuzz targets and benchmarks link them.
function(intact_testing_module)
  set(folder ${PROJECT_SOURCE_DIR}/intact/testing)
  file(GLOB sources CONFIGURE_DEPENDS ${folder}/*.cc)
  list(REMOVE_ITEM sources ${folder}/fuzz_replay.cc)
  add_library(intact_testing STATIC EXCLUDE_FROM_ALL ${sources})
  target_link_libraries(intact_testing PUBLIC intact::os intact::base)
  intact_use_flags(intact_testing)
  add_library(intact_fuzz_replay STATIC EXCLUDE_FROM_ALL ${folder}/fuzz_replay.cc)
  intact_use_flags(intact_fuzz_replay)
endfunction()
