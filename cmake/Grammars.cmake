# intact_grammars: the tree-sitter runtime and the grammars of nine languages as one static C library, from
# third_party/grammars, where tools/fetch_grammars.sh puts them. Only `source` includes its header.

set(INTACT_GRAMMARS ${PROJECT_SOURCE_DIR}/third_party/grammars)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tools/grammars.txt)
if(NOT EXISTS ${INTACT_GRAMMARS}/stamp)
  message(FATAL_ERROR "The tree-sitter grammars are missing: run tools/fetch_grammars.sh")
endif()
file(SHA256 ${PROJECT_SOURCE_DIR}/tools/grammars.txt grammars_wanted)
file(STRINGS ${INTACT_GRAMMARS}/stamp grammars_found LIMIT_COUNT 1)
if(NOT grammars_found STREQUAL grammars_wanted)
  message(FATAL_ERROR "The tree-sitter grammars are not those of tools/grammars.txt: run tools/fetch_grammars.sh")
endif()

# Optimised in every build type: in a debug build tests would wait for the parsers, which are not debugged here.
add_library(intact_grammars STATIC ${INTACT_GRAMMARS}/runtime/tree_sitter/core/lib/src/lib.c)
set_source_files_properties(${INTACT_GRAMMARS}/runtime/tree_sitter/core/lib/src/lib.c PROPERTIES
  COMPILE_OPTIONS -O3
  INCLUDE_DIRECTORIES
    "${INTACT_GRAMMARS}/runtime/tree_sitter/core/lib/src;${INTACT_GRAMMARS}/runtime/tree_sitter/core/lib/include")

# intact_grammar(ABI FOLDER): adds a generated parser and its scanner, if any.
function(intact_grammar abi folder)
  file(GLOB sources ${INTACT_GRAMMARS}/${folder}/src/*.c)
  target_sources(intact_grammars PRIVATE ${sources})
  set_source_files_properties(${sources} PROPERTIES
    COMPILE_OPTIONS -O2 INCLUDE_DIRECTORIES "${INTACT_GRAMMARS}/abi${abi}")
  if(INTACT_SANITIZE)
    # Generated tables: instrumenting them takes minutes and finds nothing. Scanners stay instrumented.
    set_source_files_properties(${INTACT_GRAMMARS}/${folder}/src/parser.c PROPERTIES
      COMPILE_OPTIONS "-O2;-fno-sanitize=all")
  endif()
endfunction()
intact_grammar(15 c)
intact_grammar(14 cpp)
intact_grammar(14 python)
intact_grammar(15 javascript)
intact_grammar(14 typescript/typescript)
intact_grammar(14 typescript/tsx)
intact_grammar(15 rust)
intact_grammar(15 go)
intact_grammar(14 java)

set_target_properties(intact_grammars PROPERTIES
  C_STANDARD 11 C_EXTENSIONS ON EXPORT_NAME grammars C_CLANG_TIDY "")
# Warnings off: this is not our code. Hidden TREE_SITTER symbols keep a host program's own tree-sitter apart.
target_compile_options(intact_grammars PRIVATE -w -fvisibility=hidden)
target_include_directories(intact_grammars SYSTEM INTERFACE
  $<BUILD_INTERFACE:${INTACT_GRAMMARS}/runtime/tree_sitter/core/lib/include>)
