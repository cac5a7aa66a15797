# CPU flags on the kernel files alone; the level is chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(folder ${PROJECT_SOURCE_DIR}/intact/simd)
  target_compile_definitions(intact_simd PRIVATE INTACT_SIMD_X86)
  set(avx2 -mavx2 -mf16c -mbmi -mbmi2 -mlzcnt)
  set(avx512 ${avx2} -mavx512f -mavx512bw -mavx512vl -mavx512vnni)
  if(CMAKE_CXX_COMPILER_ID STREQUAL GNU)
    list(APPEND avx512 -Wno-uninitialized)  # g++ 12 warns of its own intrinsics (GCC bug 105593).
  endif()
  set_source_files_properties(${folder}/kernels_avx2.cc ${folder}/code_halves_avx2.cc PROPERTIES
    COMPILE_OPTIONS "${avx2}")
  set_source_files_properties(${folder}/kernels_avx512.cc ${folder}/code_halves_avx512.cc
    ${folder}/reach_rows_avx512.cc PROPERTIES
    COMPILE_OPTIONS "${avx512}")
  set_source_files_properties(${folder}/kernels_avx512vbmi.cc PROPERTIES
    COMPILE_OPTIONS "${avx512};-mavx512vbmi")
endif()
