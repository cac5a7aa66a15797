# CPU flags on the kernel files alone; the level is chosen at run time.
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|AMD64|amd64")
  set(folder ${PROJECT_SOURCE_DIR}/intact/simd)
  target_compile_definitions(intact_simd PRIVATE INTACT_SIMD_X86)
  set_source_files_properties(${folder}/kernels_avx2.cc PROPERTIES COMPILE_OPTIONS "-mavx2;-mf16c;-mbmi;-mbmi2;-mlzcnt")
  set_source_files_properties(${folder}/kernels_avx512.cc PROPERTIES COMPILE_OPTIONS
    "-mbmi;-mbmi2;-mlzcnt;-mavx512f;-mavx512bw;-mavx512vl;-mavx512vnni;$<$<CXX_COMPILER_ID:GNU>:-Wno-uninitialized>")
  # g++ 12 warns of its own intrinsics' undefined pass-through operands (GCC bug 105593).
endif()
